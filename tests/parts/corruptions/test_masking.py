"""Masking noise sets a share of the entries to zero and leaves the others to the bit."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from isthmus.errors import InvalidPart
from isthmus.parts.corruptions import Masking

X = 1 + np.random.default_rng(0).random(size=(2000, 50)).astype(np.float32)  # nowhere zero

corrupt = jax.jit(lambda part, x, key: part(x, key))


@pytest.mark.parametrize(("part", "share"), [(Masking(), 0.3), (Masking(0.75), 0.75)], ids=str)
def test_a_share_is_zero_and_the_rest_is_untouched(part: Masking, share: float) -> None:
    corrupted = np.asarray(corrupt(part, X, jax.random.key(0)))
    is_masked = corrupted == 0
    np.testing.assert_array_equal(corrupted[~is_masked], X[~is_masked])
    assert abs(is_masked.mean() - share) < 4 * np.sqrt(share * (1 - share) / X.size)


def test_entries_are_masked_one_by_one() -> None:
    is_masked = np.asarray(corrupt(Masking(), X, jax.random.key(1))) == 0
    # 50 entries a row, each with chance 0.3: the counts of the rows are binomial.
    counts = is_masked.sum(axis=1)
    assert counts.var() == pytest.approx(50 * 0.3 * 0.7, rel=0.15)
    columns = is_masked.mean(axis=0)
    assert np.abs(columns - 0.3).max() < 4.5 * np.sqrt(0.3 * 0.7 / len(X))


@pytest.mark.parametrize(("fraction", "expected"), [(0, X), (1, np.zeros_like(X))])
def test_the_ends_of_the_range(fraction: float, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(corrupt(Masking(fraction), X, jax.random.key(0)), expected)


@pytest.mark.parametrize("fraction", [-0.1, 1.3])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(InvalidPart) as caught:
        Masking(fraction)
    assert str(caught.value) == f"Masking.fraction must be in [0, 1]. Got {fraction}."
