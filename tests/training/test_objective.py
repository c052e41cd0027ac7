"""The objective against the same sums in NumPy, and its gradient against finite differences."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Backbone, Batch, Bottleneck, Corruption, Likelihood, Penalty, Row
from isthmus.core import registry
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.core.spelling import resolve
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.corruptions import Masking
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import L1, L2, Curvature, WeightDecay
from isthmus.parts.schedules import Linear
from isthmus.training.objective import Plan, loss

COLUMNS, HIDDEN, SIZE = 3, 4, 2
ROAD = MLP((HIDDEN,), activation="tanh")
SKELETON = build(Row((COLUMNS,)), ROAD, Deterministic(SIZE), ROAD, SquaredError())
COUNT = sum(spec.size for spec in parameter_specs(SKELETON).values())
WEIGHTS = np.random.default_rng(0).normal(size=COUNT)
X = np.random.default_rng(1).normal(size=(4, COLUMNS))
ROW_WEIGHTS = np.array([2.0, 0.5, 1.0, 0.5])  # they average 1
PENALTIES = (L1(0.1), L2(0.2), L1(0.5), WeightDecay(0.01), L2(Linear(1.0, 0.0, 10)))


def matrices() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the four affine maps, cut from the flat vector by hand."""
    found, flat = [], WEIGHTS
    for inputs, outputs in ((COLUMNS, HIDDEN), (HIDDEN, SIZE), (SIZE, HIDDEN), (HIDDEN, COLUMNS)):
        matrix, bias, flat = np.split(flat, [inputs * outputs, (inputs + 1) * outputs])
        found.append((matrix.reshape(inputs, outputs), bias))
    return found


def by_hand(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes and the reconstructions of rows."""
    (down, a), (code, b), (up, c), (out, d) = matrices()
    z = np.tanh(x @ down + a) @ code + b
    return z, np.tanh(z @ up + c) @ out + d


@jax.jit
def compiled(weights: Any, plan: Plan, batch: Batch, step: Any, key: Any) -> Any:
    return loss(assemble(SKELETON, weights), plan, batch, step, key)


def evaluate(x: np.ndarray, weight: np.ndarray, plan: Plan, step: int = 0, key: Any = None) -> tuple[float, Any]:
    with jax.enable_x64(True):
        total, found = compiled(WEIGHTS, plan, Batch(x, weight), np.int32(step), key)
        return float(total), {name: float(term) for name, term in found.terms.items()}


def test_each_term_is_a_sum_over_features_and_a_weighted_mean_over_rows() -> None:
    z, reconstructed = by_hand(X)
    share = ROW_WEIGHTS / 4
    expected = {
        "reconstruction": share @ ((X - reconstructed) ** 2).sum(axis=1),
        "l1": 0.1 * share @ np.abs(z).sum(axis=1),
        "l2": 0.2 * share @ (z**2).sum(axis=1),
        "l1_2": 0.5 * share @ np.abs(z).sum(axis=1),
        "weight_decay": 0.01 * sum((matrix**2).sum() for matrix, _ in matrices()),
        "l2_2": 0.5 * share @ (z**2).sum(axis=1),  # at step 5 on the way from 1 to 0 in 10
    }
    total, terms = evaluate(X, ROW_WEIGHTS, Plan(None, PENALTIES, Sgd()), step=5)
    assert set(terms) == set(expected)
    assert terms == pytest.approx(expected, rel=1e-12)
    assert total == pytest.approx(sum(expected.values()), rel=1e-12)


def test_without_penalties_it_is_the_mean_squared_distance_alone() -> None:
    total, terms = evaluate(X, np.ones(4), Plan(None, (), Sgd()))
    assert terms == {"reconstruction": total}
    assert total == pytest.approx(((X - by_hand(X)[1]) ** 2).sum(axis=1).mean(), rel=1e-12)


def test_rows_that_fill_a_batch_up_do_not_count() -> None:
    plan = Plan(None, PENALTIES, Sgd())
    filled = np.concatenate([X, np.full((3, COLUMNS), 100.0)])
    alone, _ = evaluate(X, ROW_WEIGHTS, plan)
    assert evaluate(filled, np.concatenate([ROW_WEIGHTS, np.zeros(3)]), plan)[0] == pytest.approx(alone, rel=1e-12)
    assert np.isfinite(evaluate(filled, np.zeros(7), plan)[0])


def test_weights_average_one_over_the_table_and_not_in_each_batch() -> None:
    plan = Plan(None, (L1(0.1),), Sgd())
    table, _ = evaluate(X, ROW_WEIGHTS, plan)
    halves = [evaluate(X[part], ROW_WEIGHTS[part], plan)[0] for part in (slice(0, 2), slice(2, 4))]
    assert np.mean(halves) == pytest.approx(table, rel=1e-12)


def test_a_row_of_weight_two_is_the_row_twice() -> None:
    plan = Plan(None, PENALTIES, Sgd())
    twice, _ = evaluate(np.concatenate([X, X[:1]]), np.ones(5), plan)
    weight = np.array([2.0, 1.0, 1.0, 1.0])
    assert evaluate(X, weight / weight.mean(), plan)[0] == pytest.approx(twice, rel=1e-12)


def test_the_error_is_taken_against_the_clean_row() -> None:
    plan = Plan(Masking(1.0), (L1(0.1),), Sgd())
    z, reconstructed = by_hand(np.zeros_like(X))
    _, terms = evaluate(X, np.ones(4), plan, key=jax.random.key(0))
    assert terms["reconstruction"] == pytest.approx(((X - reconstructed) ** 2).sum(axis=1).mean(), rel=1e-12)
    assert terms["l1"] == pytest.approx(0.1 * np.abs(z).sum(axis=1).mean(), rel=1e-12)


def test_without_a_key_there_is_no_corruption() -> None:
    noisy, plain = (Plan(corruption, (), Sgd()) for corruption in (Masking(1.0), None))
    assert evaluate(X, np.ones(4), noisy) == evaluate(X, np.ones(4), plain)
    half = Plan(Masking(0.5), (), Sgd())
    values = {evaluate(X, np.ones(4), half, key=jax.random.key(seed))[0] for seed in (0, 0, 1)}
    assert len(values) == 2


@pytest.fixture
def reconstruction() -> Iterator[Any]:
    """Define a penalty that takes the name of the term of the neck, and forget it."""

    @dataclasses.dataclass(frozen=True)
    class Reconstruction(Penalty):
        weight: float = 1.0

        def __call__(self, seen: Any) -> Any:
            return jnp.ones(len(seen.batch.x))

    yield Reconstruction
    registry._PARTS["penalties"].pop("reconstruction")


def test_a_penalty_never_takes_the_place_of_the_reconstruction(reconstruction: Any) -> None:
    plain, _ = evaluate(X, np.ones(4), Plan(None, (), Sgd()))
    total, terms = evaluate(X, np.ones(4), Plan(None, (reconstruction(2.0),), Sgd()))
    assert total == pytest.approx(plain + 2.0, rel=1e-12)
    assert terms["reconstruction"] == pytest.approx(plain, rel=1e-12)
    assert len(terms) == 2


@pytest.mark.parametrize(
    ("backbone", "bottleneck", "likelihood", "corruption", "penalties"),
    [
        ("mlp((4,), tanh)", "deterministic(2)", "squared_error", None, ()),
        ("mlp((4, 3), sigmoid)", "deterministic(2, tanh)", "bernoulli", "masking(0.3)", ("l1(0.1)",)),
        ("mlp((4,), prelu)", "top_k(5, k=2)", "squared_error", "gaussian(0.1)", ("l2(0.3)", "weight_decay(0.01)")),
        ("mlp((4,), elu(0.7))", "deterministic(2, softplus)", "absolute_error", None, ("l1(0.1)", "l1(0.2)")),
        ("mlp((4,), gelu, dropout=0.3)", "top_k(4, k=1)", "bernoulli", None, ("l2(linear(1.0, 0.0, 10))",)),
        ("mlp((4,), leaky_relu)", "deterministic(2)", "squared_error", "salt_and_pepper(0.2)", ("weight_decay",)),
        ("mlp(())", "deterministic(2)", "squared_error", None, ("l1", "l2")),
    ],
)
def test_its_gradient_is_the_slope(
    backbone: str, bottleneck: str, likelihood: str, corruption: str | None, penalties: tuple[str, ...]
) -> None:
    road, step = resolve(Backbone, backbone), 1e-5
    skeleton = build(Row((COLUMNS,)), road, resolve(Bottleneck, bottleneck), road, resolve(Likelihood, likelihood))
    noise = None if corruption is None else resolve(Corruption, corruption)
    plan = Plan(noise, tuple(resolve(Penalty, each) for each in penalties), Sgd())
    count = sum(spec.size for spec in parameter_specs(skeleton).values())
    weights = 0.7 * np.random.default_rng(2).normal(size=count)
    x = np.random.default_rng(3).random(size=(4, COLUMNS))
    with jax.enable_x64(True):
        batch = Batch(jnp.array(x), jnp.array([2.0, 0.5, 0.5, 0.0]))

        @jax.jit
        @jax.value_and_grad
        def total(flat: Any) -> Any:
            return loss(assemble(skeleton, flat), plan, batch, jnp.int32(3), jax.random.key(7))[0]

        _, gradient = total(weights)
        nudges = step * np.eye(count)
        slope = [float(total(weights + nudge)[0] - total(weights - nudge)[0]) / (2 * step) for nudge in nudges]
    assert np.abs(slope).max() > 0.1
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-8)


def test_each_penalty_has_noise_of_its_own() -> None:
    plan = Plan(None, (Curvature(1.0, draws=1), Curvature(1.0, draws=1)), Sgd())
    skeleton = build(Row((COLUMNS,)), MLP((4,), activation="tanh"), Deterministic(2), MLP(()), SquaredError())
    batch = Batch(jnp.array(X, jnp.float32), jnp.ones(len(X)))
    network = assemble(skeleton, draw_weights(skeleton, 0))
    terms = loss(network, plan, batch, jnp.int32(0), jax.random.key(0))[1].terms
    assert float(terms["curvature"]) != float(terms["curvature_2"])
    without = loss(network, plan, batch, jnp.int32(0), None)[1].terms
    assert float(without["curvature"]) == float(without["curvature_2"])
