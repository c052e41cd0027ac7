"""Fingerprints: equal rows share one, others do not, and neither form nor order matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse

from isthmus.anomaly.row_hash import RowHashes, choose_rows, fold_equal_rows, row_hashes
from isthmus.data.sources import open_numbers

X = np.random.default_rng(0).integers(0, 4, size=(500, 3)).astype(float)


def test_rows_are_equal_where_their_fingerprints_are() -> None:
    found = row_hashes(open_numbers(X), 1).numbers
    _, kinds = np.unique(X, axis=0, return_inverse=True)
    _, by_print = np.unique(found, return_inverse=True)
    assert len(set(zip(kinds.ravel(), by_print, strict=True))) == len(set(kinds.ravel())) == len(set(by_print))


def test_columns_are_told_apart() -> None:
    a, b = row_hashes(open_numbers(np.array([[1.0, 2.0], [2.0, 1.0]])), 0).numbers
    assert a != b


def test_the_form_of_a_table_does_not_matter() -> None:
    found = row_hashes(open_numbers(X), 3).numbers
    for form in (pd.DataFrame(X), scipy.sparse.csr_array(X), X.astype(np.float32)):
        np.testing.assert_array_equal(row_hashes(open_numbers(form), 3).numbers, found)
    assert (row_hashes(open_numbers(X), 4).numbers != found).all()


def test_a_share_is_drawn_of_kinds_of_rows() -> None:
    x = np.repeat(np.random.default_rng(1).normal(size=(200, 2)), 3, axis=0)
    chosen = choose_rows(row_hashes(open_numbers(x), 0).numbers, 0.2)
    assert chosen.sum() == 3 * 40
    np.testing.assert_array_equal(chosen.reshape(-1, 3).min(axis=1), chosen.reshape(-1, 3).max(axis=1))
    # As good as at random: the places of the 40 are spread evenly.
    assert abs(np.flatnonzero(chosen).mean() - 299.5) < 4 * 600 / np.sqrt(12 * 40)
    assert choose_rows(np.arange(5, dtype=np.uint64), 1.0).all()


def test_equal_rows_are_folded_with_their_weights() -> None:
    numbers = np.array([7, 3, 7, 9, 3, 3], np.uint64)
    places, weight = fold_equal_rows(numbers, np.array([1.0, 2, 3, 4, 5, 6]), 10)
    assert numbers[places].tolist() == [3, 7, 9]
    assert weight.tolist() == [13, 4, 4]
    assert [len(each) for each in fold_equal_rows(numbers, np.ones(6), 2)] == [2, 2]


def test_of_each_category_a_row_is_learned_from() -> None:
    numbers = np.random.default_rng(0).permutation(1000).astype(np.uint64)
    # One color that a single row has, which would be held out; one of two such rows; a common one; and one row of none.
    colors = np.zeros((1000, 1))
    colors[numbers == 3], colors[numbers == 8], colors[numbers == 9], colors[numbers == 500] = 1, 2, 2, np.nan
    held_out = set(numbers[RowHashes(numbers, colors).held_out(0.2)].tolist())
    assert held_out == set(range(200)) - {3, 9}
    # Rows that are equal to one that is learned from are so, too.
    twice = RowHashes(np.repeat(numbers, 2), np.repeat(colors, 2, axis=0))
    assert set(twice.numbers[twice.held_out(0.2)].tolist()) == held_out


def test_one_row_is_held_out_at_least() -> None:
    numbers = np.arange(12, dtype=np.uint64)
    letters = np.array([[1.0], *[[0.0]] * 11])
    assert RowHashes(numbers, letters).held_out(0.1).nonzero()[0].tolist() == [0]
    assert choose_rows(numbers, 0.02).nonzero()[0].tolist() == [0]


def test_a_column_of_values_of_its_own_leaves_the_choice_as_it_is() -> None:
    numbers = np.arange(1000, dtype=np.uint64)
    is_out = RowHashes(numbers, np.arange(1000.0)[:, None]).held_out(0.2)
    np.testing.assert_array_equal(is_out, numbers < 200)
