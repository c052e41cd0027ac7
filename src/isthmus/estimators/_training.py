"""The training of a network: its parameters, and the job that the loop needs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import optax

from isthmus.contracts import KnownCategories, Likelihood, Neighborhood, Optimizer, Row, Stop
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
)
from isthmus.core.memory import require_memory
from isthmus.core.parameter_specs import as_data, parameter_specs, weight_count, with_values
from isthmus.data.device_table import build_tables
from isthmus.data.reader import Reader
from isthmus.data.rows import Rows
from isthmus.data.split import ValidationSplit
from isthmus.data.stored_row import check_row_size
from isthmus.errors import InvalidPart
from isthmus.estimators._device import DEVICES
from isthmus.estimators._fitted import Fitted
from isthmus.estimators._validation import check_slopes
from isthmus.model.model import Model
from isthmus.storage.container import check_header
from isthmus.training.epoch import Job, Progress, steps_per_epoch
from isthmus.training.neighbors import find_neighbors
from isthmus.training.objective import Plan, in_steps

FULL_BATCH = 2048  # rows at a time, where a gradient is gathered over all rows
MOST_STARTS = 10_000
COPIES = 10  # of the weights in a training: gradient, memory of the optimizer, states to go back to


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingParameters:
    """The parameters of a training, which every network has."""

    optimizer: str | Optimizer | optax.GradientTransformation = "adam"
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
    validation: Rows | None = None,
) -> Job:
    """Return what the loop needs; the rows are scaled and put on the device here, once.

    Parameters
    ----------
    likelihood : what every row must be explained by, or None.
    split : which rows are kept for validation; its seed is that of the whole training.
    known : the categories of the training rows of earlier fits.
    learns : says of a weight's path whether it learns; None where all do.
    validation : the validation rows, where they are a table of their own: then the split keeps none.
    """
    count = n_starts * weight_count(skeleton)
    require_memory(4 * COPIES * count, f"training {count:,} weights", "Use fewer units, or fewer starts.")
    if parameters.max_epochs:
        check_slopes(skeleton)
    check_header(reader.to_state().json)
    check_row_size(reader.row.size, count // n_starts + sum(array.size for array in reader.learned.values()))
    split = split if validation is None else replace(split, share=0.0)
    read = partial(build_tables, scaling=reader.fitted_scaling, learned=reader.learned, likelihood=likelihood)
    table, held_out = read(rows, split=split)
    if validation is not None:
        held_out, _ = read(validation, split=replace(split, together=None, strata=None))
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
        held_out=held_out,
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
    if skeleton.decoder is not None:
        weights = with_start_values(skeleton, weights, "decoder", skeleton.decoder.start(x, weight))
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
