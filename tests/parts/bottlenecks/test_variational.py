"""Variational codes: a normal posterior, the evidence bound, and what keeps units from collapsing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.datasets import load_digits

import tiny
from isthmus import Autoencoder
from isthmus.contracts import LAST_STEP, Batch, Code, ForwardPass
from isthmus.core.parameter_specs import draw_weights, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.parts.bottlenecks import Variational
from isthmus.parts.bottlenecks._normal_code import NormalPosterior
from tiny import assembled, scaled

RANDOM = np.random.default_rng(0)
HIDDEN = RANDOM.normal(size=(6, 2))
MATRIX, BIAS = RANDOM.normal(size=(2, 3)), np.array([0.1, 0.2, -0.3])
SPREAD_MATRIX, SPREAD_BIAS = RANDOM.normal(size=(2, 3)), np.array([-1.0, 0.0, 30.0])
FLAT = np.concatenate([MATRIX.ravel(), BIAS, SPREAD_MATRIX.ravel(), SPREAD_BIAS])
MEAN = HIDDEN @ MATRIX + BIAS
LOG_VARIANCE = 20 * np.tanh((HIDDEN @ SPREAD_MATRIX + SPREAD_BIAS) / 20)
MEANS = np.array([[0.0, 1.0], [0.5, -2.0], [3.0, 0.0]])
LOG_VARIANCES = np.array([[0.0, -3.0], [1.0, 0.2], [-6.0, 2.0]])
WEIGHT = np.array([1.5, 0.5, 0.0])


def neck(**settings: Any) -> Any:
    skeleton = Variational(3, **settings).build(2)
    return assembled(skeleton, jnp.array(FLAT))


def divergences() -> np.ndarray:
    """Return the KL of each row and unit by quadrature."""

    def one(mean: float, log_variance: float) -> float:
        deviation = np.exp(0.5 * log_variance)
        q, p = stats.norm(mean, deviation), stats.norm()
        ends = mean - 12 * deviation, mean + 12 * deviation
        return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), *ends, epsabs=1e-12)[0]

    return np.vectorize(one)(MEANS, LOG_VARIANCES)


def terms(part: Variational, step: Any = 0, mean: Any = MEANS) -> dict[str, np.ndarray]:
    """Return the terms of a batch whose third row only fills it up, the likelihood of its draws 1 and 3."""
    posterior = NormalPosterior(jnp.asarray(mean), jnp.array(LOG_VARIANCES))
    batch = Batch(jnp.zeros((3, 4)), jnp.array(WEIGHT))
    code = Code(posterior.mean[None], posterior.mean, posterior)
    forward = ForwardPass(batch, batch.x, code, None, None, jnp.asarray(step), None)  # type: ignore[arg-type]
    log_likelihood = jnp.array([[1.0, 2.0, 3.0], [3.0, 2.0, 0.0]])
    return assembled(part.build(2), draw_weights(part.build(2), 0)).terms(log_likelihood, forward)


def test_the_posterior_by_hand() -> None:
    assert list(parameter_specs(Variational(3).build(2))) == [
        f"{layer}.{weight}" for layer in ("mean", "log_variance") for weight in ("matrix", "bias")
    ]
    code = neck()(jnp.array(HIDDEN), None)
    np.testing.assert_allclose(code.point, MEAN, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(code.draws, code.point[None])
    np.testing.assert_allclose(code.posterior.log_variance, LOG_VARIANCE, rtol=1e-5, atol=1e-6)


def test_draws_have_the_mean_and_the_deviation_of_the_posterior() -> None:
    count = 10_000
    code = neck(draws=count)(jnp.array(HIDDEN), jax.random.key(0))
    draws, deviation = np.asarray(code.draws, np.float64), np.exp(0.5 * LOG_VARIANCE)
    assert draws.shape == (count, 6, 3)
    np.testing.assert_allclose(code.point, MEAN, rtol=1e-5, atol=1e-6)
    assert (np.abs(draws.mean(axis=0) - MEAN) < 4.5 * deviation / np.sqrt(count)).all()
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=4.5 / np.sqrt(2 * count))
    standard = (draws - MEAN) / deviation
    assert np.abs(np.corrcoef(standard[:, 0, 0], standard[:, 1, 0])[0, 1]) < 4.5 / np.sqrt(count)


def test_log_variances_stay_within_bounds_and_keep_a_gradient() -> None:
    skeleton = Variational(1).build(1)

    def log_variance(bias: Any) -> Any:
        flat = jnp.array([0.0, 0.0, 0.0, 0.0]).at[3].set(bias)
        return assembled(skeleton, flat)(jnp.zeros((1, 1)), None).posterior.log_variance[0, 0]

    for bias in (-90.0, 90.0):
        value, slope = jax.value_and_grad(log_variance)(bias)
        assert abs(value) <= 20
        assert slope > 0
    assert float(log_variance(1.0)) == pytest.approx(1.0, abs=2e-3)
    assert np.isfinite(log_variance(1e30))


def test_training_begins_below_a_unit_deviation() -> None:
    skeleton = Variational(8).build(32)
    code = assembled(skeleton, draw_weights(skeleton, 0))(jnp.array(RANDOM.normal(size=(100, 32)), jnp.float32), None)
    deviation = np.exp(0.5 * np.asarray(code.posterior.log_variance))
    assert 0.4 < deviation.min() < deviation.max() < 0.9


def test_the_divergence_is_the_integral() -> None:
    posterior = NormalPosterior(jnp.array(MEANS), jnp.array(LOG_VARIANCES))
    np.testing.assert_allclose(posterior.kl(), divergences(), rtol=1e-5, atol=1e-7)


def test_the_divergence_is_the_mean_over_draws_of_the_log_ratio() -> None:
    count = 20_000
    posterior = NormalPosterior(jnp.array(MEANS), jnp.array(LOG_VARIANCES))
    draws = np.asarray(posterior.sample(jax.random.key(1), count), np.float64)
    log_q = stats.norm(MEANS, np.exp(0.5 * LOG_VARIANCES)).logpdf(draws).sum(axis=-1)
    np.testing.assert_allclose(posterior.log_prob(jnp.array(draws)), log_q, rtol=1e-4, atol=1e-3)
    ratio = log_q - stats.norm.logpdf(draws).sum(axis=-1)
    error = ratio.std(axis=0) / np.sqrt(count)
    assert (np.abs(ratio.mean(axis=0) - np.asarray(posterior.kl()).sum(axis=-1)) < 4.5 * error + 1e-5).all()


def test_the_terms_by_hand() -> None:
    found = terms(Variational(2, draws=2))
    assert set(found) == {"reconstruction", "kl"}
    np.testing.assert_allclose(found["reconstruction"], [-2, -2, -1.5])
    np.testing.assert_allclose(found["kl"], divergences().sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(terms(Variational(2, beta=4.0))["kl"], 4 * divergences().sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (3, 0.3), (10, 1.0), (500, 1.0), (LAST_STEP, 1.0)])
def test_the_warm_up_by_hand(step: Any, share: float) -> None:
    part = Variational(2, beta="linear(0.0, 1.0, steps=10)")  # type: ignore[arg-type]
    np.testing.assert_allclose(terms(part, step)["kl"], share * divergences().sum(axis=1), rtol=1e-5)


def test_free_bits_are_what_each_unit_holds_on_average_without_cost() -> None:
    by_unit = (WEIGHT[:2, None] * divergences()[:2]).sum(axis=0) / 2
    least = float(by_unit.mean())
    assert by_unit[0] < least < by_unit[1]
    found = terms(Variational(2, beta=0.5, free_bits=least))["kl"]
    assert jnp.shape(found) == ()
    assert float(found) == pytest.approx(0.5 * (least + by_unit[1]), rel=1e-5)
    gradient = jax.grad(lambda mean: terms(Variational(2, free_bits=least), mean=mean)["kl"])(jnp.array(MEANS))
    expected = WEIGHT[:, None] * MEANS / 2  # d KL / d mean is the mean
    np.testing.assert_allclose(gradient, expected * [0, 1], rtol=1e-5)


@pytest.mark.parametrize(("likelihood", "scaling"), [("squared_error", "standard"), ("bernoulli", "minmax")])
def test_with_defaults_the_code_does_not_collapse_on_digits(likelihood: str, scaling: str) -> None:
    x = load_digits().data[:300]
    ae = Autoencoder("variational(3)", likelihood=likelihood, scaling=scaling, encoder=(16,), max_epochs=15).fit(x)
    losses = [record["loss"] for record in ae.history_]
    assert losses[-1] < losses[0]
    assert ae.history_[-1]["kl"] > 0.5
    total = ae.history_[-1]["kl"] + ae.history_[-1]["reconstruction"]
    assert losses[-1] == pytest.approx(total, rel=1e-5)
    network = ae.model_
    hidden = network.encoder(jnp.array(scaled(ae, x)), None)

    @jax.jit
    @jax.grad
    def slope(neck: Any) -> Any:
        return jnp.mean(jnp.sum(neck(hidden, None).posterior.kl(), axis=1))

    gradient = slope(network.neck)
    assert all(np.abs(array).max() > 1e-3 for array in (gradient.mean.matrix, gradient.log_variance.matrix))


def test_samples_come_from_the_prior() -> None:
    codes = np.asarray(neck().sample(jax.random.key(0), 20_000))
    assert codes.shape == (20_000, 3)
    assert stats.kstest(codes.ravel(), "norm").pvalue > 1e-3


def test_a_row_can_be_copied_only_where_noise_costs_nothing() -> None:
    free = Variational(8, beta=0.0)
    assert [free.can_copy(columns) for columns in (8, 9)] == [True, False]
    assert not Variational(8).can_copy(8)
    assert not Variational(8, beta="linear(0.0, 1.0, steps=10)").can_copy(8)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "Variational.size must be at least 1. Got 0."),
        ({"beta": -1.0}, "Variational.beta must be at least 0. Got -1.0."),
        ({"free_bits": -0.1}, "Variational.free_bits must be at least 0. Got -0.1."),
        ({"draws": 0}, "Variational.draws must be at least 1. Got 0."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Variational(**{"size": 2} | settings)
    assert str(caught.value) == message


def test_a_fitted_prior_is_that_of_draws_of_the_codes() -> None:
    """Every row's code is N(3, 0.25 I) here: that is what the mixture must be, and not the point 3."""
    model = tiny.autoencoder(bottleneck="variational(2, prior=fitted)").fit(tiny.X)
    neck = {name: np.zeros_like(w) for name, w in tiny.weight_arrays(model).items() if name.startswith("neck.")}
    neck["neck.mean.bias"][:] = 3
    neck["neck.log_variance.bias"][:] = 20 * np.arctanh(np.log(0.25) / 20)
    rows = np.random.default_rng(1).normal(size=(500, 5))
    density = tiny.tensors_of(tiny.with_weights(model, neck).fit_density(rows), "density.")
    mean = density["share"] @ density["mean"]
    around = density["mean"] - mean
    within = np.einsum("k,kai,kaj->ij", density["share"], density["factor"], density["factor"])
    np.testing.assert_allclose(mean, [3, 3], atol=0.1)
    covariance = within + (density["share"][:, None] * around).T @ around
    np.testing.assert_allclose(covariance, 0.25 * np.eye(2), atol=0.05)


def test_a_fitted_prior_is_asked_for_by_its_name() -> None:
    with pytest.raises(InvalidPart, match=r"Variational\.prior must be one of 'normal', 'fitted'\. Got 'mixture'\."):
        Variational(2, prior="mixture")  # type: ignore[arg-type]
