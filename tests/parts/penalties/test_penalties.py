"""Penalties, each worked out by hand on a small model."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Batch, Code, ForwardPass, Row
from isthmus.core.parameter_specs import assemble, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import L1, L2, WeightDecay
from isthmus.parts.schedules import Linear
from isthmus.training.objective import Plan, loss

ROAD = MLP((5,), activation="prelu")
SKELETON = build(Row((3,)), ROAD, Deterministic(2), ROAD, SquaredError())
WEIGHTS = np.random.default_rng(0).normal(size=sum(spec.size for spec in parameter_specs(SKELETON).values()))
X = np.random.default_rng(1).normal(size=(4, 3))
DRAWS = np.array([[[1.0, -2.0], [0.0, 0.5], [3.0, 0.0]], [[3.0, 2.0], [0.0, -0.5], [0.0, 0.0]]])


def seen(draws: np.ndarray, model: Any = None) -> ForwardPass:
    """Return a pass of which only codes and model are known."""
    code = Code(jnp.array(draws), jnp.array(draws[0]))
    return ForwardPass(None, None, code, None, model, jnp.int32(0), None)  # type: ignore[arg-type]


def matrices() -> list[np.ndarray]:
    found, start = [], 0
    for spec in parameter_specs(SKELETON).values():
        found += [WEIGHTS[start : start + spec.size]] if len(spec.shape) == 2 else []
        start += spec.size
    return found


@jax.jit
@jax.value_and_grad
def decay_and_gradient(weights: Any) -> Any:
    return WeightDecay()(seen(DRAWS, assemble(SKELETON, weights)))


@jax.jit
def evaluate(weights: Any, penalty: Any, x: Any) -> Any:
    """Return the codes and the terms of a loss with one penalty, at step 5."""
    model = assemble(SKELETON, weights)
    plan = Plan(None, (penalty,), Sgd())
    return model.encode(x).point, loss(model, plan, Batch(x, jnp.ones(len(x))), jnp.int32(5), None)[1].terms


@pytest.mark.parametrize(
    ("penalty", "one_draw", "two_draws"),
    # Sums over the units of a row; then the mean of the draws: (3 + 5) / 2, (0.5 + 0.5) / 2, (3 + 0) / 2.
    [(L1(), [3.0, 0.5, 3.0], [4.0, 0.5, 1.5]), (L2(), [5.0, 0.25, 9.0], [9.0, 0.25, 4.5])],
    ids=str,
)
def test_the_size_of_a_code_row_by_row(penalty: Any, one_draw: list[float], two_draws: list[float]) -> None:
    np.testing.assert_allclose(penalty(seen(DRAWS[:1])), one_draw, rtol=1e-6)
    np.testing.assert_allclose(penalty(seen(DRAWS)), two_draws, rtol=1e-6)


def test_weight_decay_is_the_sum_of_squares_of_all_matrices() -> None:
    assert [matrix.size for matrix in matrices()] == [15, 10, 10, 15]
    expected = sum(float((matrix**2).sum()) for matrix in matrices())
    found, _ = decay_and_gradient(WEIGHTS)
    assert jnp.shape(found) == ()
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_weight_decay_pulls_at_matrices_and_never_at_biases_or_slopes() -> None:
    _, gradient = decay_and_gradient(WEIGHTS)
    start = 0
    for name, spec in parameter_specs(SKELETON).items():
        own, weights = gradient[start : start + spec.size], WEIGHTS[start : start + spec.size]
        np.testing.assert_allclose(own, 2 * weights if name.endswith("matrix") else 0 * weights, rtol=1e-5)
        start += spec.size


@pytest.mark.parametrize(
    ("penalty", "weight", "unweighted"),
    [
        (L1(), 1e-3, "l1"),
        (L2(), 1e-3, "l2"),
        (WeightDecay(), 1e-4, "weight_decay"),
        (L1(0.5), 0.5, "l1"),
        (L2(0), 0.0, "l2"),
        # Half of the way from 1 to 0.5 at step 5 of 10.
        (L1(Linear(1.0, 0.5, 10)), 0.75, "l1"),
        (WeightDecay("linear(1.0, 0.5, 10)"), 0.75, "weight_decay"),
    ],
    ids=str,
)
def test_the_weight_multiplies(penalty: Any, weight: float, unweighted: str) -> None:
    with jax.enable_x64(True):
        code, terms = jax.tree.map(np.asarray, evaluate(WEIGHTS, penalty, X))
        plain = {
            "l1": np.abs(code).sum(axis=1).mean(),
            "l2": (code**2).sum(axis=1).mean(),
            "weight_decay": sum((matrix**2).sum() for matrix in matrices()),
        }
    assert float(terms[unweighted]) == pytest.approx(weight * plain[unweighted], rel=1e-12)


@pytest.mark.parametrize("cls", [L1, L2, WeightDecay])
def test_a_weight_below_zero_is_refused(cls: Any) -> None:
    with pytest.raises(InvalidPart) as caught:
        cls(-0.5)
    assert str(caught.value) == f"{cls.__name__}.weight must be at least 0. Got -0.5."


def test_a_weight_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidPart) as caught:
        L1(None)  # type: ignore[arg-type]
    assert str(caught.value) == "L1.weight must be a finite number or a schedule. Got None."
