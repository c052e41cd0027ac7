"""Importance-weighted codes: the bound by hand, and both gradients against the formulas of the papers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import assemble, parameter_specs, weight_range
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import ImportanceWeighted
from isthmus.parts.likelihoods import Gaussian
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import L2
from isthmus.training.objective import Plan, loss

ROWS, COLUMNS, SIZE = 5, 4, 2
ROAD = MLP((3,), activation="tanh")  # type: ignore[arg-type]
X = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
WEIGHT = np.array([2.0, 0.5, 1.0, 0.5, 0.0])
"""The last row only fills the batch up."""
PLAN = Plan(None, (), Sgd())
KEYS = jax.random.split(jax.random.key(5), 3000)
KEY = KEYS[0]


def model(part: ImportanceWeighted) -> Any:
    return build(Row((COLUMNS,)), ROAD, part, ROAD, Gaussian())


SKELETON = model(ImportanceWeighted(SIZE))
COUNT = sum(spec.size for spec in parameter_specs(SKELETON).values())
DECODER = weight_range(SKELETON, "decoder")[0]
"""Where the weights of the way up begin; before stand those of the way down."""
WEIGHTS = 0.7 * np.random.default_rng(1).normal(size=COUNT)


def objective(part: ImportanceWeighted) -> Any:
    """Return the loss of the weights with a key."""
    skeleton = model(part)

    def total(weights: Any, key: Any) -> Any:
        return loss(assemble(skeleton, weights), PLAN, Batch(jnp.array(X), jnp.array(WEIGHT)), jnp.int32(0), key)[0]

    return total


def log_weights(weights: Any, draws: Any, mean: Any, log_variance: Any) -> Any:
    """Return log p(x | z) + log p(z) − log q(z | x), [k, n], its three parts by scipy's formulas in JAX."""
    network = assemble(SKELETON, weights)
    norm = jax.scipy.stats.norm
    log_q = norm.logpdf(draws, mean, jnp.exp(0.5 * log_variance)).sum(axis=-1)
    return network.decode(draws).log_prob(jnp.array(X)) + norm.logpdf(draws).sum(axis=-1) - log_q


def posterior(weights: Any) -> tuple[Any, Any]:
    found = assemble(SKELETON, weights).encode(jnp.array(X)).posterior
    return found.mean, found.log_variance


def seen(part: ImportanceWeighted, key: Any) -> Any:
    """Return code, mean, log-variance, outcome and loss of a pass."""
    skeleton = model(part)

    @jax.jit
    def run(weights: Any) -> Any:
        network = assemble(skeleton, weights)
        code = network.encode(jnp.array(X), key)
        return code.draws, code.point, *posterior(weights), network.decode(code.draws), objective(part)(weights, key)

    return jax.tree.map(np.asarray, run(jnp.array(WEIGHTS)))


@pytest.fixture(scope="module")
def gradients() -> dict[str, np.ndarray]:
    """Return the gradient of the loss with 4 draws for every key, [keys, weights], by name."""
    with jax.enable_x64(True):
        return {
            name: np.asarray(
                jax.jit(jax.vmap(jax.grad(objective(ImportanceWeighted(SIZE, 4, name))), (None, 0)))(WEIGHTS, KEYS)
            )
            for name in ("plain", "doubly_reparametrized")
        }


@pytest.mark.parametrize(
    ("draws", "gradient"), [(1, "doubly_reparametrized"), (6, "plain"), (6, "doubly_reparametrized")]
)
def test_the_bound_by_hand(draws: int, gradient: Any) -> None:
    """With one draw it is that of `variational`, log p(x | z) − log q(z | x) + log p(z)."""
    part = ImportanceWeighted(SIZE, draws, gradient)
    with jax.enable_x64(True):
        codes, point, mean, log_variance, outcome, found = seen(part, KEY)
    assert codes.shape == (draws, ROWS, SIZE)
    np.testing.assert_array_equal(point, mean)
    each = np.empty((draws, ROWS))
    for k in range(draws):
        for n in range(ROWS):
            z = codes[k, n]
            log_p = stats.norm(outcome.center[k, n], outcome.deviation[k, n]).logpdf(X[n]).sum()
            q = stats.multivariate_normal(mean[n], np.diag(np.exp(log_variance[n])))
            each[k, n] = log_p + stats.multivariate_normal(np.zeros(SIZE)).logpdf(z) - q.logpdf(z)
    bound = special.logsumexp(each, axis=0) - np.log(draws)
    assert found == pytest.approx(-(WEIGHT * bound).sum() / 4, rel=1e-10)


def test_the_doubly_reparametrized_gradient_is_that_of_the_paper(gradients: Any) -> None:
    """Tucker et al.: Σ v_k² ∂log w_k/∂z_k ∂z_k/∂φ for the encoder, Σ v_k ∂log w_k/∂θ for the decoder."""
    skeleton = model(ImportanceWeighted(SIZE, 4))

    @jax.jit
    def by_hand(weights: Any) -> Any:
        mean, log_variance = posterior(weights)
        draws = assemble(skeleton, weights).encode(jnp.array(X), KEY).draws
        noise = jax.lax.stop_gradient((draws - mean) / jnp.exp(0.5 * log_variance))
        share = jax.nn.softmax(log_weights(weights, draws, mean, log_variance), axis=0)

        def of_decoder(weights: Any) -> Any:
            return jnp.sum(WEIGHT / 4 * share * log_weights(weights, draws, mean, log_variance))

        # Each log w_k depends on its own draw alone, so the gradient of the sum holds the slopes of all.
        slopes = jax.grad(lambda draws: jnp.sum(log_weights(weights, draws, mean, log_variance)))(draws)
        pull = (WEIGHT / 4 * share**2)[..., None] * slopes

        def of_encoder(weights: Any) -> Any:
            mean, log_variance = posterior(weights)
            return jnp.sum(pull * (mean + jnp.exp(0.5 * log_variance) * noise))

        return jax.grad(of_encoder)(weights)[:DECODER], jax.grad(of_decoder)(weights)[DECODER:]

    with jax.enable_x64(True):
        expected = -np.concatenate(by_hand(jnp.array(WEIGHTS)))
    assert np.abs(expected[:DECODER]).max() > 0.01
    np.testing.assert_allclose(gradients["doubly_reparametrized"][0], expected, rtol=1e-9, atol=1e-12)


def test_the_plain_gradient_is_the_slope_of_the_bound(gradients: Any) -> None:
    total, step = objective(ImportanceWeighted(SIZE, 4, "plain")), 1e-6
    with jax.enable_x64(True):
        nudges = step * np.eye(COUNT)
        ends = jax.jit(jax.vmap(total, (0, None)))(jnp.array(np.concatenate([WEIGHTS + nudges, WEIGHTS - nudges])), KEY)
    slope = (np.asarray(ends[:COUNT]) - np.asarray(ends[COUNT:])) / (2 * step)
    np.testing.assert_allclose(gradients["plain"][0], slope, rtol=1e-5, atol=1e-8)


def test_both_gradients_are_the_same_on_average_and_for_the_decoder_always(gradients: Any) -> None:
    plain, double = gradients["plain"], gradients["doubly_reparametrized"]
    np.testing.assert_allclose(double[:, DECODER:], plain[:, DECODER:], rtol=1e-8, atol=1e-10)
    difference = (double - plain)[:, :DECODER]
    error = difference.std(axis=0) / np.sqrt(len(KEYS))
    assert (np.abs(difference.mean(axis=0)) < 4.5 * error + 1e-12).all()
    # Large enough to tell v from v²: the gradients themselves are many of these errors.
    assert (np.abs(plain[:, :DECODER].mean(axis=0)) > 20 * error).any()


def test_without_noise_it_is_the_likelihood_at_the_mean_and_the_divergence() -> None:
    with jax.enable_x64(True):
        draws, point, mean, log_variance, outcome, found = seen(ImportanceWeighted(SIZE), None)
    np.testing.assert_array_equal(draws, point[None])
    log_p = stats.norm(outcome.center[0], outcome.deviation[0]).logpdf(X).sum(axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    assert found == pytest.approx((WEIGHT * (kl - log_p)).sum() / 4, rel=1e-10)


def test_it_leaves_no_room_for_identity() -> None:
    assert not ImportanceWeighted(8).can_copy(4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "ImportanceWeighted.size must be at least 1. Got 0."),
        ({"draws": 0}, "ImportanceWeighted.draws must be at least 1. Got 0."),
        (
            {"gradient": "score"},
            "ImportanceWeighted.gradient must be one of 'doubly_reparametrized', 'plain'. Got 'score'.",
        ),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        ImportanceWeighted(**{"size": 2} | settings)
    assert str(caught.value) == message


def test_penalties_on_the_draws_keep_their_gradient() -> None:
    """Only the bound's gradient is weighed by the draws' shares."""
    x = jnp.array(np.random.default_rng(3).normal(size=(6, 3)), jnp.float32)
    batch, road = Batch(x, jnp.ones(6)), MLP((4,), activation="tanh")

    def slopes(gradient: str, penalties: Any) -> np.ndarray:
        skeleton = build(Row((3,)), road, ImportanceWeighted(2, draws=5, gradient=gradient), road, Gaussian())
        weights = 0.3 * np.random.default_rng(4).normal(
            size=sum(spec.size for spec in parameter_specs(skeleton).values())
        )

        @jax.jit
        @jax.grad
        def slope(flat: Any) -> Any:
            plan = Plan(None, penalties, Sgd())
            return loss(assemble(skeleton, flat), plan, batch, jnp.int32(0), jax.random.key(5))[0]

        return np.asarray(slope(weights.astype(np.float32)))

    kinds = ("plain", "doubly_reparametrized")
    plain, doubly = (slopes(kind, (L2(1.0),)) - slopes(kind, ()) for kind in kinds)
    assert np.abs(plain).max() > 0.1
    np.testing.assert_allclose(doubly, plain, rtol=1e-3, atol=1e-4)
