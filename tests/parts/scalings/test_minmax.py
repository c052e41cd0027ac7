"""Scaling to the range from 0 to 1 against scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import MinMaxScaler

from isthmus.parts.scalings import Minmax

X = np.random.default_rng(0).normal(size=(300, 3)) * [1.0, 1e-6, 1e6] + [0.0, 5.0, -1e6]
NEW = X[:50] * 3


def test_it_is_that_of_scikit_learn() -> None:
    peer = MinMaxScaler().fit(X)
    learned = Minmax().fit(lambda: iter([(X[:100], np.ones(100)), (X[100:], np.full(200, 0.5))]))
    np.testing.assert_array_equal(learned["lowest"], peer.data_min_)
    np.testing.assert_array_equal(learned["range"], peer.data_range_)
    np.testing.assert_allclose(Minmax().apply(learned, NEW), peer.transform(NEW), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(Minmax().undo(learned, NEW), peer.inverse_transform(NEW), rtol=1e-9)


def test_the_ends_are_zero_and_one() -> None:
    learned = Minmax().fit(lambda: iter([(X, np.ones(300))]))
    scaled = Minmax().apply(learned, X)
    np.testing.assert_array_equal(scaled.min(axis=0), 0)
    np.testing.assert_array_equal(scaled.max(axis=0), 1)


def test_a_constant_column_becomes_zero() -> None:
    learned = Minmax().fit(lambda: iter([(np.full((5, 1), 1e9), np.ones(5))]))
    np.testing.assert_array_equal(Minmax().apply(learned, np.array([[1e9], [1e9 + 3]])), [[0], [3]])
    np.testing.assert_array_equal(Minmax().undo(learned, np.array([[0.0]])), [[1e9]])
