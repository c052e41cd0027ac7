"""Gaussian noise has the moments and the shape of a normal distribution."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy import stats

from isthmus.errors import InvalidPart
from isthmus.parts.corruptions import Gaussian

X = np.random.default_rng(0).normal(size=(2000, 50)).astype(np.float32)

corrupt = jax.jit(lambda part, x, key: part(x, key))


@pytest.mark.parametrize(("part", "deviation"), [(Gaussian(), 0.3), (Gaussian(2.0), 2.0)], ids=str)
def test_the_noise_is_normal(part: Gaussian, deviation: float) -> None:
    noise = np.asarray(corrupt(part, X, jax.random.key(0)) - X, np.float64).ravel()
    error = deviation / np.sqrt(noise.size)
    assert abs(noise.mean()) < 4 * error
    assert abs(noise.std() - deviation) < 4 * error / np.sqrt(2)
    assert stats.kstest(noise, stats.norm(scale=deviation).cdf).pvalue > 1e-3


def test_the_noise_is_drawn_for_each_entry_alone() -> None:
    noise = np.asarray(corrupt(Gaussian(), X, jax.random.key(1)) - X)
    assert len(np.unique(noise)) > 0.9 * noise.size
    neighbors = np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]
    assert abs(neighbors) < 4 / np.sqrt(noise.size)


def test_no_deviation_is_no_noise() -> None:
    np.testing.assert_array_equal(corrupt(Gaussian(0), X, jax.random.key(0)), X)


def test_a_deviation_below_zero_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^Gaussian\.deviation must be at least 0\. Got -0\.1\.$"):
        Gaussian(-0.1)
