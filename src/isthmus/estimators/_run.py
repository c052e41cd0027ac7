"""A training run: the loop taken epoch by epoch, to its end, to Ctrl-C, or until somebody asks it to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from isthmus.contracts import End, Row
from isthmus.core.constraints import is_whole
from isthmus.core.memory import named_shortage
from isthmus.core.programs import drop_programs
from isthmus.errors import Diverged, require
from isthmus.estimators._dry_run import is_dry_run
from isthmus.estimators._training import TrainingParameters
from isthmus.estimators._validation import likely_cause
from isthmus.storage.files import check_writable
from isthmus.training import checkpoint as checkpoints
from isthmus.training import loop
from isthmus.training.callbacks import LOSSES, Callback, Epoch, reason_to_stop
from isthmus.training.epoch import Job, Progress
from isthmus.training.progress_bar import EVERY, ProgressBar
from isthmus.training.selection import kept_epoch
from isthmus.training.step import validation_loss

LOG = logging.getLogger("isthmus")
NOT_DECISIVE = ("max_epochs", "stops", "verbose", "device")  # of the parameters, for the weights after an epoch
LESS = "Use fewer units, draws or starts, or a smaller batch_size."
MOST_GROWTH = 10.0  # of the weights in a training: beyond, it may have diverged
DRY_RUN = "rehearsed"  # how a training ends that took no epoch because nobody wanted it


class TrainingResult(NamedTuple):
    """How a training went."""

    progress: Progress
    end: End | None  # of the best start
    kept: int | None = None  # the number of the epoch whose weights are kept

    @property
    def weights(self) -> np.ndarray:
        """The weights of the best start."""
        return np.array(np.asarray(self.progress.best_weights)[self.progress.best])

    @property
    def history(self) -> tuple[dict[str, Any], ...]:
        """The records of the best start; the last one names what ended it, and the epoch that is kept."""
        return history_of(self.progress, self.end, self.kept)

    @property
    def stop_reason(self) -> str | None:
        """Why the best start ended."""
        return None if self.end is None else self.end.reason

    def sentence(self, most: int) -> str:
        """Return what the training did: how many epochs of `most`, why it ended, and which one is kept."""
        history = self.history
        why = "all of them" if self.end is not None and self.end.stop == "max_epochs" else self.stop_reason
        said = f"{len(history)} of at most {most} epochs: {why}"
        if self.kept is None or self.kept >= len(history):
            return said
        best = history[self.kept - 1]
        loss = next(name for name in reversed(LOSSES) if name in best)
        return f"{said}; the weights of epoch {self.kept} are kept, {loss.replace('_', ' ')} {best[loss]:.4g}"

    @property
    def is_interrupted(self) -> bool:
        """Say whether Ctrl-C ended it."""
        return self.end is not None and self.end.stop == "interrupted"

    @property
    def is_dry(self) -> bool:
        """Say whether no epoch was wanted."""
        return self.end is not None and self.end.stop == DRY_RUN


def history_of(progress: Progress, end: End | None, epoch_kept: int | None = None) -> tuple[dict[str, Any], ...]:
    """Return the records of the best start; the last one names what ended it, and the epoch that is kept."""
    history: list[dict[str, Any]] = [dict(record) for record in progress.histories[progress.best]]
    if history and end is not None:
        history[-1] |= {"stop": end.stop} | ({} if epoch_kept is None else {"kept": epoch_kept})
    return tuple(history)


class FitOptions(NamedTuple):
    """What a fit is given beside its table, for the training of its networks."""

    checkpoint: str | os.PathLike[str] | None = None  # a file to keep the progress in
    callbacks: tuple[Callback, ...] = ()


@dataclass
class Training:
    """A training that is taken epoch by epoch: iterated it yields each, and `result` says how it went so far."""

    job: Job
    start: Progress
    row: Row
    settings: dict[str, Any]
    parameters: TrainingParameters
    checkpoint: str | os.PathLike[str] | None = None
    finish: Callable[[TrainingResult], Any] | None = None  # from a result to the estimator that it leaves
    _last: Progress = field(init=False)
    _end: End | None = field(default=None, init=False)  # where somebody has ended it

    def __post_init__(self) -> None:
        self._last = self.start

    @property
    def result(self) -> TrainingResult:
        """How it went so far."""
        last = self._last
        kept = kept_epoch(self.job, last.histories[last.best])
        return TrainingResult(last, self._end or last.reasons[last.best], kept)

    def stop(self, reason: str) -> None:
        """End training before the next epoch, because of what a callback said."""
        self._end = End("callback", reason)

    def __iter__(self) -> Generator[Epoch, None, None]:
        """Yield each epoch that has ended.

        Raises
        ------
        Diverged
            If the loss of every start leaves the numbers; its `history` holds the epochs that came before.
        """
        drop_programs()
        if is_dry_run(self.job, self.start):
            self._end = End(DRY_RUN, DRY_RUN)
            return
        logged = -EVERY
        try:
            with named_shortage(LESS), contextlib.closing(self._epochs()) as epochs:
                for self._last in epochs:
                    epoch = self._epoch()
                    if time.monotonic() - logged >= EVERY:
                        logged = time.monotonic()
                        LOG.info("%r", epoch)
                    yield epoch
                    if self._end is not None:
                        break
        except KeyboardInterrupt:
            if not self._last.epoch:
                raise
            self._end = End("interrupted", "interrupted")
            warnings.warn(f"interrupted after epoch {self._last.epoch}: what was learned is kept.", stacklevel=5)
            return
        except GeneratorExit:
            self.stop(f"the loop over epochs was left after epoch {self._last.epoch}")
            raise
        except Diverged as error:
            message = f"{error}. {likely_cause(self.row, np.asarray(self.job.table.x))}"
            raise Diverged(message, history_of(self._last, End("diverged", str(error)))) from error
        LOG.info("%s", self.result.sentence(self.job.max_epochs))
        _warn_of_divergence(self.job, self.start, self._last)

    def _epochs(self) -> Generator[Progress, None, None]:
        """Return the epochs of the loop, from the checkpoint on where there is one."""
        if self.checkpoint is None:
            return loop.train(self.job, self.start)
        seed = self.parameters.random_state
        require(is_whole(seed), "random_state", "a whole number where a checkpoint is kept", seed)
        decisive = {name: value for name, value in self.settings.items() if name not in NOT_DECISIVE}
        decisive["optimizer"] = _without_rate(decisive["optimizer"])
        digest = checkpoints.fingerprint(self.job, decisive, self.start)
        self._last = checkpoints.resume(self.checkpoint, self.job, self.start, digest)
        if any(reason is None for reason in self._last.reasons):
            check_writable(self.checkpoint)
        return checkpoints.with_checkpoints(loop.train(self.job, self._last), self.checkpoint, digest)

    def _epoch(self) -> Epoch:
        last, finish = self._last, self.finish
        history = last.histories[last.best]
        result = self.result
        return Epoch(last.epoch, self.job.max_epochs, history, None if finish is None else partial(finish, result))


def run_training(
    job: Job,
    start: Progress,
    row: Row,
    settings: dict[str, Any],
    parameters: TrainingParameters,
    options: FitOptions = FitOptions(),  # noqa: B008 -- it cannot be changed
    finish: Callable[[TrainingResult], Any] | None = None,
) -> TrainingResult:
    """Run a training to its end, to Ctrl-C, or until a callback asks to stop.

    Parameters
    ----------
    finish : from how a training went so far to the estimator that it leaves, for callbacks.
    """
    training = Training(job, start, row, settings, parameters, options.checkpoint, finish)
    bar = ProgressBar() if parameters.verbose else None
    with contextlib.nullcontext() if bar is None else bar, contextlib.closing(iter(training)) as epochs:
        _run(training, epochs, (*options.callbacks, *([] if bar is None else [bar])))
    result = training.result
    if bar is not None and result.history:
        bar.say(result.sentence(job.max_epochs))
    return result


def _run(training: Training, epochs: Generator[Epoch, None, None], callbacks: Sequence[Callback]) -> None:
    for epoch in epochs:
        try:
            reason = reason_to_stop(callbacks, epoch)
        except KeyboardInterrupt as interrupt:  # it came while a callback was at work
            with contextlib.suppress(StopIteration):
                epochs.throw(interrupt)
            return
        if reason is not None:
            training.stop(reason)


def _without_rate(part: Any) -> Any:
    """Return an optimizer as JSON without its learning rate: training goes on with the one that is asked for now."""
    if not isinstance(part, dict):
        return part
    return {name: _without_rate(value) for name, value in part.items() if name != "learning_rate"}


def _warn_of_divergence(job: Job, start: Progress, last: Progress) -> None:
    """Warn where the weights that are kept have grown far, and explain the rows worse than those of the start."""
    chosen = slice(last.best, last.best + 1)
    first, final = (np.asarray(weights)[chosen] for weights in (start.state.weights, last.best_weights))
    if np.linalg.norm(final) <= MOST_GROWTH * np.linalg.norm(first):
        return
    key = np.zeros(2, np.uint32)
    began, ended = (
        float(validation_loss(w, job.model, job.plan, job.table, key, job.suited)[0]) for w in (first, final)
    )
    if not ended <= began:
        warnings.warn(
            f"training has diverged: the loss was {began:.3g} before it, and is {ended:.3g} now. Use a smaller "
            "learning rate, as optimizer='adam(0.001)'.",
            stacklevel=5,
        )
