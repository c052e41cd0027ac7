"""The training of a network: the job that the loop needs, and the loop run to its end or to Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from isthmus.contracts import End, KnownCategories, Likelihood, Neighborhood, Optimizer, Row, Stop
from isthmus.core.constraints import (
    AnyOf,
    Choice,
    Constraint,
    Flag,
    Interval,
    ManyParts,
    OnePart,
    Seed,
    Whole,
    is_whole,
)
from isthmus.core.memory import named_shortage, require_memory
from isthmus.core.parameter_specs import as_data, parameter_specs, weight_count, with_values
from isthmus.core.programs import drop_programs
from isthmus.data.device_table import build_tables
from isthmus.data.reader import Reader
from isthmus.data.rows import Rows
from isthmus.data.split import ValidationSplit
from isthmus.data.stored_row import check_row_size
from isthmus.errors import Diverged, InvalidPart, require
from isthmus.estimators._device import DEVICES
from isthmus.estimators._dry_run import is_dry_run
from isthmus.estimators._fitted import Fitted
from isthmus.estimators._validation import check_slopes, likely_cause
from isthmus.model.model import Model
from isthmus.storage.container import check_header
from isthmus.storage.files import check_writable
from isthmus.training import checkpoint as checkpoints
from isthmus.training import loop
from isthmus.training.epoch import Job, Progress, steps_per_epoch
from isthmus.training.neighbors import find_neighbors
from isthmus.training.objective import Plan, in_steps
from isthmus.training.progress_bar import with_progress_bar
from isthmus.training.selection import kept_epoch
from isthmus.training.step import validation_loss

FULL_BATCH = 2048  # rows at a time, where a gradient is gathered over all rows
NOT_DECISIVE = ("max_epochs", "stops", "verbose", "device")  # of the parameters, for the weights after an epoch
MOST_STARTS = 10_000
COPIES = 10  # of the weights in a training: gradient, memory of the optimizer, states to go back to
LESS = "Use fewer units, draws or starts, or a smaller batch_size."
MOST_GROWTH = 10.0  # of the weights in a training: beyond, it may have diverged
DRY_RUN = "rehearsed"  # how a training ends that took no epoch because nobody wanted it


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingParameters:
    """The parameters of a training, which every network has."""

    optimizer: str | Optimizer = "adam"
    batch_size: int | None = None
    max_epochs: int = 100
    stops: str | Stop | Sequence[str | Stop] | None = "patience(20)"
    validation_fraction: float | None = None
    random_state: int | np.random.RandomState | None = 0
    device: str | None = None
    verbose: int = 0


@dataclass(kw_only=True, eq=False, repr=False)
class RepeatedTrainingParameters(TrainingParameters):
    """The same for a network that may start several times, and go on from where it was."""

    n_starts: int = 1
    warm_start: bool = False


TRAINING: dict[str, Constraint] = {
    "optimizer": OnePart(Optimizer),
    "stops": ManyParts(Stop),
    "batch_size": Whole(1, optional=True),
    "max_epochs": Whole(0),
    "random_state": Seed(),
    "device": Choice((None, *DEVICES)),
    "validation_fraction": Interval(0, 1, closed="low", optional=True),
    "verbose": AnyOf((Flag(), Whole(0))),
}
REPEATED_TRAINING: dict[str, Constraint] = TRAINING | {"n_starts": Whole(1, at_most=MOST_STARTS), "warm_start": Flag()}


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


def validation_share(fraction: float | None, rows: Rows, automatic_from: int) -> float:
    """Return the share of rows kept for validation: where nobody says so, a tenth of many rows, 0 of few."""
    if fraction is None:
        return 0.1 if rows.count >= automatic_from else 0.0
    return float(fraction)


def build_job(
    skeleton: Model,
    plan: Plan,
    rows: Rows,
    reader: Reader,
    likelihood: Likelihood | None,
    parameters: TrainingParameters,
    split: ValidationSplit,
    *,
    n_starts: int = 1,
    stops: tuple[Stop, ...] = (),
    known: KnownCategories | None = None,
    neighborhood: Neighborhood | None = None,
    learns: Callable[[str], bool] | None = None,
) -> Job:
    """Return what the loop needs; the rows are scaled and put on the device here, once.

    Parameters
    ----------
    likelihood : what every row must be explained by, or None.
    split : which rows are kept for validation; its seed is that of the whole training.
    known : the categories of the training rows of earlier fits.
    learns : says of a weight's path whether it learns; None where all do.
    """
    count = n_starts * weight_count(skeleton)
    require_memory(4 * COPIES * count, f"training {count:,} weights", "Use fewer units, or fewer starts.")
    if parameters.max_epochs:
        check_slopes(skeleton)
    check_header(reader.to_state().json)
    check_row_size(reader.row.size, count // n_starts + sum(array.size for array in reader.learned.values()))
    table, validation = build_tables(rows, reader.fitted_scaling, reader.learned, likelihood, split)
    whole = FULL_BATCH if plan.optimizer.full_batch else min(max(int(table.rows) // 32, 32), 256)
    batch_size = min(int(parameters.batch_size or whole), len(table.x))
    in_an_epoch = steps_per_epoch(plan.optimizer, int(table.rows), batch_size)
    plan = plan._replace(
        step_scale=step_scale(skeleton, plan.optimizer, learns),
        limits=_limits(plan, rows, reader),
    )
    return Job(
        model=as_data(in_steps(skeleton, in_an_epoch)),
        plan=as_data(in_steps(plan, in_an_epoch)),
        table=table,
        held_out=validation,
        batch_size=batch_size,
        max_epochs=int(parameters.max_epochs),
        stops=stops,
        seeds=tuple(int(s) for s in np.random.SeedSequence(split.seed).generate_state(n_starts)),
        known={} if known is None else known,
        neighborhood=neighborhood,
    )


def _limits(plan: Plan, rows: Rows, reader: Reader) -> np.ndarray | None:
    """Return the lowest and the highest scaled value of each column, [2, d], where the corruption asks for them.

    Rows in [0, 1] go from 0 to 1; else the pixels of an image have limits in common, and each column of a table has
    its own. Categories are left as they are.
    """
    if plan.corruption is None or not plan.corruption.on_range:
        return None
    row = reader.row
    is_number = np.ones(row.size, bool) if row.categories is None else np.array(row.categories) == 0
    low, high = np.full(row.size, np.inf), np.full(row.size, -np.inf)
    for block, _ in rows():
        low, high = np.fmin(low, np.fmin.reduce(block, axis=0)), np.fmax(high, np.fmax.reduce(block, axis=0))
    if (low[is_number] >= 0).all() and (high[is_number] <= 1).all():
        low[is_number], high[is_number] = 0, 1
    elif len(row.shape) > 1 and not row.is_sequence:
        low[:], high[:] = low.min(), high.max()
    is_known = is_number & np.isfinite(low)
    scaled = reader.fitted_scaling.apply(reader.learned, np.where(is_known, np.stack([low, high]), 0))
    return np.where(is_known, scaled, [[0.0], [1.0]]).astype(np.float32)


def step_scale(skeleton: Model, optimizer: Optimizer, learns: Callable[[str], bool] | None) -> np.ndarray | None:
    """Return 1 for each weight that learns and 0 for the others, [weights]; None where all learn.

    A fixed weight has no gradient, so it counts only where the optimizer changes such weights too.
    """
    is_learning = [
        (learns is None or learns(path)) and not (spec.is_fixed and optimizer.decays)
        for path, spec in parameter_specs(skeleton).items()
    ]
    if all(is_learning):
        return None
    return np.repeat(np.array(is_learning, np.float32), [spec.size for spec in parameter_specs(skeleton).values()])


def start_from_rows(
    skeleton: Model, job: Job, row: Row, likelihood: Likelihood | None, weights: np.ndarray
) -> np.ndarray:
    """Return weights [starts, weights] with those set that encoder and likelihood of rows find from the rows."""
    rows = int(job.table.rows)
    x, weight = np.asarray(job.table.x)[:rows], np.asarray(job.table.weight)[:rows]
    weights = with_start_values(skeleton, weights, "encoder", skeleton.encoder.start(x, weight))
    if likelihood is None:
        return weights
    return with_start_values(skeleton, weights, "head", likelihood.start(row, x, weight))


def with_start_values(skeleton: Model, weights: np.ndarray, place: str, values: dict[str, np.ndarray]) -> np.ndarray:
    """Return weights [starts, weights] with values, by their path below a place, set in every start."""
    values = {f"{place}.{path}": array for path, array in values.items()}
    return np.stack([with_values(skeleton, start, values) for start in weights]) if values else weights


def warn_of_schedules(job: Job) -> None:
    """Warn where a schedule of the objective ends after the last epoch: in use, every schedule is at its end."""
    last, steps = job.plan.last_step(job.model, is_exact=True), job.max_epochs * job.steps_per_epoch
    if 0 < steps < last:
        needed = -(-last // job.steps_per_epoch)
        warnings.warn(
            f"max_epochs={job.max_epochs} takes {steps} steps, and a schedule ends at step {last}: in use the model is "
            f"as it would be then, which it is not trained for. Use max_epochs={needed}, or a shorter schedule.",
            stacklevel=4,
        )


def run_training(
    job: Job,
    start: Progress,
    row: Row,
    settings: dict[str, Any],
    parameters: TrainingParameters,
    checkpoint: str | os.PathLike[str] | None = None,
) -> TrainingResult:
    """Run the loop to its end, or to Ctrl-C.

    Raises
    ------
    Diverged
        If the loss of every start leaves the numbers; its `history` holds the epochs that came before.
    """
    drop_programs()
    last = start
    if is_dry_run(job, start):
        return TrainingResult(start, End(DRY_RUN, DRY_RUN))
    if checkpoint is not None:
        is_seed = is_whole(parameters.random_state)
        require(is_seed, "random_state", "a whole number where a checkpoint is kept", parameters.random_state)
    if checkpoint is None:
        epochs = loop.train(job, start)
    else:
        decisive = {name: value for name, value in settings.items() if name not in NOT_DECISIVE}
        digest = checkpoints.fingerprint(job, decisive, start)
        last = checkpoints.resume(checkpoint, job, start, digest)
        if any(reason is None for reason in last.reasons):
            check_writable(checkpoint)
        epochs = checkpoints.with_checkpoints(loop.train(job, last), checkpoint, digest)
    try:
        shown = with_progress_bar(epochs, job.max_epochs, bool(parameters.verbose))
        with named_shortage(LESS), contextlib.closing(shown):
            for last in shown:  # noqa: B007 -- the last one is what we are after
                pass
    except KeyboardInterrupt:
        if not last.epoch:
            raise
        warnings.warn(f"interrupted after epoch {last.epoch}: what was learned is kept.", stacklevel=4)
        return TrainingResult(last, End("interrupted", "interrupted"), kept_epoch(job, last.histories[last.best]))
    except Diverged as error:
        message = f"{error}. {likely_cause(row, np.asarray(job.table.x))}"
        raise Diverged(message, history_of(last, End("diverged", str(error)))) from error
    _warn_of_divergence(job, start, last)
    return TrainingResult(last, last.reasons[last.best], kept_epoch(job, last.histories[last.best]))


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


def known_categories(job: Job, columns: list[int]) -> dict[int, tuple[int, ...]]:
    """Return the values that columns read as categories have had in training, this time and before."""
    tables = [table for table in (job.table, job.held_out) if table is not None]
    categories = {}
    for column in columns:
        pieces = [np.asarray(table.x)[: int(table.rows), column] for table in tables]
        values = np.union1d(np.concatenate(pieces), job.known.get(column, ()))
        categories[column] = tuple(int(value) for value in values[~np.isnan(values)])
    return categories


def check_same_network(skeleton: Model, former: Fitted) -> None:
    """Raise `InvalidPart` where a network has other weights than that of the last fit."""
    if parameter_specs(skeleton) != parameter_specs(former.skeleton):
        raise InvalidPart(
            "the network has another shape than that of the last fit, so its weights cannot be gone on from: "
            "set what has changed back, or use warm_start=False."
        )


def last_progress(former: Fitted, settings: dict[str, Any], job: Job) -> Progress | None:
    """Return where the training of the last fit stood, with the weights kept, if the settings of now allow it."""
    if former.progress is None:
        return None
    last = former.settings
    is_same = all(settings[name] == last[name] for name in ("n_starts", "random_state"))
    if not is_same or settings["optimizer"]["part"] != last["optimizer"]["part"]:
        return None
    state = former.progress.state._replace(weights=former.progress.best_weights)
    return replace(former.progress, state=find_neighbors(state, job.neighborhood, job.model, job.table, job.seeds))
