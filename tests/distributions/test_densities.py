"""What every density keeps, found by numerical integration over a fine grid: it knows nothing of the formulas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import cumulative_simpson, simpson
from scipy.special import log_softmax

from isthmus.distributions.histogram import HistogramOutcome
from isthmus.distributions.multivariate_normal import MultivariateNormalOutcome
from isthmus.distributions.normal import NormalOutcome
from isthmus.distributions.normal_mixture import NormalMixtureOutcome
from tiny import Compiled

DRAWS, ROWS, COLUMNS, COMPONENTS, BINS = 1, 3, 2, 3, 5
RANDOM = np.random.default_rng(0)
CENTER = RANDOM.normal(size=(DRAWS, ROWS, COLUMNS))
DEVIATION = np.exp(0.5 * RANDOM.normal(size=CENTER.shape))
SLOPE = np.tril(RANDOM.normal(size=(DRAWS, ROWS, COLUMNS, COLUMNS)), -1)
LOG_SHARE = log_softmax(RANDOM.normal(size=(DRAWS, ROWS, COMPONENTS)), axis=-1)
CENTERS = 2 * RANDOM.normal(size=(DRAWS, ROWS, COMPONENTS, COLUMNS))
DEVIATIONS = np.exp(0.5 * RANDOM.normal(size=CENTERS.shape) - 0.5)
BIN_SHARE = log_softmax(RANDOM.normal(size=(DRAWS, ROWS, COLUMNS, BINS)), axis=-1)
EDGES = np.broadcast_to(np.array([[-2.0, -1.0, 0.0, 0.2, 1.5, 3.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]), (1, ROWS, 2, 6))

ARRAYS: dict[str, tuple[Any, list[np.ndarray]]] = {
    "normal": (NormalOutcome, [CENTER, DEVIATION]),
    "correlated": (MultivariateNormalOutcome, [CENTER, SLOPE, DEVIATION]),
    "mixed": (NormalMixtureOutcome, [LOG_SHARE, CENTERS, DEVIATIONS]),
    "binned": (HistogramOutcome, [BIN_SHARE, EDGES, np.zeros((DRAWS, ROWS))]),
    "smoothed": (HistogramOutcome, [BIN_SHARE, EDGES, np.full((DRAWS, ROWS), 0.75)]),
}

GRID = np.unique(np.concatenate([np.linspace(-14, 18, 20_001), np.arange(-2, 6), [0.2, 1.5]]))
QUANTILES = (1e-6, 0.03, 0.5, 0.9, 0.99999)
X = np.array([[-0.3, 0.4], [1.4, 3.7], [-2.6, 5.4]])  # the last row lies outside all bins


@pytest.fixture(params=list(ARRAYS))
def outcome(request: pytest.FixtureRequest) -> Iterator[Any]:
    kind, arrays = ARRAYS[request.param]
    with jax.enable_x64(True):
        yield Compiled(kind(*map(jnp.array, arrays)))


def over_grid(function: Any) -> np.ndarray:
    """Return a function of one number for every row at all points of the grid, [points, rows, columns]."""
    return np.asarray(jax.jit(jax.vmap(lambda t: function(jnp.full((ROWS, COLUMNS), t))[0]))(jnp.array(GRID)))


def density(outcome: Any) -> np.ndarray:
    """Return the density by column on the grid; where it jumps, it is the mean of both sides."""
    return np.exp(over_grid(outcome.marginal_log_prob))


def pieces(values: np.ndarray) -> np.ndarray:
    """Return the integral over the grid of a function that is flat or smooth between its points."""
    return simpson(values, x=GRID, axis=0)


def test_the_whole_is_one_and_the_moments_are_those_of_the_density(outcome: Any) -> None:
    each = density(outcome)
    t = GRID[:, None, None]
    np.testing.assert_allclose(pieces(each), 1, atol=2e-3)
    mean = pieces(t * each)
    np.testing.assert_allclose(outcome.mean()[0], mean, atol=5e-3)
    np.testing.assert_allclose(outcome.variance()[0], pieces((t - mean) ** 2 * each), rtol=1e-2)


def test_the_cdf_is_the_integral_of_the_density(outcome: Any) -> None:
    cdf = over_grid(outcome.cdf)
    found = cumulative_simpson(density(outcome), x=GRID, axis=0, initial=0)
    np.testing.assert_allclose(cdf, found, atol=2e-3)
    assert (np.diff(cdf, axis=0) >= 0).all()
    slope = np.gradient(cdf, GRID, axis=0)
    is_smooth = np.min(np.abs(GRID[:, None] - np.array([*np.arange(-2, 6), 0.2, 1.5])), axis=1) > 4e-3
    np.testing.assert_allclose(slope[is_smooth], density(outcome)[is_smooth], atol=1e-5)


def test_the_quantile_inverts_the_cdf(outcome: Any) -> None:
    for q in QUANTILES:
        found = outcome.quantile(jnp.array(q))
        assert found.shape == (1, ROWS, COLUMNS)
        np.testing.assert_allclose(outcome.cdf(found[0]), q, rtol=1e-9)
    same = outcome.quantile(jnp.full((ROWS, COLUMNS), 0.9))
    np.testing.assert_allclose(same, outcome.quantile(jnp.array(0.9)), rtol=1e-12)


def test_the_score_is_the_integral_over_the_squared_miss(outcome: Any) -> None:
    cdf = over_grid(outcome.cdf)
    for x in (X, X[::-1], X + 0.1):
        miss = (cdf - (GRID[:, None, None] >= x)) ** 2
        np.testing.assert_allclose(outcome.crps(jnp.array(x))[0], pieces(miss), atol=1.5e-3)


def test_samples_are_drawn_from_it(outcome: Any) -> None:
    """The share of draws below some quantiles is theirs, within 4.5 standard errors."""
    draws = np.asarray(jax.jit(jax.vmap(outcome.sample))(jax.random.split(jax.random.key(0), 4000)))[:, 0]
    for q in (0.03, 0.5, 0.9):
        share = (draws <= np.asarray(outcome.quantile(jnp.array(q)))[0]).mean(axis=0)
        assert (np.abs(share - q) < 4.5 * np.sqrt(q * (1 - q) / 4000)).all()


def test_the_joint_density_is_one_of_rows(outcome: Any) -> None:
    """Over both columns together it integrates to one, and over the second to the density of the first."""
    grid = np.linspace(-14, 18, 321) + 1e-3
    pairs = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    every = jnp.ones((ROWS, 2), bool)
    joint = jax.jit(jax.vmap(lambda x: outcome.joint_log_prob(jnp.broadcast_to(x, (ROWS, 2)), every)[0]))(
        jnp.array(pairs)
    )
    first = np.exp(np.asarray(joint)).reshape(321, 321, ROWS).sum(axis=1) * 0.1
    alone = jax.jit(jax.vmap(lambda t: outcome.marginal_log_prob(jnp.full((ROWS, 2), t))[0, :, 0]))(jnp.array(grid))
    np.testing.assert_allclose(first, np.exp(alone), atol=2e-3)
    np.testing.assert_allclose(first.sum(axis=0) * 0.1, 1, atol=2e-2)


def test_what_is_not_observed_is_integrated_out(outcome: Any) -> None:
    observed = np.array([[True, False], [False, True], [False, False]])
    x = jnp.array(np.where(observed, X, np.nan))
    alone = np.where(observed, np.asarray(outcome.marginal_log_prob(jnp.array(X)))[0], 0)
    np.testing.assert_allclose(outcome.joint_log_prob(x, observed)[0], alone.sum(axis=1), rtol=1e-12)
    arrays, tree = jax.tree.flatten(outcome.tree)

    def total(arrays: Any) -> Any:
        return jnp.sum(jax.tree.unflatten(tree, arrays).log_prob_by_column(x, observed))

    for gradient in jax.jit(jax.grad(total))(arrays):
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient[0, 2], 0)


def test_the_slope_of_every_number_is_that_of_finite_differences(outcome: Any) -> None:
    arrays, tree = jax.tree.flatten(outcome.tree)
    x = jnp.array(X[:, ::-1] * 0.5)
    some = np.array([[True, False], [True, True], [False, True]])

    @jax.jit
    def both(arrays: Any) -> Any:
        known = jax.tree.unflatten(tree, arrays)
        return jnp.stack([known.log_prob(x).sum(), known.log_prob(x, some).sum(), known.crps(x).sum()])

    slopes = jax.jit(jax.jacobian(both))(arrays)
    random = np.random.default_rng(1)
    for place, array in enumerate(arrays):
        if array.shape[2:] == (COLUMNS, BINS + 1) or array.ndim == 2:
            continue  # edges and smoothing do not learn
        way = random.normal(size=array.shape)
        ends = [np.asarray(both([*arrays[:place], array + step * way, *arrays[place + 1 :]])) for step in (1e-6, -1e-6)]
        expected = (ends[0] - ends[1]) / 2e-6
        found = np.asarray(slopes[place]).reshape(3, -1) @ way.ravel()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
