"""Groups in batches: none is cut that fits, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.training.epoch import pack_groups


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(2, 12), st.integers(0, 5))
def test_every_row_comes_once_and_groups_stay_together(groups: list[int], size: int, seed: int) -> None:
    numbers = np.array(groups)
    rows = np.random.default_rng(seed).permutation(len(numbers))
    order = pack_groups(rows, numbers, 2 * -(-len(rows) // size) + 1, size)
    assert sorted(order[order >= 0].tolist()) == list(range(len(rows)))
    for group in np.unique(numbers):
        batches = {int(b) for b, batch in enumerate(order) if (numbers[batch[batch >= 0]] == group).any()}
        if (numbers == group).sum() <= size:
            assert len(batches) == 1
    filled = (order >= 0).any(axis=1)
    assert not filled[np.argmin(filled) :].any() or filled.all()


def test_groups_come_in_the_order_of_the_rows() -> None:
    order = pack_groups(np.array([3, 0, 1, 2]), np.array([0, 0, 1, 1]), 5, 2)
    np.testing.assert_array_equal(order[:2], [[3, 2], [0, 1]])


@pytest.mark.parametrize("size", [3, 5])
def test_a_group_larger_than_a_batch_is_cut(size: int) -> None:
    order = pack_groups(np.arange(11), np.zeros(11, int), 2 * -(-11 // size) + 1, size)
    assert (order >= 0).sum(axis=1).tolist()[: -(-11 // size)] == [size] * (11 // size) + [11 % size]
