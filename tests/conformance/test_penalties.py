"""What every penalty keeps: a number for each row or for the batch, a weight, a finite gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Batch, ForwardPass, Penalty, Row, Schedule
from isthmus.core import registry
from isthmus.core.parameter_specs import assemble, draw_weights
from isthmus.core.registry import find_part, part_names
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP, Hyper
from isthmus.parts.bottlenecks import TopK
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.parts.schedules import Linear
from isthmus.training.objective import Plan, loss

ROWS = 6
ROAD = MLP((5,), activation="tanh")
SKELETON = build(Row((4,)), Hyper(ROAD, tasks=2, hidden=(3,)), TopK(8, k=3), ROAD, SquaredError())
X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
X[:, -1] = [0, 1, 1, 0, 1, 0]  # the tasks
LABEL = np.array([0, 1, 2, 0, 1, -1], np.int32)

OWN = [name for name in part_names("penalties") if find_part("penalties", name).__module__.startswith("isthmus.")]
every = pytest.mark.parametrize("name", OWN)  # other tests may have defined more


def idle(memory: Any) -> Any:
    """Return what is remembered, its counts those after many rows in which nothing happened."""
    return jax.tree.map(lambda array: array + 10**6 if array.dtype.kind == "i" else array, memory)


@every
def test_it_is_one_number_a_row_or_one_in_all(name: str, example: Callable[[Any], Any]) -> None:
    @jax.jit
    def term_of(penalty: Any, weights: Any, batch: Batch) -> Any:
        model = assemble(SKELETON, weights)
        code = model.encode(batch.x)
        outcome = model.decode(code.draws, None, code.condition)
        return penalty(
            ForwardPass(batch, batch.x, code, outcome, model, jnp.int32(0), None, penalty.start(SKELETON, {}))
        )

    batch = Batch(X, np.ones(ROWS, np.float32), LABEL)
    term = term_of(example(find_part("penalties", name)), draw_weights(SKELETON, 0), batch)
    assert jnp.shape(term) in ((), (ROWS,))
    assert np.isfinite(term).all()


@every
def test_its_weight_may_change_in_training(name: str, example: Callable[[Any], Any]) -> None:
    penalty = example(find_part("penalties", name)).replace(weight=Linear(0.0, 1.0, 10))
    batch = Batch(jnp.array(X), jnp.ones(ROWS), jnp.array(LABEL))
    memory = (idle(penalty.start(SKELETON, {})),)

    @jax.jit
    @jax.grad
    def slope(weights: Any, step: Any) -> Any:
        plan = Plan(None, (penalty,), Sgd())
        return loss(assemble(SKELETON, weights), plan, batch, step, None, memory)[1].terms[name]

    weights = draw_weights(SKELETON, 0)
    none, half, full = (np.asarray(slope(weights, jnp.int32(step))) for step in (0, 5, 10))
    assert np.isfinite(full).all()
    assert np.abs(full).max() > 0, "it teaches nothing"
    np.testing.assert_array_equal(none, 0)
    np.testing.assert_allclose(half, full / 2, rtol=1e-5, atol=1e-8)


@every
def test_its_weight_is_checked_by_the_contract(name: str, example: Callable[[Any], Any]) -> None:
    part = example(find_part("penalties", name))
    for weight, message in ((-1.0, "at least 0. Got -1.0."), (None, "a finite number or a schedule. Got None.")):
        with pytest.raises(InvalidPart) as caught:
            part.replace(weight=weight)
        assert str(caught.value) == f"{type(part).__name__}.weight must be {message}"


def test_a_penalty_of_ones_own_is_checked_too() -> None:
    @dataclass(frozen=True)
    class Silent(Penalty):
        weight: float | Schedule = 1.0

        def __post_init__(self) -> None:
            """Check nothing."""

        def __call__(self, forward: ForwardPass) -> Any:
            return jnp.zeros(())

    try:
        with pytest.raises(InvalidPart, match=r"^Silent\.weight must be at least 0\. Got -2\.0\.$"):
            Silent(-2.0)
    finally:
        registry._PARTS["penalties"].pop("silent")
