"""Denoising: the error is against the clean row, and rows held out come out cleaner than they went in."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

import isthmus
from isthmus.contracts import Corruption
from isthmus.core.spelling import resolve

X = load_digits().data / 16
TRAIN, TEST = X[:1400], X[1400:]
SETTINGS: dict[str, Any] = {"encoder": (128,), "scaling": None, "max_epochs": 40, "optimizer": "adam(0.003)"}


def psnr(clean: np.ndarray, other: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, of a peak of 1."""
    return float(10 * np.log10(1 / np.mean(np.square(clean - other))))


@functools.cache
def plain() -> isthmus.Autoencoder:
    return isthmus.Autoencoder(24, **SETTINGS).fit(TRAIN)


@pytest.mark.parametrize(
    ("noise", "gain"),
    [("gaussian(0.3)", 4.5), ("masking(0.3)", 4.0), ("salt_and_pepper(0.2)", 5.0), ("block(0.2, shape=(8, 8))", 2.0)],
)
def test_noisy_digits_held_out_come_out_cleaner(noise: str, gain: float) -> None:
    part: Any = resolve(Corruption, noise)
    rows = jnp.array(TEST.reshape(-1, 64), jnp.float32)
    noisy = np.asarray(part(rows, jax.random.key(7)))
    trained = isthmus.denoising(24, noise=noise, **SETTINGS).fit(TRAIN)
    before, after = psnr(TEST, noisy), psnr(TEST, trained.reconstruct(noisy))
    assert after > before + gain
    assert after > psnr(TEST, plain().reconstruct(noisy)) + 0.5


def test_masking_falls_on_entries_of_any_table() -> None:
    """Each entry by itself: not whole rows, not whole columns."""
    x = jnp.ones((400, 7))
    masked = np.asarray(resolve(Corruption, "masking(0.4)")(x, jax.random.key(0))) == 0  # type: ignore[operator]
    assert masked.mean() == pytest.approx(0.4, abs=0.04)
    assert np.abs(masked.mean(axis=0) - 0.4).max() < 0.1
    together = (masked[:, :, None] & masked[:, None, :]).mean(axis=0)
    others = together[~np.eye(7, dtype=bool)]
    assert np.abs(others - 0.16).max() < 0.08  # independent by pairs
