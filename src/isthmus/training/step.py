"""The compiled steps of training: an epoch over batches, a gradient over all rows, the loss of validation rows.

Each is compiled once for given parts and shapes. Data are padded to few sizes and the number of batches is an
argument, so another seed, another float setting, a refit, or a table a little longer run the same program.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Batch, KnownCategories, Links, Optimizer, Schedule, at
from isthmus.core.effort import Suited
from isthmus.core.parameter_specs import assemble, fill_specs, weight_range
from isthmus.core.programs import compiled
from isthmus.core.weight_blocks import Blocks, arrays_of, blocks_of, flat_of, has_large, joined_as
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import Model
from isthmus.training.objective import LossTerms, Plan, loss, start_memory

DISCRIMINATOR = "neck.rival"  # the path of a discriminator's weights
USUAL_EPOCHS = 100  # of a training, however many it may take: so that it computes the same with other limits
VALIDATION_DRAWS = 4  # of the noise of each validation row

Answer = TypeVar("Answer")


class TrainingState(NamedTuple):
    """What training changes; with several starts every array has them as its first axis."""

    weights: Any  # [weights]
    optimizer: Any  # the memory of the optimizer, and that of the discriminator's
    step: Any  # scalar
    memory: tuple[Any, ...] = ()  # of each penalty
    links: Links | None = None  # for every row of the table, where rows explain others
    changed: Any = None  # scalar, the share of links that the last search changed


class EpochResult(NamedTuple):
    """The means of an epoch."""

    loss: Any  # scalar
    terms: dict[str, Any]
    weight_change: Any  # ‖w − w₀‖ / ‖w₀‖


class _Sums(NamedTuple):
    """The sums of an epoch so far."""

    rows: Any  # scalar
    loss: Any  # scalar
    terms: dict[str, Any]


def begin(plan: Plan, model: Model, weights: np.ndarray, known: KnownCategories) -> TrainingState:
    """Return the state before the first step of a fit, for `weights` [starts, weights]."""
    memories = [start_memory(plan, assemble(model, flat), known) for flat in weights]
    memory = jax.tree.map(lambda *arrays: np.stack(arrays), *memories)
    return TrainingState(weights, _begin(weights, plan, model), np.zeros(len(weights), np.int32), memory)


@compiled
def _begin(weights: Array, plan: Plan, model: Model) -> Any:
    def start(weights: Array) -> tuple[Any, Any]:
        low, high = weight_range(model, DISCRIMINATOR)
        other = None if plan.discriminator is None else plan.discriminator.direction().init(weights[low:high])
        return plan.optimizer.direction().init(weights), other

    return jax.vmap(start)(weights)


@compiled
def epoch(
    state: TrainingState,
    order: Array,
    key: Array,
    factor: Array,
    model: Model,
    plan: Plan,
    table: DeviceTable,
    batches: Array,
) -> tuple[TrainingState, EpochResult]:
    """Take one optimizer step for each of the first `batches` rows of `order`.

    Parameters
    ----------
    state : of all starts.
    order : rows of the table by batch, [starts, most batches, batch size]; ~i stands for row i that fills a batch up.
    key : the epoch's randomness, [starts, 2] of uint32.
    factor : on the learning rate, [starts].
    model : the skeleton of parameter specs.
    """

    def run_start(state: TrainingState, order: Array, key: Array, factor: Array) -> tuple[TrainingState, EpochResult]:
        def step(i: Array, carry: tuple[TrainingState, _Sums]) -> tuple[TrainingState, _Sums]:
            return _step(*carry, i, order, key, factor, model, plan, table)

        begin = _in_blocks(state, model, plan)
        end, sums = jax.lax.fori_loop(0, batches, step, (begin, _nothing(model, plan, table, order, state)))
        after = _flat(end, state, model)
        return after, _result(state.weights, after.weights, sums)

    return _over_starts(run_start, order.shape[0])(state, order, key, factor)


def _in_blocks(state: TrainingState, model: Model, plan: Plan) -> TrainingState:
    """Return a state whose weights, and what the optimizer remembers of them, lie in blocks, where that is faster."""
    if plan.discriminator is not None or not plan.optimizer.takes_blocks or not has_large(model):
        return state

    def in_blocks(leaf: Any) -> Blocks:
        return blocks_of(model, leaf) if jnp.shape(leaf) == state.weights.shape else leaf

    return state._replace(weights=in_blocks(state.weights), optimizer=jax.tree.map(in_blocks, state.optimizer))


def _flat(end: TrainingState, begin: TrainingState, model: Model) -> TrainingState:
    """Return a state as it was before `_in_blocks`, which `begin` was given to."""
    weights, memory = (
        jax.tree.map(lambda _, blocks: flat_of(model, blocks), before, after)
        for before, after in ((begin.weights, end.weights), (begin.optimizer, end.optimizer))
    )
    return end._replace(weights=weights, optimizer=memory)


def _step(
    state: TrainingState,
    sums: _Sums,
    i: Array,
    order: Array,
    key: Array,
    factor: Array,
    model: Model,
    plan: Plan,
    table: DeviceTable,
) -> tuple[TrainingState, _Sums]:
    batch = _take(table, order[i], state.links)
    ahead = _look_ahead(state, factor, model, plan)
    gradient, result = _gradient(ahead, batch, _key(key, i), model, plan, state.step, state.memory)
    change, optimizer = _change(gradient, state, model, plan)
    weights = jax.tree.map(lambda weights, change: weights - factor * change, state.weights, change)
    after = state._replace(weights=weights, optimizer=optimizer, step=state.step + 1, memory=result.memory)
    return after, _add(sums, result, order[i])


def _look_ahead(state: TrainingState, factor: Array, model: Model, plan: Plan) -> Blocks:
    """Return where the gradient of a step is taken: ahead of the weights, where an optimizer looks ahead."""
    memory, other = state.optimizer
    ahead = plan.optimizer.look_ahead(state.weights, memory, factor * _rates(plan.optimizer, state.step)[0])
    if plan.discriminator is None:
        return ahead
    low, high = weight_range(model, DISCRIMINATOR)
    rate = factor * _rates(plan.discriminator, state.step)[0]
    own = plan.discriminator.look_ahead(state.weights[low:high], other, rate)
    return ahead.at[low:high].set(own)


def _rates(optimizer: Optimizer, step: Array) -> tuple[Array, Array]:
    """Return the learning rates of the step before and of this one."""
    rate = optimizer.learning_rate
    return at(rate, jnp.maximum(step - 1, 0)), at(rate, step)


def _change(gradient: Blocks, state: TrainingState, model: Model, plan: Plan) -> tuple[Blocks, Any]:
    """Return the change of the weights, the discriminator's by its own optimizer, and the memory of both."""
    memory, other = state.optimizer
    change, memory = _by(plan.optimizer, gradient, memory, state.weights, state.step)
    if plan.discriminator is not None:
        low, high = weight_range(model, DISCRIMINATOR)
        weights = state.weights[low:high]
        own, other = _by(plan.discriminator, gradient[low:high], other, weights, state.step)
        change = change.at[low:high].set(own)
    if plan.step_scale is not None:
        scale = blocks_of(model, plan.step_scale) if isinstance(change, tuple) else plan.step_scale
        change = jax.tree.map(jnp.multiply, change, scale)
    return change, (memory, other)


def _by(optimizer: Optimizer, gradient: Blocks, memory: Any, weights: Blocks, step: Array) -> tuple[Blocks, Any]:
    """Return the change of weights by an optimizer, rate x direction, and its memory."""
    before, now = _rates(optimizer, step)
    if isinstance(optimizer.learning_rate, Schedule):
        memory = optimizer.rescale(memory, jnp.where(now > 0, before / jnp.where(now > 0, now, 1), 1))
    direction, memory = optimizer.direction().update(gradient, memory, weights)
    return jax.tree.map(lambda direction: now * direction, direction), memory


@compiled
def gradient(
    state: TrainingState, order: Array, key: Array, model: Model, plan: Plan, table: DeviceTable, batches: Array
) -> tuple[Array, dict[str, Array], Array]:
    """Return the loss over all rows, its terms and its gradient, gathered batch by batch, for one start."""

    def add(i: Array, carry: tuple[Array, _Sums]) -> tuple[Array, _Sums]:
        total, sums = carry
        batch = _take(table, order[i], state.links)
        slope, result = _gradient(state.weights, batch, _key(key, i), model, plan, state.step, state.memory)
        return total + slope * jnp.sum(order[i] >= 0), _add(sums, result, order[i])

    start = (jnp.zeros_like(state.weights), _nothing(model, plan, table, order, state))
    total, sums = jax.lax.fori_loop(0, batches, add, start)
    mean = total / sums.rows
    return *_means(sums), (mean if plan.step_scale is None else mean * plan.step_scale)


def validation_loss(
    weights: Array | np.ndarray, model: Model, plan: Plan, table: DeviceTable, key: np.ndarray, suited: Suited
) -> np.ndarray:
    """Return the loss that is trained over a table, [starts], every schedule at its end.

    Its noise, that of the corruption and of the code, is drawn from `key` [2] of uint32, several times for each row:
    with one key the losses of several weights are compared under the same noise. Layers are without noise, as in use.
    """
    draws = VALIDATION_DRAWS if plan.is_noisy(model) else 1
    size = min(len(table.x), 1024)
    times = USUAL_EPOCHS * draws * -(-len(table.x) // size)
    return np.asarray(suited(_validation_loss, weights, model, plan, table, key, size, draws, times=times))


@partial(compiled, static_argnames=("size", "draws"))
def _validation_loss(
    weights: Array, model: Model, plan: Plan, table: DeviceTable, key: Array, size: int, draws: int
) -> Array:
    def of_start(weights: Array) -> Array:
        def add(i: Array, total: Array) -> Array:
            index = i // draws * size + jnp.arange(size)
            batch = _take(table, jnp.where(index < table.rows, index, ~(index % table.rows)), None)
            network = assemble(model, weights)
            result = loss(network, plan, batch, LAST_STEP, _key(key, i), has_layer_noise=False)[1]
            return total + result.loss * jnp.sum(index < table.rows)

        blocks = -(-table.rows // size)
        return jax.lax.fori_loop(0, blocks * draws, add, jnp.zeros(())) / (table.rows * draws)

    return _over_starts(of_start, weights.shape[0])(weights)


@partial(compiled, inline=True)  # so that it is traced once, though `_nothing` asks for its terms too
def _gradient(
    weights: Blocks, batch: Batch, key: Array, model: Model, plan: Plan, step: Array, memory: tuple[Any, ...]
) -> tuple[Blocks, LossTerms]:
    arrays = arrays_of(model, weights)
    batch = batch._replace(
        x=batch.x.astype(arrays[0].dtype)
    )  # in float64 where the weights are, also what derives by it

    def of(arrays: list[Array]) -> tuple[Array, LossTerms]:
        return loss(fill_specs(model, arrays), plan, batch, step, key, memory)

    slopes, result = jax.grad(of, has_aux=True)(arrays)
    return joined_as(weights, model, slopes), result


def _take(table: DeviceTable, index: Array, links: Links | None) -> Batch:
    place = jnp.where(index < 0, ~index, index)
    x = table.x.at[place].get(mode="promise_in_bounds")
    batch = Batch(x, jnp.where(index >= 0, table.weight[index], 0))
    if table.label is not None:
        batch = batch._replace(label=jnp.where(index >= 0, table.label[place], -1))
    if table.target is not None:
        batch = batch._replace(target=jnp.where(index[:, None] >= 0, table.target[place], -1))
    if table.target_weight is not None:
        batch = batch._replace(target_weight=table.target_weight[place])
    if links is not None:
        batch = batch._replace(neighbors=table.x[links.index[place]], strength=links.strength[place])
    return batch


def _key(key: Array, number: Array) -> Array:
    return jax.random.fold_in(jax.random.wrap_key_data(key), number)


def _nothing(model: Model, plan: Plan, table: DeviceTable, order: Array, state: TrainingState) -> _Sums:
    """Return zero for the sum of every term."""

    def terms() -> LossTerms:
        batch = _take(table, order[0], state.links)
        return _gradient(state.weights, batch, jax.random.key(0), model, plan, jnp.int32(0), state.memory)[1]

    return _Sums(jnp.zeros(()), jnp.zeros(()), {name: jnp.zeros(()) for name in jax.eval_shape(terms).terms})


def _add(sums: _Sums, result: LossTerms, index: Array) -> _Sums:
    rows = jnp.sum(index >= 0)
    terms = {name: sums.terms[name] + rows * value for name, value in result.terms.items()}
    return _Sums(sums.rows + rows, sums.loss + rows * result.loss, terms)


def _means(sums: _Sums) -> tuple[Array, dict[str, Array]]:
    return sums.loss / sums.rows, {name: value / sums.rows for name, value in sums.terms.items()}


def _result(before: Array, after: Array, sums: _Sums) -> EpochResult:
    return EpochResult(*_means(sums), jnp.linalg.norm(after - before) / jnp.linalg.norm(before))


def _over_starts(function: Callable[..., Answer], starts: int) -> Callable[..., Answer]:
    """Map over the first axis of every argument: in one program for several starts, without a map for one."""
    if starts > 1:
        return jax.vmap(function)
    return lambda *arguments: jax.tree.map(
        lambda array: array[None], function(*jax.tree.map(lambda array: array[0], arguments))
    )
