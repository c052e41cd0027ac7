"""The loop: a generator of epochs. It names no variant and calls nobody back."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import jax
import numpy as np

from isthmus import steps
from isthmus.epoch import Job, Progress, by_rounds, by_steps
from isthmus.errors import Diverged
from isthmus.flow import Record
from isthmus.steps import State
from isthmus.weights import draw

RETRIES = 8  # of an epoch whose loss is not finite, each with a quarter of the step before


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
        state, seen, settled = (
            by_rounds(job, before) if job.plan.optimizer.full_batch else by_steps(job, before, factor)
        )
        is_lost = running & ~np.isfinite(seen.loss + seen.weight_change)
        if not is_lost.any():
            break
        factor = np.where(is_lost, factor / 4, factor).astype(np.float32)
    if is_lost[running].all():
        raise Diverged("the loss is not finite, and smaller steps did not help")
    return state, {"loss": seen.loss, **seen.terms, "weight_change": seen.weight_change}, settled, factor


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
