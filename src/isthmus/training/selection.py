"""Which epochs can be compared with each other, why training ends, and whose weights are kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.contracts import End, Record, watched
from isthmus.training.epoch import Job


def why_end(job: Job, history: Sequence[Record], is_settled: bool = False) -> End | None:
    """Return why training ends after these epochs, or None: stops that compare look at comparable epochs only."""
    if is_settled:
        return End("settled", f"{job.plan.optimizer.name} has settled")
    comparable = history[job.first_comparable :]
    ends = (End(stop.name, reason) for stop in job.stops if (reason := stop(comparable if stop.compares else history)))
    return next(ends, job.last if len(history) >= job.max_epochs else None)


def kept_epoch(job: Job, history: Sequence[Record]) -> int:
    """Return the number of the epoch whose weights are kept: of the lowest comparable loss, else the last one.

    Where an epoch is one batch and no rows are held out, its loss is that before its step: those weights are kept, but
    of the last epoch those after it.
    """
    comparable = watched(history[job.first_comparable :])
    if not job.keeps_best or not comparable:
        return len(history)
    return job.first_comparable + 1 + int(np.argmin(comparable))
