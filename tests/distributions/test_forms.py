"""Each density by its own formula: against SciPy, and against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from isthmus.distributions.histogram import OUTSIDE, REACH, HistogramOutcome
from isthmus.distributions.multivariate_normal import MultivariateNormalOutcome
from isthmus.distributions.normal import NormalOutcome
from isthmus.distributions.normal_mixture import NormalMixtureOutcome
from isthmus.distributions.quantiles import edges, quantiles
from tiny import Compiled

RANDOM = np.random.default_rng(0)
ROWS, COLUMNS = 4, 3
X = RANDOM.normal(size=(ROWS, COLUMNS))
CENTER = RANDOM.normal(size=(1, ROWS, COLUMNS))
SLOPE = np.tril(RANDOM.normal(size=(1, ROWS, COLUMNS, COLUMNS)), -1)
DEVIATION = np.exp(0.5 * RANDOM.normal(size=CENTER.shape))
PATTERNS = [np.array(each) for each in product([True, False], repeat=COLUMNS)]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def correlated() -> tuple[Any, list[Any]]:
    """Return an outcome, and SciPy's parameters of its rows."""
    inverse = [np.linalg.inv(np.eye(COLUMNS) - slope) for slope in SLOPE[0]]
    covariances = [each @ np.diag(s**2) @ each.T for each, s in zip(inverse, DEVIATION[0], strict=True)]
    return Compiled(MultivariateNormalOutcome(*map(jnp.array, (CENTER, SLOPE, DEVIATION)))), covariances


def test_a_normal_column_is_scipys() -> None:
    known = stats.norm(CENTER, DEVIATION)
    outcome = Compiled(NormalOutcome(jnp.array(CENTER), jnp.array(DEVIATION)))
    np.testing.assert_allclose(outcome.marginal_log_prob(jnp.array(X)), known.logpdf(X), rtol=1e-12)
    np.testing.assert_allclose(outcome.cdf(jnp.array(X)), known.cdf(X), rtol=1e-12)
    np.testing.assert_allclose(outcome.quantile(jnp.array(0.2)), known.ppf(0.2), rtol=1e-12)
    np.testing.assert_allclose(outcome.variance(), known.var(), rtol=1e-12)


def test_the_score_of_a_standard_normal_at_its_mean() -> None:
    """∫ (Φ(t) − [t ≥ 0])² dt = (√2 − 1) / √π."""
    outcome = Compiled(NormalOutcome(jnp.zeros((1, 1, 1)), jnp.ones((1, 1, 1))))
    assert outcome.crps(jnp.zeros((1, 1))).item() == pytest.approx((2**0.5 - 1) / np.pi**0.5, rel=1e-12)


def test_columns_that_go_together_are_scipys() -> None:
    outcome, covariances = correlated()
    found = outcome.log_prob_by_column(jnp.array(X))[0]
    for i, covariance in enumerate(covariances):
        expected = stats.multivariate_normal(CENTER[0, i], covariance).logpdf(X[i])
        assert float(found[i].sum()) == pytest.approx(expected, rel=1e-10)
        np.testing.assert_allclose(outcome.factor()[0, i], np.linalg.cholesky(covariance), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(outcome.variance()[0, i], np.diag(covariance), rtol=1e-10)


def test_each_column_is_told_given_those_before_it() -> None:
    outcome, covariances = correlated()
    found = np.cumsum(outcome.log_prob_by_column(jnp.array(X))[0], axis=-1)
    for i, j in product(range(ROWS), range(COLUMNS)):
        block = slice(0, j + 1)
        expected = stats.multivariate_normal(CENTER[0, i, block], covariances[i][block, block]).logpdf(X[i, block])
        assert found[i, j] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("observed", PATTERNS, ids=str)
def test_the_rest_of_a_row_that_goes_together_is_integrated_out(observed: np.ndarray) -> None:
    outcome, covariances = correlated()
    x = np.where(observed, X, np.nan)
    mask = np.broadcast_to(observed, X.shape)
    found = np.asarray(outcome.log_prob(jnp.array(x), mask))[0]
    completed = np.asarray(outcome.conditional_mean(jnp.array(x), mask))[0]
    for i, covariance in enumerate(covariances):
        center, rest = CENTER[0, i], ~observed
        block = covariance[np.ix_(observed, observed)]
        residual = X[i, observed] - center[observed]
        expected = stats.multivariate_normal(center[observed], block).logpdf(X[i, observed]) if observed.any() else 0.0
        assert found[i] == pytest.approx(expected, rel=1e-10)
        known = center[rest] + covariance[np.ix_(rest, observed)] @ np.linalg.solve(block, residual)
        np.testing.assert_allclose(completed[i, rest], known, rtol=1e-9)
        np.testing.assert_array_equal(completed[i, observed], X[i, observed])


def test_rows_that_are_all_but_one_line_lose_no_density() -> None:
    """In 32 bits the Cholesky decomposition of this covariance fails: its numbers differ by 1e-8."""
    with jax.enable_x64(False):
        outcome = Compiled(
            MultivariateNormalOutcome(
                jnp.zeros((1, 1, 2)), jnp.array([[[[0.0, 0.0], [1.0, 0.0]]]]), jnp.array([[[1.0, 1e-4]]])
            )
        )
        assert np.isnan(jnp.linalg.cholesky(jnp.array([[1.0, 1.0], [1.0, 1.0 + 1e-8]]))).any()
        found = outcome.log_prob_by_column(jnp.ones((1, 2)), jnp.ones((1, 2), bool))
        expected = stats.norm(0, [1, 1e-4]).logpdf([1, 0])
        np.testing.assert_allclose(found[0, 0], expected, rtol=1e-3)


SHARE = softmax(RANDOM.normal(size=(1, ROWS, 2)), axis=-1)
CENTERS = RANDOM.normal(size=(1, ROWS, 2, COLUMNS))
DEVIATIONS = np.exp(0.5 * RANDOM.normal(size=CENTERS.shape))


def mixed() -> Any:
    return Compiled(NormalMixtureOutcome(jnp.log(jnp.array(SHARE)), jnp.array(CENTERS), jnp.array(DEVIATIONS)))


@pytest.mark.parametrize("observed", PATTERNS, ids=str)
def test_a_mixture_adds_up_over_its_components(observed: np.ndarray) -> None:
    mask = np.broadcast_to(observed, X.shape)
    x = jnp.array(np.where(observed, X, np.nan))
    found, completed = np.asarray(mixed().log_prob(x, mask))[0], np.asarray(mixed().conditional_mean(x, mask))[0]
    for i in range(ROWS):
        each = [
            SHARE[0, i, c] * stats.norm(CENTERS[0, i, c], DEVIATIONS[0, i, c]).pdf(X[i])[observed].prod()
            for c in range(2)
        ]
        assert found[i] == pytest.approx(np.log(sum(each)), rel=1e-10, abs=1e-12)
        expected = (each[0] * CENTERS[0, i, 0] + each[1] * CENTERS[0, i, 1]) / sum(each)
        np.testing.assert_allclose(completed[i], np.where(observed, X[i], expected), rtol=1e-10)
    if observed.all():
        np.testing.assert_allclose(mixed().log_prob_by_column(x).sum(axis=-1)[0], found, rtol=1e-10)


def test_a_mixture_tells_each_column_given_those_before_it() -> None:
    found = np.cumsum(mixed().log_prob_by_column(jnp.array(X))[0], axis=-1)
    for i, j in product(range(ROWS), range(COLUMNS)):
        density = stats.norm(CENTERS[0, i], DEVIATIONS[0, i]).pdf(X[i])[:, : j + 1].prod(axis=1)
        assert found[i, j] == pytest.approx(np.log(SHARE[0, i] @ density), rel=1e-10)


def test_a_mixture_of_one_is_normal() -> None:
    center, deviation = jnp.array(CENTER), jnp.array(DEVIATION)
    one = Compiled(NormalMixtureOutcome(jnp.zeros((1, ROWS, 1)), center[:, :, None], deviation[:, :, None]))
    plain = Compiled(NormalOutcome(center, deviation))
    for name in ("log_prob_by_column", "marginal_log_prob", "cdf", "crps"):
        np.testing.assert_allclose(getattr(one, name)(X), getattr(plain, name)(jnp.array(X)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.quantile(jnp.array(0.9)), plain.quantile(jnp.array(0.9)), rtol=1e-9)


BINS = np.array([0.0, 1.0, 3.0, 4.0])
Q = np.array([0.2, 0.5, 0.3])


def binned(smoothing: float, q: np.ndarray = Q, ends: np.ndarray = BINS) -> Any:
    """Return a histogram of one column for one row."""
    return Compiled(
        HistogramOutcome(*map(jnp.array, (np.log(q)[None, None, None], ends[None, None, None], [[smoothing]])))
    )


def test_a_histogram_by_hand() -> None:
    outcome, within = binned(0.0), 1 - OUTSIDE
    x = jnp.array([[0.5], [1.0], [2.9], [4.0]])
    expected = np.log(within * np.array([0.2, 0.25, 0.25, 0.3]))
    np.testing.assert_allclose(outcome.log_prob_by_column(x)[0, :, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(outcome.marginal_log_prob(x)[0, :, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(outcome.cdf(x)[0, :, 0], OUTSIDE / 2 + within * np.array([0.1, 0.2, 0.675, 1]))
    assert outcome.mean().item() == pytest.approx(within * (0.1 + 1.0 + 1.05) + OUTSIDE * 2.0, rel=1e-12)


def test_the_tails_of_a_histogram_are_exponential() -> None:
    reach = 4 * REACH
    x = jnp.array([[-1.0], [5.0], [400.0]])
    known = stats.expon(scale=reach)
    for smoothing in (0.0, 1.0):
        found = binned(smoothing).log_prob_by_column(x)[0, :, 0]
        np.testing.assert_allclose(found, np.log(OUTSIDE / 2) + known.logpdf([1.0, 1.0, 396.0]), rtol=1e-12)
    np.testing.assert_allclose(binned(0.0).cdf(x)[0, 0, 0], OUTSIDE / 2 * known.sf(1.0), rtol=1e-12)
    np.testing.assert_allclose(1 - binned(0.0).cdf(x)[0, 1, 0], OUTSIDE / 2 * known.sf(1.0), rtol=1e-9)


@pytest.mark.parametrize("smoothing", [0.3, 1.0, 2.0])
def test_a_smoothed_target_is_the_truncated_normal_of_the_paper(smoothing: float) -> None:
    """p_k = [Φ((b_{k+1} − y) / s) − Φ((b_k − y) / s)] / [Φ((b − y) / s) − Φ((a − y) / s)], s in bins, here of 0.5."""
    ends, q = np.linspace(-1, 2, 7), RANDOM.dirichlet(np.ones(6))
    for y in (-1.0, -0.9, 0.2, 0.5, 1.99):
        known = stats.norm(y, 0.5 * smoothing)
        p = np.diff(known.cdf(ends)) / (known.cdf(2) - known.cdf(-1))
        expected = p @ np.log((1 - OUTSIDE) * q / 0.5)
        found = binned(smoothing, q, ends).log_prob_by_column(jnp.array([[y]])).item()
        assert found == pytest.approx(expected, rel=1e-9)


def test_the_best_shares_are_those_of_the_target() -> None:
    """Minus the loss is highest at q = p, and its slope by the logits is p − q: that of a cross-entropy."""
    x = jnp.array([[2.0]])

    def score(logit: Any) -> Any:
        outcome = binned(1.0)
        return HistogramOutcome(jax.nn.log_softmax(logit), outcome.edges, outcome.smoothing).log_prob_by_column(x).sum()

    p = np.diff(stats.norm.cdf([-1.5, -0.5, 0.5, 1.5])) / (stats.norm.cdf(1.5) - stats.norm.cdf(-1.5))
    found = jax.jit(jax.grad(score))(jnp.log(jnp.array(Q))[None, None, None])
    np.testing.assert_allclose(found[0, 0, 0], p - Q, rtol=1e-9)


def test_a_bin_without_content_is_passed_over() -> None:
    outcome = binned(0.0, np.array([0.5, 0.0, 0.5]) + 1e-300)
    found = [outcome.quantile(jnp.array(q)).item() for q in (0.25, 0.4999, 0.5001, 0.75)]
    np.testing.assert_allclose(found, [0.5, 1.0, 3.0, 3.5], atol=1e-3)
    assert np.isfinite(outcome.log_prob_by_column(jnp.array([[2.0]]))).all()


def test_quantiles_count_a_row_of_weight_two_twice() -> None:
    x = RANDOM.normal(size=(9, 2))
    x[3, 1] = np.nan
    weight = np.array([1, 2, 0, 1, 3, 1, 1, 2, 1.0])
    again = np.repeat(x, weight.astype(int), axis=0)
    q = np.linspace(0, 1, 7)
    found = quantiles(x, weight, q)
    np.testing.assert_array_equal(found, quantiles(again, np.ones(len(again)), q))
    np.testing.assert_array_equal(found[:, 0], np.quantile(again[:, 0], q, method="inverted_cdf"))
    np.testing.assert_array_equal(found[:, 1], np.nanquantile(again[:, 1], q, method="inverted_cdf"))
    np.testing.assert_array_equal(quantiles(np.full((3, 1), np.nan), np.ones(3), q), 0)


def test_edges_of_one_width_and_by_quantiles() -> None:
    x = RANDOM.exponential(size=(1000, 1))
    low, high = x.min(), x.max()
    pad = 0.01 * (high - low)
    even = edges(x, np.ones(1000), 5, by_quantile=False)
    np.testing.assert_allclose(even[:, 0], np.linspace(low - pad, high + pad, 6), rtol=1e-12)
    often = edges(x, np.ones(1000), 5, by_quantile=True)[:, 0]
    assert often[0] == pytest.approx(low - pad)
    assert often[-1] == pytest.approx(high + pad)
    counts = np.histogram(x[:, 0], often)[0]
    assert (np.abs(counts - 200) <= 40).all()
    assert counts.sum() == 1000


@pytest.mark.parametrize("by_quantile", [True, False])
@pytest.mark.parametrize(
    "column",
    [
        np.full(50, 3.0),
        np.zeros(50),
        np.full(50, 1e6),
        np.repeat([0.0, 1.0], 25),
        np.arange(50) % 3,
        1e6 + np.arange(50),
    ],
    ids=["one value", "zero", "one large value", "two values", "three values", "far off"],
)
def test_edges_increase_in_32_bits(column: np.ndarray, by_quantile: bool) -> None:
    found = edges(column[:, None], np.ones(50), 20, by_quantile)[:, 0].astype(np.float32)
    assert (np.diff(found) > 0).all()
    assert found[0] < column.min()
    assert column.max() < found[-1]
