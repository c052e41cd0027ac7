"""The distribution of targets in their own units: against SciPy, shifted and stretched."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from isthmus import InvalidData, InvalidPart
from isthmus.distributions.histogram import HistogramOutcome
from isthmus.distributions.multivariate_normal import MultivariateNormalOutcome
from isthmus.distributions.normal import NormalOutcome
from isthmus.distributions.normal_mixture import NormalMixtureOutcome
from isthmus.estimators.predictive_distribution import Distribution
from isthmus.parts.likelihoods.squared_error import SquaredErrorOutcome

RANDOM = np.random.default_rng(0)
N = 700  # more than a block of rows
CENTER, SPREAD = np.array([100.0, -3.0]), np.array([20.0, 0.25])
MEAN, DEVIATION = RANDOM.normal(size=(N, 2)), np.exp(0.5 * RANDOM.normal(size=(N, 2)))
SLOPE = np.zeros((N, 2, 2))
SLOPE[:, 1, 0] = RANDOM.normal(size=N)
KNOWN = stats.norm(CENTER + SPREAD * MEAN, SPREAD * DEVIATION)
Y = KNOWN.rvs(random_state=1)


@pytest.fixture(scope="module")
def two() -> Distribution:
    return Distribution(NormalOutcome(MEAN, DEVIATION), CENTER, SPREAD, is_flat=False)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def flat() -> Distribution:
    arrays = MEAN[:, :1], DEVIATION[:, :1]
    return Distribution(NormalOutcome(*arrays), CENTER[:1], SPREAD[:1], is_flat=True)  # type: ignore[arg-type]


def test_several_outputs_are_told_in_their_units(two: Distribution) -> None:
    assert len(two) == N
    for found, expected in (
        (two.mean(), KNOWN.mean()),
        (two.std(), KNOWN.std()),
        (two.pdf(Y), KNOWN.pdf(Y)),
        (two.cdf(Y), KNOWN.cdf(Y)),
        (two.quantile(0.2), KNOWN.ppf(0.2)),
        (two.log_prob(Y), KNOWN.logpdf(Y).sum(axis=1)),
        (two.quantile([0.1, 0.5, 0.9]), np.stack([KNOWN.ppf(q) for q in (0.1, 0.5, 0.9)])),
        (two.interval(0.8), KNOWN.interval(0.8)),
        (two.cdf(0.0), KNOWN.cdf(0.0)),
    ):
        assert np.asarray(found).dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-200)


def test_one_output_is_flat(flat: Distribution) -> None:
    known, y = stats.norm(KNOWN.mean()[:, 0], KNOWN.std()[:, 0]), Y[:, 0]
    for found, expected in (
        (flat.mean(), known.mean()),
        (flat.std(), known.std()),
        (flat.pdf(y), known.pdf(y)),
        (flat.pdf(y[:, None]), known.pdf(y)),
        (flat.cdf(110.0), known.cdf(110.0)),
        (flat.log_prob(y), known.logpdf(y)),
        (flat.quantile([0.3]), known.ppf(0.3)[None]),
        (flat.interval()[1], known.ppf(0.95)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert flat.sample(3, random_state=0).shape == (3, N)


def test_the_score_has_the_units_of_the_target(flat: Distribution) -> None:
    """σ [z (2 Φ(z) − 1) + 2 φ(z) − 1 / √π], z = (y − μ) / σ (Gneiting and Raftery 2007)."""
    known, y = stats.norm(KNOWN.mean()[:, 0], KNOWN.std()[:, 0]), Y[:, 0]
    z = (y - known.mean()) / known.std()
    expected = known.std() * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(flat.crps(y), expected, rtol=1e-9)


def test_outputs_that_are_not_known_are_integrated_out() -> None:
    found = Distribution(MultivariateNormalOutcome(MEAN, SLOPE, DEVIATION), CENTER, SPREAD, is_flat=False)  # type: ignore[arg-type]
    y = Y[:6].copy()
    y[1, 0] = y[2, 1] = y[3, 0] = y[3, 1] = np.nan
    answer = found.log_prob(np.concatenate([y, Y[6:]]))
    for i in range(6):
        factor = SPREAD[:, None] * np.linalg.inv(np.eye(2) - SLOPE[i]) * DEVIATION[i]
        covariance, center = factor @ factor.T, CENTER + SPREAD * MEAN[i]
        known = ~np.isnan(y[i])
        block = covariance[np.ix_(known, known)]
        expected = stats.multivariate_normal(center[known], block).logpdf(y[i, known]) if known.any() else np.nan
        assert answer[i] == pytest.approx(expected, rel=1e-9, nan_ok=True)
        np.testing.assert_allclose(found.std()[i], np.sqrt(np.diag(covariance)), rtol=1e-9)


def test_draws_have_the_moments_and_come_from_their_seed(two: Distribution) -> None:
    draws = two.sample(400, random_state=3)
    assert draws.shape == (400, N, 2)
    z = (draws - KNOWN.mean()) / KNOWN.std()
    np.testing.assert_allclose(z.mean(axis=(0, 1)), 0, atol=4.5 / np.sqrt(400 * N))
    np.testing.assert_allclose(z.std(axis=(0, 1)), 1, atol=4.5 / np.sqrt(2 * 400 * N))
    assert len(np.unique(z)) == z.size, "no block repeats another's noise"
    np.testing.assert_array_equal(two.sample(2, random_state=3), draws[:2])
    assert (two.sample(2, random_state=4) != draws[:2]).all()
    assert stats.kstest(z[:, 0, 0], stats.norm.cdf).pvalue > 1e-3


def test_intervals_cover_as_many_targets_as_they_say(two: Distribution, flat: Distribution) -> None:
    low, high = KNOWN.interval(0.7)
    np.testing.assert_allclose(two.coverage(Y, 0.7), ((low <= Y) & (high >= Y)).mean(axis=0))
    np.testing.assert_allclose(two.coverage(Y), 0.9, atol=4.5 * 0.3 / np.sqrt(N))
    y = Y[:, 0].copy()
    y[::2] = np.nan
    found = flat.coverage(y, 0.7)
    assert isinstance(found, float)
    assert found == pytest.approx(((low <= Y) & (high >= Y))[1::2, 0].mean())
    assert np.isnan(flat.coverage(np.full(N, np.nan)))


def test_a_mixture_and_a_histogram_tell_their_own_density() -> None:
    share = np.array([[0.3, 0.7]])
    mixture = NormalMixtureOutcome(np.log(share), np.array([[[-1.0], [2.0]]]), np.array([[[0.5], [1.0]]]))  # type: ignore[arg-type]
    found = Distribution(mixture, np.array([10.0]), np.array([2.0]), is_flat=True)
    y, each = 11.0, stats.norm([8.0, 14.0], [1.0, 2.0])
    assert found.pdf(y)[0] == pytest.approx(share[0] @ each.pdf(y), rel=1e-9)
    assert found.log_prob(y)[0] == pytest.approx(np.log(share[0] @ each.pdf(y)), rel=1e-9)
    assert share[0] @ each.cdf(found.quantile(0.8)[0]) == pytest.approx(0.8, rel=1e-9)
    ends = np.array([[[0.0, 1.0, 2.0]]])
    binned = HistogramOutcome(np.log(np.array([[[0.25, 0.75]]])), ends, np.ones(1))  # type: ignore[arg-type]
    found = Distribution(binned, np.array([10.0]), np.array([2.0]), is_flat=True)
    # A smoothed target is a matter of the loss: the density is that of the bins, which are 2 wide here.
    assert found.pdf(11.0)[0] == pytest.approx(0.25 / 2, rel=1e-3)
    assert found.log_prob(13.0)[0] == pytest.approx(np.log(0.75 / 2), rel=1e-3)
    assert found.mean()[0] == pytest.approx(10 + 2 * 1.25, rel=1e-3)


def test_what_is_no_density_is_refused() -> None:
    with pytest.raises(InvalidPart) as caught:
        Distribution(SquaredErrorOutcome(jnp.zeros((2, 1))), np.zeros(1), np.ones(1), is_flat=True)
    assert str(caught.value) == (
        "a distribution needs a target that is a density: use target='gaussian', 'mixture' or 'histogram'. "
        "That of this model only gives a value."
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.quantile(1.0), "q must be one or several numbers in (0, 1). Got 1.0."),
        (lambda d: d.quantile([0.5, np.nan]), "q must be one or several numbers in (0, 1). Got [0.5, nan]."),
        (lambda d: d.interval(1.0), "level must be a number in (0, 1). Got 1.0."),
        (lambda d: d.coverage(Y, 90), "level must be a number in (0, 1). Got 90."),
        (lambda d: d.sample(0), "n must be a whole number of at least 1. Got 0."),
    ],
)
def test_an_argument_that_cannot_be_is_refused(two: Distribution, call: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        call(two)
    assert str(caught.value) == message


def test_targets_of_another_shape_are_refused(two: Distribution, flat: Distribution) -> None:
    with pytest.raises(InvalidData) as caught:
        two.cdf(np.zeros(2))
    assert str(caught.value) == "y: expected shape [700, 2], or one number; got shape [2]."
    with pytest.raises(InvalidData) as caught:
        flat.log_prob(np.zeros(699))
    assert str(caught.value) == "y: expected shape [700], or one number; got shape [699]."
