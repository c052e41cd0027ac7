"""Salt-and-pepper noise strikes a share of the entries, half of them low and half of them high."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from isthmus.errors import InvalidPart
from isthmus.parts.corruptions import SaltAndPepper

X = 0.25 + 0.5 * np.random.default_rng(0).random(size=(2000, 50)).astype(np.float32)  # in [0.25, 0.75]

corrupt = jax.jit(lambda part, x, key: part(x, key))


@pytest.mark.parametrize(
    ("part", "share", "low", "high"),
    [(SaltAndPepper(), 0.3, 0.0, 1.0), (SaltAndPepper(0.5, low=-1, high=2), 0.5, -1.0, 2.0)],
    ids=["default", "other"],
)
def test_half_of_a_share_is_low_and_half_is_high(part: SaltAndPepper, share: float, low: float, high: float) -> None:
    corrupted = np.asarray(corrupt(part, X, jax.random.key(0)))
    for value in (low, high):
        chance = share / 2
        assert abs((corrupted == value).mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / X.size)
    is_struck = (corrupted == low) | (corrupted == high)
    np.testing.assert_array_equal(corrupted[~is_struck], X[~is_struck])


def test_which_entries_are_struck_does_not_depend_on_the_values() -> None:
    key = jax.random.key(1)
    one = np.asarray(corrupt(SaltAndPepper(), X, key)) != X
    other = np.asarray(corrupt(SaltAndPepper(), X / 2 + 0.1, key)) != X / 2 + np.float32(0.1)
    np.testing.assert_array_equal(one, other)


def test_the_ends_of_the_range() -> None:
    np.testing.assert_array_equal(corrupt(SaltAndPepper(0), X, jax.random.key(0)), X)
    assert set(np.unique(corrupt(SaltAndPepper(1), X, jax.random.key(0)))) == {0.0, 1.0}


@pytest.mark.parametrize("fraction", [-0.1, 1.3])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(InvalidPart) as caught:
        SaltAndPepper(fraction)
    assert str(caught.value) == f"SaltAndPepper.fraction must be in [0, 1]. Got {fraction}."
