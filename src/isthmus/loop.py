"""The loop: a generator of epochs. It names no variant and calls nobody back."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from isthmus import steps
from isthmus.contracts import Record, Schedule, Stop
from isthmus.errors import Diverged
from isthmus.objective import Plan
from isthmus.steps import State, Table
from isthmus.weights import draw

RETRIES = 8  # of an epoch whose loss is not finite, each with a quarter of the step before


@dataclass(frozen=True)
class Job:
    """What does not change in training."""

    model: Any  # the skeleton of slots
    plan: Plan
    table: Table
    held_out: Table | None
    batch_size: int
    max_epochs: int
    stops: tuple[Stop, ...]
    seeds: tuple[int, ...]  # one for each start


@dataclass(frozen=True)
class Progress:
    """Where training stands after an epoch; every array has the starts as its first axis."""

    state: State
    best_weights: np.ndarray  # [starts, weights], at the lowest held-out loss, else the last
    best_loss: np.ndarray  # [starts]
    factor: np.ndarray  # [starts], on the learning rate: lowered when an epoch fails
    histories: tuple[tuple[Record, ...], ...]
    reasons: tuple[str | None, ...]  # why each start has ended

    @property
    def epoch(self) -> int:
        """Return how many epochs the longest start has taken."""
        return max(len(history) for history in self.histories)

    @property
    def best(self) -> int:
        """Return the start with the lowest loss."""
        return int(np.argmin(self.best_loss))


def start(job: Job, weights: np.ndarray | None = None) -> Progress:
    """Return the progress before the first epoch; `weights` [starts, weights] replace the drawn ones."""
    if weights is None:
        weights = np.stack([draw(job.model, seed) for seed in job.seeds])
    count = len(job.seeds)
    infinite = np.full(count, np.inf)
    reasons: tuple[str | None, ...] = ("max_epochs" if job.max_epochs < 1 else None,) * count
    return Progress(
        steps.begin(job.plan, weights), weights, infinite, np.ones(count, np.float32), ((),) * count, reasons
    )


def train(job: Job, progress: Progress) -> Generator[Progress, None, None]:
    """Yield the progress after every epoch, until every start has a reason to end.

    The state after epoch e depends on the job and the state after epoch e - 1 only, so training taken up
    from any yielded progress goes on bit for bit as if it had not been left.

    Raises
    ------
    Diverged
        If the loss of every start is not finite, and smaller steps did not help.
    """
    while any(reason is None for reason in progress.reasons):
        progress = _next(job, progress)
        yield progress


def _next(job: Job, before: Progress) -> Progress:
    began = time.perf_counter()
    running = np.array([reason is None for reason in before.reasons])
    state, found, settled, factor = _finite_epoch(job, before, running)
    is_lost = running & ~np.isfinite(found["loss"] + found["weight_change"])
    keeps = running & ~is_lost
    losses = found["loss"]
    if job.held_out is not None:
        losses = found["held_out_loss"] = steps.held_out_loss(state.weights, job.model, job.plan, job.held_out)
    seconds = time.perf_counter() - began
    histories = tuple(
        (*past, _record(past, {name: float(value[i]) for name, value in found.items()}, seconds)) if keeps[i] else past
        for i, past in enumerate(before.histories)
    )
    is_best = keeps & (losses < before.best_loss) if job.held_out is not None else keeps
    return Progress(
        state=_choose(keeps, state, before.state),
        best_weights=_choose(is_best, state.weights, before.best_weights),
        best_loss=np.where(is_lost, np.inf, np.where(is_best, losses, before.best_loss)),
        factor=factor,
        histories=histories,
        reasons=tuple(
            reason or ("diverged" if is_lost[i] else _reason(job, histories[i], bool(settled[i])))
            for i, reason in enumerate(before.reasons)
        ),
    )


def _finite_epoch(
    job: Job, before: Progress, running: np.ndarray
) -> tuple[State, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Take an epoch; where the loss leaves the numbers, take it again from the same state with smaller steps."""
    factor = before.factor
    for _ in range(RETRIES):
        state, seen, settled = _rounds(job, before) if job.plan.optimizer.full_batch else _steps(job, before, factor)
        is_lost = running & ~np.isfinite(seen.loss + seen.weight_change)
        if not is_lost.any():
            break
        factor = np.where(is_lost, factor / 4, factor).astype(np.float32)
    if is_lost[running].all():
        raise Diverged("the loss is not finite, and smaller steps did not help")
    return state, {"loss": seen.loss, **seen.terms, "weight_change": seen.weight_change}, settled, factor


def _steps(job: Job, before: Progress, factor: np.ndarray) -> tuple[State, steps.Seen, np.ndarray]:
    """Take one step a batch, all starts at once."""
    number = before.epoch
    order = np.stack([_order(job, seed, number) for seed in job.seeds])
    key = np.array([[seed, number] for seed in job.seeds], np.uint32)
    rate = job.plan.optimizer.learning_rate
    if isinstance(rate, Schedule):
        factor = factor * np.array([rate.factor(history) for history in before.histories], np.float32)
    state, seen = steps.epoch(before.state, order, key, factor, job.model, job.plan, job.table, _batches(job))
    return state, jax.device_get(seen), np.zeros(len(job.seeds), bool)


def _rounds(job: Job, before: Progress) -> tuple[State, steps.Seen, np.ndarray]:
    """Take one round of a full-batch optimizer, one start after the other; the noise is that of epoch 0."""
    weights, found, settled = [], [], []
    for seed, begin in zip(job.seeds, np.asarray(before.state.weights), strict=True):
        order, key = _order(job, seed, 0), np.array([seed, 0], np.uint32)
        step = np.int32(len(before.histories[0]))

        def evaluate(flat: np.ndarray, order: Any = order, key: Any = key, step: Any = step) -> tuple[Any, Any, Any]:
            flat = flat.astype(np.float32)
            return steps.gradient(flat, order, key, step, job.model, job.plan, job.table, _batches(job))

        def value_and_gradient(flat: np.ndarray, evaluate: Any = evaluate) -> tuple[float, np.ndarray]:
            loss, _, gradient = evaluate(flat)
            return float(loss), np.asarray(gradient, np.float64)

        end, is_settled = job.plan.optimizer.round(value_and_gradient, begin.astype(np.float64))
        loss, terms, _ = jax.device_get(evaluate(end))
        change = np.linalg.norm(end - begin) / np.linalg.norm(begin)
        weights.append(end.astype(np.float32))
        found.append(steps.Seen(loss, terms, np.float32(change)))
        settled.append(is_settled)
    seen = jax.tree.map(lambda *values: np.stack(values), *found)
    return State(np.stack(weights), before.state.optimizer, before.state.step + 1), seen, np.array(settled)


def _order(job: Job, seed: int, number: int) -> np.ndarray:
    """Return the rows in the epoch's order by batch, [batches, batch size], -1 where there is none."""
    generator = np.random.Generator(np.random.Philox([seed, number]))
    order = np.full((-(-len(job.table.x) // job.batch_size), job.batch_size), -1, np.int32)
    order.ravel()[: job.table.rows] = generator.permutation(int(job.table.rows))
    return order


def _batches(job: Job) -> np.int32:
    return np.int32(-(-job.table.rows // job.batch_size))


def _record(past: tuple[Record, ...], found: dict[str, float], seconds: float) -> Record:
    return {"epoch": len(past) + 1, **found, "seconds": (past[-1]["seconds"] if past else 0.0) + seconds}


def _reason(job: Job, history: tuple[Record, ...], is_settled: bool) -> str | None:
    if is_settled:
        return f"{job.plan.optimizer.name} has settled"
    found = next((reason for stop in job.stops if (reason := stop(history))), None)
    return found or ("max_epochs" if len(history) >= job.max_epochs else None)


def _choose(chosen: np.ndarray, new: Any, old: Any) -> Any:
    """Return `new` for the chosen starts and `old` for the others."""
    if chosen.all():
        return new
    return jax.tree.map(
        lambda a, b: np.where(chosen.reshape(-1, *[1] * (np.ndim(a) - 1)), np.asarray(a), np.asarray(b)), new, old
    )
