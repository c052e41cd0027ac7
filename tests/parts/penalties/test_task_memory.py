"""The memory of earlier tasks: by hand, by finite differences, and what it keeps while another task is learned."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs, split_weights
from isthmus.data.device_table import DeviceTable
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP, Hyper
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Adam
from isthmus.parts.penalties import TaskMemory
from isthmus.training.objective import Plan, loss, start_memory
from isthmus.training.step import begin, epoch

TASKS, ROWS = 3, 64
ROAD = Hyper(MLP((8,), activation="tanh"), tasks=TASKS, embedding=4, hidden=(10,))
MODEL = build(Row((5,)), ROAD, Deterministic(2), MLP(()), SquaredError())  # the way up learns no task by itself
ONE = np.ones(1, np.float32)


@jax.jit
def term(flat: Any, memory: Any) -> Any:
    batch = Batch(jnp.zeros((2, 5)), jnp.ones(2))
    plan = Plan(None, (TaskMemory(0.5),), Adam())
    return loss(assemble(MODEL, flat), plan, batch, jnp.int32(0), None, memory)[1].terms["task_memory"]


@jax.jit
def weights_of(flat: Any, task: int) -> Any:
    network = assemble(MODEL, flat).encoder.hypernetwork
    return network.weights(network.tasks[task])


def moved(before: Any, flat: Any, task: int) -> float:
    return float(jnp.sum((weights_of(flat, task) - before) ** 2))


def test_it_is_the_mean_over_earlier_tasks_of_how_far_their_weights_moved() -> None:
    before, after = draw_weights(MODEL, 0), draw_weights(MODEL, 0) + 0.1 * draw_weights(MODEL, 1)
    plan = Plan(None, (TaskMemory(),), Adam())
    after_tasks = [*parameter_specs(MODEL)].index("encoder.hypernetwork.tasks")
    split_weights(MODEL, after)[after_tasks][...] = split_weights(MODEL, before)[after_tasks]
    distance = [moved(weights_of(before, task), after, task) for task in range(TASKS)]
    assert min(distance) > 0.01
    for old in ((), (1,), (0, 2)):
        memory = start_memory(plan, assemble(MODEL, before), {4: old})
        due = 0.5 * sum(distance[task] for task in old) / max(len(old), 1)
        assert float(term(after, memory)) == pytest.approx(due, rel=1e-4)
        assert float(term(before, memory)) == pytest.approx(0, abs=1e-9)
    other_column = start_memory(plan, assemble(MODEL, before), {3: (0, 1)})
    assert float(term(after, other_column)) == 0


def test_its_gradient_is_that_of_finite_differences_and_none_reaches_an_embedding() -> None:
    with jax.enable_x64(True):
        generator = np.random.default_rng(0)
        before, flat = generator.normal(size=(2, draw_weights(MODEL, 0).size)) / 3
        memory = start_memory(Plan(None, (TaskMemory(),), Adam()), assemble(MODEL, before), {4: (0, 1)})
        slope = np.asarray(jax.jit(jax.grad(term))(flat, memory))
        place = [*parameter_specs(MODEL)].index("encoder.hypernetwork.tasks")
        np.testing.assert_array_equal(split_weights(MODEL, slope)[place], 0)
        along = generator.normal(size=flat.size)
        split_weights(MODEL, along)[place][...] = 0
        value = term
        difference = (value(flat + 1e-6 * along, memory) - value(flat - 1e-6 * along, memory)) / 2e-6
        assert slope @ along == pytest.approx(float(difference), rel=1e-6)


def rows_of(task: int) -> np.ndarray:
    """Return rows on a plane of the task's own, then its number."""
    generator = np.random.default_rng(task)
    rows = generator.normal(size=(ROWS, 2)) @ generator.normal(size=(2, 4))
    return np.concatenate([rows, np.full((ROWS, 1), task)], axis=1).astype(np.float32)


def after_both(weight: float) -> dict[str, float]:
    """Return how far the weights and the outputs of task 0 moved while task 1 was learned, and the errors of both."""
    plan, flat, seen = Plan(None, (TaskMemory(weight),), Adam(0.01)), draw_weights(MODEL, 0), {}
    for task in (0, 1):
        before = flat
        state = begin(plan, MODEL, flat[None], {4: tuple(range(task))})
        table, order = (
            DeviceTable(rows_of(task), np.ones(ROWS, np.float32), np.int32(ROWS)),
            np.arange(ROWS)[None, None],
        )
        for number in range(300):
            key = np.array([[0, number]], np.uint32)
            state, last = epoch(state, order.astype(np.int32), key, ONE, MODEL, plan, table, np.int32(1))
        flat = np.asarray(state.weights[0])
        seen[f"error of {task}"] = float(last.terms["reconstruction"][0])
    ends = [np.asarray(assemble(MODEL, each).encoder(rows_of(0), None)) for each in (before, flat)]
    place = [*parameter_specs(MODEL)].index("encoder.hypernetwork.tasks")
    embeddings = [split_weights(MODEL, each)[place] for each in (before, flat)]
    np.testing.assert_array_equal(embeddings[0][[0, 2]], embeddings[1][[0, 2]])
    assert (embeddings[0][1] != embeddings[1][1]).any()
    return seen | {"weights": moved(weights_of(before, 0), flat, 0), "ends": float(np.abs(ends[1] - ends[0]).mean())}


def test_a_new_task_moves_old_weights_without_it_and_hardly_with_it() -> None:
    without, with_it = after_both(0.0), after_both(1.0)
    assert with_it["error of 0"] == without["error of 0"]  # nothing is held in the first fit
    assert without["weights"] > 0.5
    assert with_it["weights"] < without["weights"] / 100
    assert with_it["ends"] < without["ends"] / 20
    assert with_it["error of 1"] < 3 * without["error of 1"] + 0.1


def test_a_model_without_a_hypernetwork_of_tasks_is_refused() -> None:
    numeric = Hyper(MLP((4,)))
    for road in (MLP((4,)), numeric):
        model = build(Row((5,)), road, Deterministic(2), road, SquaredError())
        with pytest.raises(InvalidPart) as caught:
            begin(Plan(None, (TaskMemory(),), Adam()), model, draw_weights(model, 0)[None], {})
        assert str(caught.value) == (
            "the penalty task_memory needs a hypernetwork that tells tasks apart: use "
            "encoder='hyper(mlp, column=-1, tasks=…)'."
        )


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^TaskMemory.weight must be at least 0. Got -1.0.$"):
        TaskMemory(-1.0)
