"""The compiled steps of training: an epoch over batches, a gradient over all rows, a loss without noise.

Each is compiled once for given parts and shapes. Data are padded to few sizes and the number of batches is an
argument, so another seed, another float setting, a refit, or a table a little longer run the same program.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import at
from isthmus.flow import Batch
from isthmus.objective import Plan, loss
from isthmus.weights import assemble, flatten, slots


class State(NamedTuple):
    """What training changes; with several starts every array has them as its first axis."""

    weights: Any  # [weights]
    optimizer: Any
    step: Any  # scalar


class Table(NamedTuple):
    """Scaled rows in memory, followed by rows that only fill up to one of few sizes."""

    x: Any  # [padded n, d] float32
    weight: Any  # [padded n] float32, averages 1 over the real rows
    rows: Any  # how many are real


class Seen(NamedTuple):
    """What an epoch tells."""

    loss: Any  # scalar
    terms: dict[str, Any]
    weight_change: Any  # ‖w − w₀‖ / ‖w₀‖


def begin(plan: Plan, weights: np.ndarray) -> State:
    """Return the state before the first step, for `weights` [starts, weights]."""
    return State(weights, _begin(weights, plan), np.zeros(len(weights), np.int32))


@jax.jit
def _begin(weights: Array, plan: Plan) -> Any:
    return jax.vmap(plan.optimizer.direction().init)(weights)


@jax.jit
def epoch(
    state: State, order: Array, key: Array, factor: Array, model: Any, plan: Plan, table: Table, batches: Array
) -> tuple[State, Seen]:
    """Take one optimizer step for each of the first `batches` rows of `order`.

    Parameters
    ----------
    state : of all starts.
    order : rows of the table by batch, [starts, most batches, batch size]; -1 fills the last batch.
    key : the epoch's randomness, [starts, 2] of uint32.
    factor : on the learning rate, [starts].
    model : the skeleton of slots.
    """

    def one(state: State, order: Array, key: Array, factor: Array) -> tuple[State, Seen]:
        rule = plan.optimizer.direction()

        def step(i: Array, carry: tuple[State, dict[str, Array]]) -> tuple[State, dict[str, Array]]:
            state, sums = carry
            gradient, found = _gradient(state.weights, order[i], _key(key, i), model, plan, table, state.step)
            direction, optimizer = rule.update(gradient, state.optimizer, state.weights)
            size = factor * at(plan.optimizer.learning_rate, state.step)
            weights = state.weights - size * direction
            return State(weights, optimizer, state.step + 1), _add(sums, found, order[i])

        end, sums = jax.lax.fori_loop(0, batches, step, (state, _nothing(model, plan, table, order)))
        change = jnp.linalg.norm(end.weights - state.weights) / jnp.linalg.norm(state.weights)
        return end, Seen(*_means(sums), change)

    return _over_starts(one, order.shape[0])(state, order, key, factor)


@jax.jit
def gradient(
    weights: Array, order: Array, key: Array, step: Array, model: Any, plan: Plan, table: Table, batches: Array
) -> tuple[Array, dict[str, Array], Array]:
    """Return the loss over all rows, its terms and its gradient, gathered batch by batch, for one start."""

    def add(i: Array, carry: tuple[Array, dict[str, Array]]) -> tuple[Array, dict[str, Array]]:
        total, sums = carry
        slope, found = _gradient(weights, order[i], _key(key, i), model, plan, table, step)
        return total + slope * jnp.sum(order[i] >= 0), _add(sums, found, order[i])

    start = (jnp.zeros_like(weights), _nothing(model, plan, table, order))
    total, sums = jax.lax.fori_loop(0, batches, add, start)
    return *_means(sums), total / sums["rows"]


def held_out_loss(weights: Any, model: Any, plan: Plan, table: Table) -> np.ndarray:
    """Return the loss without noise over a table, [starts]."""
    return np.asarray(_held_out_loss(weights, model, plan, table, min(len(table.x), 1024)))


@partial(jax.jit, static_argnames="size")
def _held_out_loss(weights: Array, model: Any, plan: Plan, table: Table, size: int) -> Array:
    def one(weights: Array) -> Array:
        def add(i: Array, total: Array) -> Array:
            index = i * size + jnp.arange(size)
            batch = _take(table, jnp.where(index < table.rows, index, -1))
            value, _ = loss(assemble(model, weights), plan, batch, jnp.int32(0), None)
            return total + value * jnp.sum(index < table.rows)

        return jax.lax.fori_loop(0, -(-table.rows // size), add, jnp.zeros(())) / table.rows

    return _over_starts(one, weights.shape[0])(weights)


def _gradient(
    weights: Array, index: Array, key: Array, model: Any, plan: Plan, table: Table, step: Array
) -> tuple[Array, dict[str, Array]]:
    batch = _take(table, index)
    (total, terms), slope = jax.value_and_grad(loss, has_aux=True)(assemble(model, weights), plan, batch, step, key)
    return flatten(model, slope), {"loss": total, **terms}


def _take(table: Table, index: Array) -> Batch:
    x = table.x.at[jnp.maximum(index, 0)].get(mode="promise_in_bounds")
    return Batch(x, jnp.where(index >= 0, table.weight[index], 0))


def _key(key: Array, number: Array) -> Array:
    return jax.random.fold_in(jax.random.wrap_key_data(key), number)


def _nothing(model: Any, plan: Plan, table: Table, order: Array) -> dict[str, Array]:
    """Return zero for the sum of every term."""
    weights = jnp.zeros(sum(slot.size for slot in slots(model).values()))
    shapes = jax.eval_shape(_gradient, weights, order[0], jnp.zeros(2, jnp.uint32), model, plan, table, jnp.int32(0))
    return {"rows": jnp.zeros(()), **jax.tree.map(lambda _: jnp.zeros(()), shapes[1])}


def _add(sums: dict[str, Array], found: dict[str, Array], index: Array) -> dict[str, Array]:
    rows = jnp.sum(index >= 0)
    return {"rows": sums["rows"] + rows, **{name: sums[name] + rows * value for name, value in found.items()}}


def _means(sums: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    means = {name: value / sums["rows"] for name, value in sums.items() if name != "rows"}
    return means.pop("loss"), means


def _over_starts(function: Any, starts: int) -> Any:
    """Map over the first axis of every argument: in one program for several starts, without a map for one."""
    if starts > 1:
        return jax.vmap(function)
    return lambda *arguments: jax.tree.map(
        lambda array: array[None], function(*jax.tree.map(lambda array: array[0], arguments))
    )
