"""The loop: a generator of epochs. It names no variant and calls nobody back."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from isthmus.contracts import End, Record
from isthmus.core.parameter_specs import draw_weights
from isthmus.errors import Diverged
from isthmus.training import step as steps
from isthmus.training.epoch import Job, Progress, run_epoch
from isthmus.training.neighbors import find_neighbors
from isthmus.training.selection import why_end

RETRIES = 9  # of an epoch whose loss is not finite, each with a quarter of the step before
MOST_CHANGE = 1e4  # an epoch that moves the weights further, in their own lengths, has diverged


def start(job: Job, weights: np.ndarray | None = None) -> Progress:
    """Return the progress before the first epoch; `weights` [starts, weights] replace the drawn ones."""
    if weights is None:
        weights = np.stack([draw_weights(job.model, seed) for seed in job.seeds])
    count = len(job.seeds)
    state = steps.begin(job.plan, job.model, weights, job.known)
    state = find_neighbors(state, job.neighborhood, job.model, job.table, job.seeds)
    return Progress(
        state=state,
        good=state,
        good_loss=np.full(count, np.inf),
        best_weights=weights,
        best_loss=np.full(count, np.inf),
        factor=np.ones(count, np.float32),
        histories=((),) * count,
        reasons=(None if job.max_epochs else job.last,) * count,
    )


def train(job: Job, progress: Progress) -> Generator[Progress, None, None]:
    """Yield the progress after every epoch, until every start has a reason to end.

    The state after epoch e depends on the job and the progress after epoch e - 1 only, so training taken up
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
    """Take an epoch; where the loss is not finite, again from the last good state with smaller steps."""
    began = time.perf_counter()
    running = np.array([reason is None for reason in before.reasons])
    origin, factor = before.state, before.factor
    for _ in range(RETRIES):
        state, values, settled = run_epoch(job, replace(before, state=origin, factor=factor))
        is_lost = running & ~_is_finite(values)
        if not is_lost.any():
            break
        origin = _choose(~is_lost, origin, before.good)
        factor = np.where(is_lost, factor / 4, factor).astype(np.float32)
    keeps = running & ~is_lost
    losses = values.get("validation_loss", values["loss"])
    histories = tuple(
        (*past, _record(past, {name: float(value[i]) for name, value in values.items()}, began)) if keeps[i] else past
        for i, past in enumerate(before.histories)
    )
    reasons = tuple(
        reason or (End("diverged", "diverged") if is_lost[i] else why_end(job, histories[i], bool(settled[i])))
        for i, reason in enumerate(before.reasons)
    )
    if all(reason is not None and reason.stop == "diverged" for reason in reasons):
        raise Diverged("the loss is not finite, and smaller steps did not help")
    is_first = before.epoch <= job.first_comparable  # none before it can be compared with it
    is_good = keeps & (is_first | (values["loss"] < before.good_loss))
    is_best = keeps & (is_first | (not job.keeps_best) | (losses < before.best_loss))
    good = _choose(is_good, origin, before.good)
    best_weights = _choose(is_best, state.weights, before.best_weights)
    if job.judges_late:  # the step after the lowest loss was no better than what it began with
        best_weights = _choose(keeps & ~is_best, good.weights, best_weights)
    return Progress(
        state=_choose(keeps, state, before.state),
        good=good,
        good_loss=np.where(is_good, values["loss"], before.good_loss),
        best_weights=best_weights,
        best_loss=np.where(is_lost, np.inf, np.where(is_best, losses, before.best_loss)),
        factor=factor,
        histories=histories,
        reasons=reasons,
    )


def _is_finite(values: dict[str, np.ndarray]) -> np.ndarray:
    """Say which starts have a finite loss, and weights near those before."""
    return np.isfinite(sum(values.values())) & (values["weight_change"] < MOST_CHANGE)


def _record(past: tuple[Record, ...], values: dict[str, float], began: float) -> Record:
    seconds = time.perf_counter() - began + (past[-1]["seconds"] if past else 0.0)
    return {"epoch": len(past) + 1, **values, "seconds": seconds}


def _choose(chosen: np.ndarray, new: Any, old: Any) -> Any:
    """Return `new` for the chosen starts and `old` for the others."""
    if chosen.all():
        return new
    axes = [chosen.reshape(-1, *[1] * count) for count in range(3)]
    return jax.tree.map(lambda a, b: np.where(axes[np.ndim(a) - 1], np.asarray(a), np.asarray(b)), new, old)
