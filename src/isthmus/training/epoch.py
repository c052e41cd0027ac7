"""One epoch of a job: by steps of an optimizer, or by a round over all rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from isthmus.contracts import End, KnownCategories, Neighborhood, Optimizer, Record, Schedule, Stop
from isthmus.core.effort import Suited
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import Model
from isthmus.training import step as steps
from isthmus.training.neighbors import refresh_neighbors
from isthmus.training.objective import Plan
from isthmus.training.step import TrainingState

VALIDATION_KEY = np.array([0, 2**32 - 1], np.uint32)  # the same after every epoch and for every start


@dataclass(frozen=True)
class Job:
    """What does not change in training."""

    model: Model  # the skeleton of parameter specs
    plan: Plan
    table: DeviceTable
    held_out: DeviceTable | None
    batch_size: int
    max_epochs: int
    stops: tuple[Stop, ...]
    seeds: tuple[int, ...]  # one for each start
    neighborhood: Neighborhood | None = None
    groups: np.ndarray | None = None  # [rows], numbers: rows of one group come in one batch, as far as it holds them
    known: KnownCategories = field(default_factory=dict)
    compares: bool = True  # epochs with each other: else each has rows of its own, and the last weights are kept

    @cached_property
    def suited(self) -> Suited:
        """Return what calls the programs of this training."""
        return Suited()

    @cached_property
    def steps_per_epoch(self) -> int:
        """Return how many steps an epoch takes, at least where groups are not cut."""
        return steps_per_epoch(self.plan.optimizer, int(self.table.rows), self.batch_size)

    @cached_property
    def first_comparable(self) -> int:
        """Return how many epochs pass until every schedule has ended: only from then on losses can be compared."""
        return -(-self.plan.last_step(self.model) // self.steps_per_epoch)

    @cached_property
    def keeps_best(self) -> bool:
        """Say whether the weights of the epoch of the lowest loss are kept, else those of the last one.

        The loss in training does not show which weights are best where rows explain others, beside a discriminator,
        with a penalty that depends on the steps before, or under noise that is another in each epoch.
        """
        plan = self.plan
        is_vague = plan.is_noisy(self.model) and not plan.optimizer.full_batch
        is_vague |= self.neighborhood is not None or plan.discriminator is not None
        is_vague |= any(penalty.step_by_step for penalty in plan.penalties)
        is_vague |= any(penalty.is_random for penalty in plan.penalties) and not plan.optimizer.full_batch
        return self.compares and (self.held_out is not None or not is_vague)

    @cached_property
    def judges_late(self) -> bool:
        """Say whether the loss by which an epoch is judged is that before its step: of one batch, no rows held out."""
        return self.held_out is None and self.steps_per_epoch == 1 and not self.plan.optimizer.full_batch

    @property
    def last(self) -> End:
        """Return the end of a start that has taken all its epochs."""
        return End("max_epochs", f"all epochs that were asked for have been taken: {self.max_epochs}")


@dataclass(frozen=True)
class Progress:
    """Where training stands after an epoch; every array has the starts as its first axis."""

    state: TrainingState
    good: TrainingState  # before the epoch of the lowest training loss: kept for when the loss is not finite
    good_loss: np.ndarray  # [starts]
    best_weights: np.ndarray  # [starts, weights], of the epoch that is kept: see `training/selection.py`
    best_loss: np.ndarray  # [starts], of validation rows, or in training where there are none
    factor: np.ndarray  # [starts], on the learning rate: lowered when an epoch fails
    histories: tuple[tuple[Record, ...], ...]
    reasons: tuple[End | None, ...]  # why each start has ended

    @property
    def epoch(self) -> int:
        """Return how many epochs the longest start has taken."""
        return max(len(history) for history in self.histories)

    @property
    def best(self) -> int:
        """Return the start with the lowest loss."""
        return int(np.argmin(self.best_loss))


def steps_per_epoch(optimizer: Optimizer, rows: int, batch_size: int) -> int:
    """Return how many steps an epoch takes."""
    return 1 if optimizer.full_batch else -(-rows // batch_size)


def run_epoch(job: Job, before: Progress) -> tuple[TrainingState, dict[str, np.ndarray], np.ndarray]:
    """Return the state after one epoch, its values by name, [starts] each, and which starts have settled."""
    before = replace(
        before,
        state=refresh_neighbors(
            before.state, job.neighborhood, job.model, job.table, job.seeds, before.epoch, job.suited
        ),
    )
    state, result, settled = _by_rounds(job, before) if job.plan.optimizer.full_batch else _by_steps(job, before)
    values = {"loss": result.loss, **result.terms, "weight_change": result.weight_change}
    if state.changed is not None:
        values["changed_links"] = np.asarray(state.changed)
    if job.held_out is not None:
        values["validation_loss"] = steps.validation_loss(
            state.weights, job.model, job.plan, job.held_out, VALIDATION_KEY, job.suited
        )
    return state, values, settled


def _by_steps(job: Job, before: Progress) -> tuple[TrainingState, steps.EpochResult, np.ndarray]:
    """Take one step a batch, all starts at once."""
    number = before.epoch
    order = np.stack([shuffled_batches(job, seed, number) for seed in job.seeds])
    key = np.array([[seed, number] for seed in job.seeds], np.uint32)
    rate, factor = job.plan.optimizer.learning_rate, before.factor
    if isinstance(rate, Schedule):
        factor = factor * np.array(
            [rate.factor(history[job.first_comparable :]) for history in before.histories], np.float32
        )
    batches = np.int32((order >= 0).any(axis=(0, 2)).sum())
    arguments = (before.state, order, key, factor, job.model, job.plan, job.table, batches)
    state, result = job.suited(steps.epoch, *arguments, times=steps.USUAL_EPOCHS * job.steps_per_epoch)
    return state, jax.device_get(result), np.zeros(len(job.seeds), bool)


def _by_rounds(job: Job, before: Progress) -> tuple[TrainingState, steps.EpochResult, np.ndarray]:
    """Take one round of a full-batch optimizer, one start after the other; the noise is that of epoch 0."""
    weights, results, settled = [], [], []
    for start, seed in enumerate(job.seeds):
        order, key = shuffled_batches(job, seed, 0), np.array([seed, 0], np.uint32)
        origin = jax.tree.map(lambda array, start=start: np.asarray(array)[start], before.state)
        begin = origin.weights

        def evaluate(
            flat: np.ndarray, order: Any = order, key: Any = key, origin: Any = origin
        ) -> tuple[Any, Any, Any]:
            # In float64: what a line search compares differs in digits that float32 does not have.
            with jax.enable_x64(True):
                state = origin._replace(weights=flat)
                batches = np.int32((order >= 0).any(axis=1).sum())
                arguments = (state, order, key, job.model, job.plan, job.table, batches)
                return jax.device_get(job.suited(steps.gradient, *arguments, times=steps.USUAL_EPOCHS * len(order)))

        def value_and_gradient(flat: np.ndarray, evaluate: Any = evaluate) -> tuple[float, np.ndarray]:
            loss, _, gradient = evaluate(flat)
            return float(loss), np.asarray(gradient, np.float64)

        end, is_settled = job.plan.optimizer.round(value_and_gradient, begin.astype(np.float64))
        loss, terms, _ = evaluate(end)
        change = np.linalg.norm(end - begin) / np.linalg.norm(begin)
        weights.append(end.astype(np.float32))
        results.append(steps.EpochResult(loss, terms, np.float32(change)))
        settled.append(is_settled)
    result = jax.tree.map(lambda *values: np.stack(values), *results)
    after = before.state._replace(weights=np.stack(weights), step=before.state.step + 1)
    return after, result, np.array(settled)


def shuffled_batches(job: Job, seed: int, number: int) -> np.ndarray:
    """Return the rows in the epoch's order by batch, [batches, batch size]; ~i is row i that only fills up."""
    generator = np.random.Generator(np.random.Philox([seed, number]))
    rows = generator.permutation(int(job.table.rows))
    batches = -(-len(job.table.x) // job.batch_size)
    if job.groups is not None:
        return pack_groups(rows, job.groups, 2 * batches + 1, job.batch_size)
    order = ~np.resize(rows, (batches, job.batch_size)).astype(np.int32)
    order.ravel()[: job.table.rows] = rows
    return order


def pack_groups(rows: np.ndarray, groups: np.ndarray, batches: int, size: int) -> np.ndarray:
    """Return rows by batch, [batches, size], ~i for a row that fills up: no group is cut that fits into a batch.

    Groups come in the order of their first rows in `rows`; those larger than a batch are cut by chance. Two batches in
    a row hold more than one batch of rows, so that 2 · rows / size + 1 of them are enough.
    """
    _, first, place = np.unique(groups[rows], return_index=True, return_inverse=True)
    rows = rows[np.argsort(first[place], kind="stable")]
    sizes = np.bincount(place)[np.argsort(first)]
    order, batch, filled, start = ~np.resize(rows, (batches, size)).astype(np.int32), 0, 0, 0
    for count in sizes:
        for cut in range(0, count, size):
            piece = rows[start + cut : start + min(cut + size, count)]
            if filled + len(piece) > size:
                batch, filled = batch + 1, 0
            order[batch, filled : filled + len(piece)] = piece
            filled += len(piece)
        start += count
    return order
