"""Scaling to ranks against scikit-learn, SciPy and counting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.preprocessing import QuantileTransformer

from isthmus.contracts import Arrays
from isthmus.errors import InvalidPart
from isthmus.parts.scalings import Quantile

RANDOM = np.random.default_rng(0)
X = np.stack([RANDOM.normal(size=800), RANDOM.exponential(size=800) ** 3, RANDOM.random(800) * 1e-9 + 5], axis=1)
NEW = np.concatenate([RANDOM.normal(size=(50, 3)), X[:50] + 1e-3])


def fitted(part: Quantile, x: np.ndarray, weight: np.ndarray | None = None, rows: int = 100) -> Arrays:
    """Return what is learned from a table that is read in blocks."""
    weight = np.ones(len(x)) if weight is None else weight

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((x[i : i + rows], weight[i : i + rows]) for i in range(0, len(x), rows))

    return part.fit(blocks)


@pytest.mark.parametrize("quantiles", [2, 11, 100, 1000])
def test_it_is_that_of_scikit_learn(quantiles: int) -> None:
    part = Quantile(quantiles)
    peer = QuantileTransformer(n_quantiles=min(quantiles, len(X)), subsample=None).fit(X)
    learned = fitted(part, X)
    np.testing.assert_allclose(learned["landmarks"], peer.quantiles_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(part.apply(learned, NEW), peer.transform(NEW), atol=1e-7)
    ranks = RANDOM.random((50, 3))
    np.testing.assert_allclose(part.undo(learned, ranks), peer.inverse_transform(ranks), rtol=1e-7, atol=1e-12)


def test_by_default_a_rank_is_the_share_of_rows_below() -> None:
    scaled = Quantile().apply(fitted(Quantile(), X), X)
    np.testing.assert_allclose(scaled, (stats.rankdata(X, axis=0) - 1) / (len(X) - 1), atol=1e-9)


def test_equal_values_share_their_middle_rank() -> None:
    x = np.array([0.0, 1, 1, 1, 1, 1, 2, 3, 4, 5])[:, None]
    scaled = Quantile().apply(fitted(Quantile(), x), x).ravel()
    np.testing.assert_allclose(scaled, (stats.rankdata(x.ravel()) - 1) / 9, atol=1e-12)


def test_values_beyond_the_range_become_its_ends() -> None:
    learned = fitted(Quantile(), X)
    far = np.array([[-1e300] * 3, [1e300] * 3])
    np.testing.assert_array_equal(Quantile().apply(learned, far), [[0] * 3, [1] * 3])
    np.testing.assert_allclose(Quantile().undo(learned, np.array([[-0.5] * 3, [1.5] * 3])), [X.min(0), X.max(0)])


def test_a_row_of_weight_two_is_the_row_twice_to_within_a_rank() -> None:
    weight = RANDOM.integers(1, 4, len(X))
    once = Quantile().apply(fitted(Quantile(), X, weight.astype(float)), X)
    repeated = np.repeat(X, weight, axis=0)
    twice = Quantile().apply(fitted(Quantile(), repeated), X)
    np.testing.assert_allclose(once, twice, atol=2 * weight.max() / weight.sum())
    even = Quantile().apply(fitted(Quantile(), X), X)
    assert np.abs(once - even).max() > 2 * weight.max() / weight.sum(), "the weights change nothing"


def test_one_row_and_constant_columns_pass() -> None:
    for x in (np.array([[2.0]]), np.full((7, 1), 2.0)):
        learned = fitted(Quantile(), x)
        scaled = Quantile().apply(learned, x)
        assert ((scaled >= 0) & (scaled <= 1)).all()
        np.testing.assert_array_equal(Quantile().undo(learned, scaled), x)


@pytest.mark.parametrize("rows", [100, 333, 800])
def test_a_large_table_is_seen_through_evenly_spaced_rows(rows: int) -> None:
    part = Quantile(rows=200)
    learned = fitted(part, X, rows=rows)  # 800 rows: every fourth
    peer = QuantileTransformer(n_quantiles=200, subsample=None).fit(X[::4])
    np.testing.assert_allclose(learned["landmarks"], peer.quantiles_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantiles": 1}, "Quantile.quantiles must be at least 2. Got 1."),
        ({"rows": 1}, "Quantile.rows must be at least 2. Got 1."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Quantile(**settings)
    assert str(caught.value) == message
