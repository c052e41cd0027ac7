"""The normal distribution with a learned variance: a true density, with a floor."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.parts.likelihoods import Gaussian
from isthmus.parts.likelihoods.gaussian import NormalOutcome, SharedHead

RANDOM = np.random.default_rng(0)
CENTER = RANDOM.normal(size=(2, 30, 4))
DEVIATION = np.exp(RANDOM.normal(size=(2, 30, 4)))
X = RANDOM.normal(scale=2, size=(30, 4))
MATRIX, BIAS = np.arange(8.0).reshape(2, 4) / 4, np.array([0.5, -0.5, 0.0, 1.0])
SPREAD_MATRIX, SPREAD_BIAS = np.linspace(-2, 1, 8).reshape(2, 4), np.array([1.0, 0.0, -1.0, -3.0])
FEATURES = np.array([[1.0, -1.0], [0.5, 0.0], [-2.0, 3.0]])
UNIT = np.log(np.e - 1)


def head(part: Gaussian, *weights: np.ndarray) -> Any:
    return assemble(part.build(Row((4,)), partial(affine, 2)), jnp.array(np.concatenate([w.ravel() for w in weights])))


def test_a_column_has_the_density_of_scipy() -> None:
    with jax.enable_x64(True):
        outcome = NormalOutcome(jnp.array(CENTER), jnp.array(DEVIATION))
        found, rows = outcome.log_prob_by_column(jnp.array(X)), outcome.log_prob(jnp.array(X))
    expected = stats.norm(CENTER, DEVIATION).logpdf(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(rows, expected.sum(axis=-1), rtol=1e-12)


def test_the_defaults_begin_at_a_unit_variance_above_the_floor() -> None:
    outcome = head(Gaussian(), MATRIX, BIAS, np.zeros(4))(jnp.array(FEATURES))
    expected = stats.norm(FEATURES @ MATRIX + BIAS, 1.001).logpdf(X[:3])
    np.testing.assert_allclose(outcome.log_prob_by_column(jnp.array(X[:3])), expected, rtol=1e-5)
    np.testing.assert_allclose(outcome.mean(), FEATURES @ MATRIX + BIAS, rtol=1e-6)
    np.testing.assert_array_equal(draw_weights(Gaussian().build(Row((4,)), partial(affine, 2)), 0)[-4:], 0)


def test_a_shared_deviation_is_one_number_for_each_column() -> None:
    part = Gaussian(least=0.2)
    assert [spec.shape for spec in parameter_specs(part.build(Row((4,)), partial(affine, 2))).values()] == [
        (2, 4),
        (4,),
        (4,),
    ]
    outcome = head(part, MATRIX, BIAS, SPREAD_BIAS)(jnp.array(FEATURES))
    expected = np.broadcast_to(0.2 + np.log1p(np.exp(SPREAD_BIAS + UNIT)), (3, 4))
    np.testing.assert_allclose(outcome.deviation, expected, rtol=1e-6)


def test_a_diagonal_deviation_comes_from_the_decoder() -> None:
    outcome = head(Gaussian("diagonal"), MATRIX, BIAS, SPREAD_MATRIX, SPREAD_BIAS)(jnp.array(FEATURES))
    expected = 1e-3 + np.log1p(np.exp(FEATURES @ SPREAD_MATRIX + SPREAD_BIAS + UNIT))
    np.testing.assert_allclose(outcome.deviation, expected, rtol=1e-5)
    np.testing.assert_allclose(outcome.mean(), FEATURES @ MATRIX + BIAS, rtol=1e-6)


def test_a_full_covariance_comes_from_the_decoder() -> None:
    """Of the 16 numbers a row, the diagonal gives σ, and what is below it how a column follows those before."""
    matrix, bias = RANDOM.normal(size=(2, 16)), RANDOM.normal(size=16)
    outcome = head(Gaussian("full", least=0.1), MATRIX, BIAS, matrix, bias)(jnp.array(FEATURES))
    raw = (FEATURES @ matrix + bias).reshape(3, 4, 4)
    for i in range(3):
        deviation = 0.1 + np.log1p(np.exp(np.diag(raw[i]) + UNIT))
        factor = np.linalg.inv(np.eye(4) - np.tril(raw[i], -1)) @ np.diag(deviation)
        density = stats.multivariate_normal(FEATURES[i] @ MATRIX + BIAS, factor @ factor.T)
        assert float(outcome.log_prob(jnp.array(X[:3]))[i]) == pytest.approx(density.logpdf(X[i]), rel=1e-4)
        np.testing.assert_allclose(outcome.factor()[i], factor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("covariance", ["shared", "diagonal"])
def test_the_floor_holds_the_density_where_a_column_is_told_exactly(covariance: Any) -> None:
    rest = [np.full(4, -1e6)] if covariance == "shared" else [0 * MATRIX, np.full(4, -1e6)]
    outcome = head(Gaussian(covariance, least=0.01), MATRIX, BIAS, *rest)(jnp.array(FEATURES))
    np.testing.assert_allclose(outcome.deviation, 0.01, rtol=1e-6)
    highest = outcome.log_prob_by_column(outcome.mean())
    np.testing.assert_allclose(highest, stats.norm(0, 0.01).logpdf(0), rtol=1e-6)


@pytest.mark.parametrize("covariance", ["shared", "diagonal", "full"])
def test_absurd_features_leave_value_and_gradient_finite(covariance: Any) -> None:
    skeleton = Gaussian(covariance).build(Row((4,)), partial(affine, 2))
    flat = draw_weights(skeleton, 0)
    features = jnp.array([[1e6, 1e6], [-1e6, -1e6], [1e6, -1e6], [-1e6, 1e6]])

    def total(flat: Any, features: Any) -> Any:
        return jnp.sum(assemble(skeleton, flat)(features).log_prob(jnp.array(X[:4], jnp.float32)))

    value, gradients = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(flat, features)
    assert np.isfinite(value)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_the_best_deviation_is_that_of_the_residuals() -> None:
    residual = X - (np.repeat(FEATURES, 10, axis=0) @ MATRIX + BIAS)
    best = np.sqrt((residual**2).mean(axis=0))
    spread = np.log(np.expm1(best - 1e-3)) - UNIT
    with jax.enable_x64(True):

        def total(spread: Any) -> Any:
            filled = SharedHead(lambda features: features @ MATRIX + BIAS, spread, 1e-3)
            return jnp.sum(filled(jnp.array(np.repeat(FEATURES, 10, axis=0))).log_prob(jnp.array(X)))

        np.testing.assert_allclose(jax.grad(total)(jnp.array(spread)), 0, atol=1e-9)
        assert (np.abs(jax.grad(total)(jnp.array(spread + 0.1))) > 0.1).all()


def test_samples_have_the_deviation() -> None:
    outcome = NormalOutcome(jnp.zeros((1, 20_000, 2)), jnp.broadcast_to(jnp.array([0.5, 3.0]), (1, 20_000, 2)))
    deviation = np.asarray(outcome.sample(jax.random.key(0)))[0].std(axis=0)
    np.testing.assert_allclose(deviation, [0.5, 3.0], rtol=4.5 / np.sqrt(2 * 20_000))


@pytest.mark.parametrize("covariance", ["shared", "diagonal", "full"])
def test_a_start_from_pca_aims_at_the_mean(covariance: str) -> None:
    x = RANDOM.normal(size=(60, 2)) @ RANDOM.normal(size=(2, 4)) + 0.1 * RANDOM.normal(size=(60, 4))
    start = {"encoder": (), "scaling": None, "init": "pca", "max_epochs": 0}
    ae = Autoencoder(2, likelihood=f"gaussian({covariance!r})", **start).fit(x)
    pca = PCA(2).fit(x)
    expected = pca.inverse_transform(pca.transform(x))
    np.testing.assert_allclose(ae.reconstruct(x), expected, atol=1e-3)


def test_rows_that_push_away_drive_it_to_the_floor() -> None:
    """−2 log p(0) + log p(3) at its best mean, −3, is −9 / σ² + log σ + log(2π) / 2: no bound but that of the floor."""
    assert not Gaussian().is_bounded_below
    x = jnp.array([[0.0], [3.0]])
    for deviation in (1.0, 0.1, 0.01):
        each = NormalOutcome(jnp.full((1, 2, 1), -3.0), jnp.full((1, 2, 1), deviation)).log_prob(x)
        expected = -9 / deviation**2 + np.log(deviation) + 0.5 * np.log(2 * np.pi)
        assert float(-2 * each[0, 0] + each[0, 1]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"covariance": "free"}, "Gaussian.covariance must be one of 'shared', 'diagonal', 'full'. Got 'free'."),
        ({"least": 0.0}, "Gaussian.least must be above 0. Got 0.0."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Gaussian(**settings)
    assert str(caught.value) == message
