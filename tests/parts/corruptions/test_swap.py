"""Swap noise: entries of other rows, column by column."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import InvalidPart, Swap

X = np.arange(2000.0).reshape(400, 5)  # every value tells its row and its column


def test_entries_come_from_other_rows_of_their_column() -> None:
    swapped = np.asarray(Swap(0.3)(jnp.array(X), jax.random.key(0)))
    np.testing.assert_array_equal(swapped % 5, X % 5)
    is_other = swapped != X
    # 0.3 of 2,000 entries, and one in 400 meets itself: 598.5 ± 20.5
    assert abs(is_other.sum() - 598.5) < 4 * 20.5
    sources = (swapped[is_other] // 5).astype(int)
    assert len(set(sources.tolist())) > 250
    assert np.abs(np.bincount(sources // 100, minlength=4) / len(sources) - 0.25).max() < 0.08


def test_with_fraction_0_nothing_moves_and_with_1_each_entry_is_drawn_by_itself() -> None:
    np.testing.assert_array_equal(Swap(0.0)(jnp.array(X), jax.random.key(0)), X)
    rows = np.asarray(Swap(1.0)(jnp.array(X), jax.random.key(0))) // 5
    assert (rows[:, 0] != rows[:, 1]).mean() > 0.95
    assert (rows != X // 5).mean() > 0.98


def test_a_fraction_is_a_share() -> None:
    with pytest.raises(InvalidPart, match=r"Swap\.fraction must be in \[0, 1\]\. Got 1\.5\."):
        Swap(1.5)
