"""Fingerprints: equal rows share one, others do not, and neither form nor order matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse

from isthmus.anomaly.row_hash import choose_rows, fold_equal_rows, row_hashes
from isthmus.data.sources import open_numbers

X = np.random.default_rng(0).integers(0, 4, size=(500, 3)).astype(float)


def test_rows_are_equal_where_their_fingerprints_are() -> None:
    found = row_hashes(open_numbers(X), 1)
    _, kinds = np.unique(X, axis=0, return_inverse=True)
    _, by_print = np.unique(found, return_inverse=True)
    assert len(set(zip(kinds.ravel(), by_print, strict=True))) == len(set(kinds.ravel())) == len(set(by_print))


def test_columns_are_told_apart() -> None:
    a, b = row_hashes(open_numbers(np.array([[1.0, 2.0], [2.0, 1.0]])), 0)
    assert a != b


def test_the_form_of_a_table_does_not_matter() -> None:
    found = row_hashes(open_numbers(X), 3)
    for form in (pd.DataFrame(X), scipy.sparse.csr_array(X), X.astype(np.float32)):
        np.testing.assert_array_equal(row_hashes(open_numbers(form), 3), found)
    assert (row_hashes(open_numbers(X), 4) != found).all()


def test_a_share_is_drawn_of_kinds_of_rows() -> None:
    x = np.repeat(np.random.default_rng(1).normal(size=(200, 2)), 3, axis=0)
    chosen = choose_rows(row_hashes(open_numbers(x), 0), 0.2)
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
