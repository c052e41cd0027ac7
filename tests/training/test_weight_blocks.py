"""Large matrices are trained as arrays of their own: the same steps as those of one vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import pytest

from isthmus.adopted.optimizer import adopted_optimizer
from isthmus.contracts import Optimizer, Row
from isthmus.core.parameter_specs import draw_weights, split_weights
from isthmus.core.weight_blocks import LARGE, arrays_of, blocks_of, flat_of, has_large, joined_as
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Adam, Clipped, Sgd
from isthmus.training import loop
from isthmus.training.epoch import Job
from isthmus.training.objective import Plan

D, STEPS = 91, 3
ROWS = np.random.default_rng(0).normal(size=(16, D)).astype(np.float32)
MODEL = build(Row((D,)), MLP(()), Deterministic(D), MLP(()), SquaredError())
SMALL = build(Row((5,)), MLP(()), Deterministic(2), MLP(()), SquaredError())


def slope(weights: np.ndarray) -> np.ndarray:
    """Return the gradient of the mean squared error of two linear layers, by hand."""
    a, b, c, d = split_weights(MODEL, weights)
    code = ROWS @ a + b
    change = 2 * (code @ c + d - ROWS) / len(ROWS)
    back = change @ c.T
    return np.concatenate([g.ravel() for g in (ROWS.T @ back, back.sum(0), code.T @ change, change.sum(0))])


def by_adam(weights: np.ndarray, decay: float = 0.0, scale: np.ndarray | float = 1.0) -> np.ndarray:
    m = v = np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        g = slope(weights)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        d = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        weights = weights - 0.01 * scale * (d + decay * weights)
    return weights


def by_nesterov(weights: np.ndarray) -> np.ndarray:
    v = np.zeros_like(weights)
    for _ in range(STEPS):
        v = 0.9 * v + 0.01 * slope(weights - 0.9 * v)
        weights = weights - v
    return weights


def by_limited_slopes(weights: np.ndarray) -> np.ndarray:
    for _ in range(STEPS):
        g = slope(weights)
        weights = weights - 0.1 * g * min(1, 0.5 / np.linalg.norm(g))
    return weights


@pytest.mark.parametrize(
    ("optimizer", "by_hand"),
    [
        (Adam(0.01), by_adam),
        (Adam(0.01, weight_decay=0.1), lambda weights: by_adam(weights, 0.1)),
        (Sgd(0.01, momentum=0.9, nesterov=True), by_nesterov),
        (Clipped(Sgd(0.1), 0.5), by_limited_slopes),
        (adopted_optimizer(optax.adam(0.01)), by_adam),
    ],
    ids=["adam", "weight decay", "nesterov", "clipped", "optax"],
)
def test_steps_are_those_of_one_vector(optimizer: Optimizer, by_hand: Callable[[np.ndarray], np.ndarray]) -> None:
    assert has_large(MODEL)
    for found, begin in trained(Plan(None, (), optimizer)):
        assert found == pytest.approx(by_hand(begin), abs=1e-5)


def test_each_weight_has_its_own_factor() -> None:
    scale = np.arange(len(draw_weights(MODEL, 0)), dtype=np.float32) % 3
    for found, begin in trained(Plan(None, (), Adam(0.01), step_scale=scale)):
        assert found == pytest.approx(by_adam(begin, scale=scale), abs=1e-5)


def trained(plan: Plan) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return of each of two starts the weights that training ends with and those that it begins with."""
    table = DeviceTable(ROWS, np.ones(len(ROWS), np.float32), np.int32(len(ROWS)))
    job = Job(MODEL, plan, table, None, len(ROWS), STEPS, (), (3, 4))
    *_, end = loop.train(job, loop.start(job))
    begin = [draw_weights(MODEL, seed).astype(np.float64) for seed in job.seeds]
    return list(zip(np.asarray(end.state.weights), begin, strict=True))


def test_blocks_are_the_large_matrices_and_the_rest() -> None:
    flat = np.arange(2 * D * D + 2 * D, dtype=np.float32)
    blocks: Any = blocks_of(MODEL, flat)
    rest, first, second = blocks
    assert first.shape == second.shape == (D, D)
    assert first.size >= LARGE
    assert first[1, 0] == D
    assert rest.tolist() == [*range(D * D, D * D + D), *range(2 * D * D + D, 2 * D * D + 2 * D)]
    assert np.array_equal(flat_of(MODEL, blocks), flat)
    arrays = split_weights(MODEL, flat)
    for restored in (arrays_of(MODEL, blocks), arrays_of(MODEL, flat)):
        assert jax.tree.all(jax.tree.map(np.array_equal, restored, arrays))
    assert np.array_equal(joined_as(flat, MODEL, arrays), flat)
    assert jax.tree.all(jax.tree.map(np.array_equal, joined_as(blocks, MODEL, arrays), blocks))


def test_a_network_without_large_matrices_stays_one_vector() -> None:
    assert not has_large(SMALL)
    flat = draw_weights(SMALL, 0)
    assert flat_of(SMALL, flat) is flat
