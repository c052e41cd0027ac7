"""The curvature penalty against Monte Carlo in NumPy, second differences, and what it does to a code of digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.contracts import Backbone, Batch, Bottleneck, ForwardPass, Row
from isthmus.core.parameter_specs import assemble, parameter_specs
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import Curvature
from isthmus.training.objective import Plan, loss

X = np.random.default_rng(1).normal(size=(3, 3))
DIGITS = load_digits().data[:400] / 16


def model_of(encoder: str, bottleneck: str) -> tuple[Any, np.ndarray]:
    road = resolve(Backbone, encoder)
    skeleton = build(Row((3,)), road, resolve(Bottleneck, bottleneck), road, SquaredError())
    count = sum(spec.size for spec in parameter_specs(skeleton).values())
    return skeleton, np.random.default_rng(2).normal(size=count)


def compiled(penalty: Curvature, skeleton: Any, weights: np.ndarray) -> Any:
    @jax.jit
    def term(x: Any, key: Any) -> Any:
        model = assemble(skeleton, weights)
        return penalty(ForwardPass(Batch(x, jnp.ones(len(x))), x, model.encode(x), None, model, jnp.int32(0), key))  # type: ignore[arg-type]

    return term


def value(penalty: Curvature, encoder: str, bottleneck: str) -> np.ndarray:
    """Return the penalty of the rows of X, in float64."""
    with jax.enable_x64(True):
        return np.asarray(compiled(penalty, *model_of(encoder, bottleneck))(X, None))


def by_monte_carlo(deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Return E ‖J(x) − J(x + e)‖² of a sigmoid layer of two units, and its standard error at 3000 draws."""
    _, weights = model_of("mlp(())", "deterministic(2, sigmoid)")
    matrix, bias = weights[:6].reshape(3, 2), weights[6:8]

    def jacobians(x: np.ndarray) -> np.ndarray:
        h = 1 / (1 + np.exp(-(x @ matrix + bias)))
        return (h * (1 - h))[..., None] * matrix.T  # [..., size, d]

    noise = deviation * np.random.default_rng(5).normal(size=(40_000, 3, 3))
    each = ((jacobians(X + noise) - jacobians(X)) ** 2).sum(axis=(2, 3))
    return each.mean(axis=0), each.std(axis=0) * (1 / 40_000 + 1 / 3000) ** 0.5


@pytest.mark.parametrize("form", ["closed", "exact", "estimate"])
def test_it_is_the_mean_change_of_the_jacobian(form: Any) -> None:
    expected, error = by_monte_carlo(0.5)
    found = value(Curvature(1.0, deviation=0.5, draws=3000, form=form), "mlp(())", "deterministic(2, sigmoid)")
    assert error.max() < 0.03 * expected.max()
    np.testing.assert_array_less(abs(found - expected), (6 if form == "estimate" else 4) * error)


def test_small_noise_sees_the_second_derivatives() -> None:
    """deviation² · Σ (∂²h_j/∂x_a ∂x_b)², of a deep encoder, by second differences."""
    skeleton, weights = model_of("mlp((5,), tanh)", "deterministic(2)")
    with jax.enable_x64(True):
        encode = jax.jit(lambda x: assemble(skeleton, weights).encode(x.reshape(-1, 3)).point.reshape(3, 3, 3, 2))
        step = 1e-4 * np.eye(3)
        pairs = [(a, b) for a in (1, -1) for b in (1, -1)]  # of signs
        shifts = [X[:, None, None] + a * step[:, None] + b * step[None, :] for a, b in pairs]
        second = sum(a * b * np.asarray(encode(shift)) for (a, b), shift in zip(pairs, shifts, strict=True)) / 4e-8
    expected = 0.01**2 * (second**2).sum(axis=(1, 2, 3))
    found = value(Curvature(deviation=0.01, draws=10_000), "mlp((5,), tanh)", "deterministic(2)")
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_its_defaults_in_the_loss() -> None:
    """A weight of 0.1, noise of deviation 0.1: by hand with the noise of many draws."""
    expected, _ = by_monte_carlo(0.1)
    skeleton, weights = model_of("mlp(())", "deterministic(2, sigmoid)")
    batch, plan = Batch(jnp.array(X), jnp.ones(3)), Plan(None, (Curvature(),), Sgd())
    each = jax.vmap(lambda key: loss(assemble(skeleton, weights), plan, batch, jnp.int32(0), key)[1].terms["curvature"])
    found = np.asarray(jax.jit(each)(jax.random.split(jax.random.key(0), 1000)), float)
    error = float(found.std()) / 1000**0.5
    assert found.mean() == pytest.approx(0.1 * expected.mean(), abs=4 * error)
    assert error < 0.03 * found.mean()


def test_a_linear_code_has_none() -> None:
    np.testing.assert_allclose(value(Curvature(), "mlp(())", "deterministic(2)"), 0, atol=1e-20)


def test_the_noise_is_new_with_each_key_and_fixed_without() -> None:
    skeleton, weights = model_of("mlp(())", "deterministic(2, sigmoid)")
    term = compiled(Curvature(), skeleton, weights)
    one, other = (np.asarray(term(X, jax.random.key(seed))) for seed in (0, 1))
    assert not np.allclose(one, other, rtol=0.01)
    np.testing.assert_array_equal(term(X, None), term(X + 0, None))


@pytest.mark.parametrize(
    ("encoder", "bottleneck", "penalty"),
    [
        ("mlp(())", "deterministic(2, sigmoid)", Curvature(1.0, 0.5)),
        ("mlp((4,), tanh)", "deterministic(2, tanh)", Curvature(1.0, 0.5, draws=1, form="estimate")),
    ],
    ids=str,
)
def test_its_gradient_is_the_slope(encoder: str, bottleneck: str, penalty: Curvature) -> None:
    skeleton, weights = model_of(encoder, bottleneck)
    with jax.enable_x64(True):
        batch, step = Batch(jnp.array(X), jnp.array([2.0, 1.0, 0.0])), 1e-5

        def term(flat: Any) -> Any:
            plan = Plan(None, (penalty,), Sgd())
            return loss(assemble(skeleton, flat), plan, batch, jnp.int32(0), jax.random.key(7))[1].terms["curvature"]

        gradient = jax.jit(jax.grad(term))(weights)
        nudges = step * np.eye(weights.size)
        above, below = np.split(np.asarray(jax.jit(jax.vmap(term))(weights + np.concatenate([nudges, -nudges]))), 2)
        slope = (above - below) / (2 * step)
    assert np.abs(slope).max() > 0.05
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-8)


def fitted(penalty: str, **settings: Any) -> Autoencoder:
    usual = {"encoder": (), "tied": True, "scaling": "none", "batch_size": 32, "max_epochs": 20, "stops": ()}
    return Autoencoder("deterministic(8, sigmoid)", penalties=[penalty], **(usual | settings)).fit(DIGITS)


@pytest.mark.parametrize("optimizer", ["adam", "cg(10)"])
def test_the_larger_its_weight_the_straighter_the_code(optimizer: str) -> None:
    """Second differences of `transform` along random directions fall; second-order methods apply."""
    directions = 0.5 * np.random.default_rng(0).normal(size=(10, 1, 64)) / 8
    table = np.concatenate([(DIGITS[:50] + sign * directions).reshape(-1, 64) for sign in (-1, 0, 1)])
    settings = {"optimizer": optimizer, "max_epochs": 3, "batch_size": None} if optimizer != "adam" else {}
    fits = [fitted(f"curvature({weight})", **settings) for weight in (0.0, 30.0, 300.0, 300.0)]
    codes = [ae.transform(table).reshape(3, 500, 8) for ae in fits]
    bends = [float(((low - 2 * middle + high) ** 2).sum(axis=1).mean()) for low, middle, high in codes]
    assert bends[0] > 1.1 * bends[1] > 1.5 * bends[2] > 0
    np.testing.assert_array_equal(codes[2], codes[3])
    losses = [record["loss"] for record in fits[1].history_]
    assert losses[0] > 1.02 * losses[1] > 1.02 * losses[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "Curvature.weight must be at least 0. Got -1.0."),
        ({"deviation": 0.0}, "Curvature.deviation must be greater than 0. Got 0.0."),
        ({"draws": 0}, "Curvature.draws must be at least 1. Got 0."),
        ({"form": "open"}, "Curvature.form must be one of 'auto', 'closed', 'exact', 'estimate'. Got 'open'."),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Curvature(**settings)
    assert str(caught.value) == message
