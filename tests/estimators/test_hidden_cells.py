"""Cells are hidden at random and by value, and how far fillings are off is read of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import norm

from isthmus.estimators._hidden_cells import HIDINGS, RANKS, chance_to_be_hidden, hide_cells, residual_quantiles


def test_cells_are_hidden_by_value() -> None:
    """Of 1, 2, 3, 4 weights (i / 4)² + 1/20, of the mean 0.51875; of a column without values none is larger."""
    x = np.array([[4.0, np.nan], [2.0, np.nan], [1.0, np.nan], [3.0, np.nan]])
    weight = np.array([1, 0.25, 0.0625, 0.5625]) + 0.05
    np.testing.assert_allclose(chance_to_be_hidden(x, 0.2, "large")[:, 0], 0.2 * weight / 0.51875)
    np.testing.assert_allclose(chance_to_be_hidden(-x, 0.2, "small")[:, 0], 0.2 * weight / 0.51875)
    np.testing.assert_array_equal(chance_to_be_hidden(x, 0.2, "at random"), np.full((4, 2), 0.2))
    assert np.isfinite(chance_to_be_hidden(x, 0.2, "large")).all()


def test_quantiles_are_those_of_hidden_cells() -> None:
    """Filled with 0 and σ̂ 2, normal cells are off by halves of themselves; the small are further down, the large up."""
    random = np.random.default_rng(0)
    x = np.stack([random.normal(size=4000), random.integers(0, 2, 4000), random.normal(size=4000)], axis=1)
    x[15:, 2] = np.nan  # few cells: those of all columns stand for them

    def predict(is_hidden: np.ndarray) -> Any:
        return SimpleNamespace(mean=np.zeros(is_hidden.shape), uncertainty=np.full(is_hidden.shape, 2.0))

    hidings = hide_cells(x, predict, np.array([True, True, False]), np.random.default_rng(1))
    assert [hiding.way for hiding in hidings] == list(HIDINGS)
    assert not any(hiding.is_hidden[np.isnan(x)].any() for hiding in hidings)
    found = residual_quantiles(x, hidings, np.array([False, True, False]))
    assert found.shape == (len(RANKS), 3)
    assert (found[:, 1] == 0).all()
    assert (np.diff(found, axis=0) >= 0).all()
    low, high = np.interp([0.05, 0.95], RANKS, found[:, 0])
    # Of cells hidden by value the density is φ(z) (Φ(−z)² + .05) / (1/3 + .05); half of the cells are hidden so.
    z = np.linspace(-8, 8, 20_001)
    density = norm.pdf(z) * (0.5 + 0.5 * (norm.cdf(-z) ** 2 + 0.05) / (1 / 3 + 0.05))
    due = z[np.searchsorted(np.cumsum(density) / density.sum(), 0.05)] / 2
    np.testing.assert_allclose([low, high], [due, -due], atol=0.1)
    np.testing.assert_allclose(found[:, 2], found[:, 0], atol=0.2)
