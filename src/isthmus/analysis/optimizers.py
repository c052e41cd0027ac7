"""A comparison of optimizers: one model, trained by each of them."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from isthmus.contracts import Optimizer
from isthmus.core.registry import part_names
from isthmus.core.spelling import resolve
from isthmus.errors import Diverged, InvalidPart, require
from isthmus.estimators._dry_run import dry_run, fresh
from isthmus.estimators._encoder import Encoder
from isthmus.estimators._seeds import seed_of
from isthmus.training.epoch import run_epoch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL = {
    "sgd": ("sgd", "sgd(momentum=0.9)", "sgd(momentum=0.9, nesterov=True)"),
    "lbfgs": ("lbfgs(10)",),  # iterations an epoch: each goes through all rows at least once
    "cg": ("cg(10)",),
}
"""How optimizers are compared by default; others with their default settings."""

Optimizers = str | Optimizer | Sequence[str | Optimizer] | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare_optimizers`; printed, it is its summary."""

    histories: pd.DataFrame = field(repr=False)
    """A row for each epoch of each optimizer: `optimizer`, and the columns of `history_` but `stop` and `kept`."""
    summary: pd.DataFrame
    """A row for each optimizer, the lowest loss first, that of the weights kept: the validation loss, if any."""
    models: Mapping[str, Encoder] = field(repr=False)
    """The fitted estimators by the spelling of their optimizer; without those that diverged."""

    def __str__(self) -> str:
        shown = self.summary.drop(columns="reason").to_string(na_rep="", float_format="{:.4g}".format)
        failed = self.summary[self.summary["stop"].isin(["diverged", "refused"])]
        return "\n".join([shown, *(f"{name}: {reason}" for name, reason in failed["reason"].items())])

    def plot(self, title: str = "") -> Figure:
        """Return a figure of the losses against epochs and against seconds.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.
        """
        plots = importlib.import_module("isthmus.plots")  # an optional package: nothing here needs it
        figure: Figure = plots.learning_curves(self.histories, title)
        return figure


class Run(NamedTuple):
    model: Encoder
    stop: str
    reason: str
    history: Sequence[Mapping[str, Any]] = ()


def compare_optimizers(
    estimator: Encoder, X: Any, y: Any = None, *, optimizers: Optimizers = None, **fit_parameters: Any
) -> Comparison:
    """Train the same model with several optimizers: the same rows, seed, starting weights, batches and noise.

    What is compiled is compiled before each training, so that `seconds` are those of training alone. An optimizer
    whose loss becomes infinite or NaN is reported with the epochs that it came through. Ctrl-C ends the comparison with
    the optimizer at work, and what was learned is kept.

    Parameters
    ----------
    estimator : an autoencoder, a stack (whose fine-tuning is compared), or a supervised network; it is not changed,
        and its own optimizer does not matter.
    X, y : a table, and labels or targets where `fit` needs them.
    optimizers : a list of `isthmus.optimizers`, parts or spellings. None takes every one there is with its
        default settings, `sgd` also with momentum and with Nesterov's, `lbfgs` and `cg` with 10 iterations an epoch;
        one that the model cannot be trained by is reported as refused.
    fit_parameters : further arguments of `fit`, as `sample_weight`.

    Returns
    -------
    Comparison
        Its `histories`, `summary`, `models` and `plot()`. An epoch of a full-batch optimizer is a round of several
        iterations: compare it by seconds.

    Raises
    ------
    InvalidPart
        If a parameter is not allowed.
    InvalidData
        If the table cannot be used as it is.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 2)) @ np.ones((2, 4))
    >>> result = compare_optimizers(Autoencoder(1, encoder=(), max_epochs=5), X, optimizers=["sgd(1e-6)", "adam(0.1)"])
    >>> list(result.summary.index), len(result.histories)
    (['adam(0.1)', 'sgd(1e-06)'], 10)
    """
    require(isinstance(estimator, Encoder), "estimator", "a network of isthmus, as Autoencoder(2)", estimator)
    checkpoint = fit_parameters.get("checkpoint")
    require(checkpoint is None, "checkpoint", "None: each optimizer starts from the same weights", checkpoint)
    estimator.check_parameters()
    seed, runs = seed_of(estimator.random_state), {}
    for part in _choose_optimizers(optimizers):
        model = fresh(estimator, optimizer=part, random_state=seed)
        runs[str(part)] = run = _run(model, X, y, fit_parameters, is_requested=optimizers is not None)
        if run.stop == "interrupted":
            break
    histories = {name: _add_up_seconds(run.history) for name, run in runs.items() if run.stop != "refused"}
    records = [{"optimizer": name} | record for name, history in histories.items() for record in history]
    return Comparison(
        histories=pd.DataFrame(records).drop(columns=["stop", "kept"], errors="ignore"),
        summary=_summarize(runs, histories),
        models={name: run.model for name, run in runs.items() if run.stop not in ("refused", "diverged")},
    )


def _choose_optimizers(optimizers: Optimizers) -> list[Optimizer]:
    if optimizers is None:
        return list(_every_optimizer())
    listed = list(optimizers) if isinstance(optimizers, list | tuple) else [optimizers]
    require(len(listed) > 0, "optimizers", "a list of at least one optimizer, or None", optimizers)
    parts = [resolve(Optimizer, spelled) for spelled in listed]
    twice = next((str(part) for i, part in enumerate(parts) if part in parts[:i]), None)
    require(twice is None, "optimizers", "a list of different ones", twice)
    return parts


def _every_optimizer() -> Iterator[Optimizer]:
    for name in part_names(Optimizer.kind):
        for spelling in USUAL.get(name, (name,)):
            with contextlib.suppress(InvalidPart):  # one of a user's own may have settings without a default
                yield resolve(Optimizer, spelling)


def _run(model: Any, X: Any, y: Any, fit_parameters: dict[str, Any], *, is_requested: bool) -> Run:
    """Fit a model and return how it ended."""
    try:
        model.check_parameters()
    except InvalidPart as error:
        if is_requested:
            raise
        return Run(model, "refused", str(error))
    try:
        for stage in dry_run(model, X, y, fit_parameters):
            if stage.job.max_epochs:
                run_epoch(stage.job, stage.start)  # compiles it
        model.fit(X, y, **fit_parameters)
    except Diverged as error:
        return Run(model, "diverged", str(error), error.history)
    history = model.history_
    return Run(model, history[-1]["stop"] if history else "max_epochs", model.stop_reason_, history)


def _add_up_seconds(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the records with seconds since the first stage began: each stage of a training counts its own."""
    before, last, records = 0.0, 0.0, []
    for record in history:
        before += last if record["seconds"] < last else 0.0
        last = record["seconds"]
        records.append(dict(record) | {"seconds": before + last})
    return records


def _summarize(runs: Mapping[str, Run], histories: Mapping[str, list[dict[str, Any]]]) -> pd.DataFrame:
    rows = {}
    for name, run in runs.items():
        history = histories.get(name, [])
        best = next((record for record in history if record["epoch"] == history[-1].get("kept")), {})
        losses = {} if run.stop == "diverged" else {k: best[k] for k in ("loss", "validation_loss") if k in best}
        seconds = history[-1]["seconds"] if history else 0.0
        rows[name] = losses | {"epochs": len(history), "seconds": seconds, "stop": run.stop, "reason": run.reason}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("optimizer")
    first = [column for column in ("loss", "validation_loss") if column in frame]
    frame = frame[[*first, *(column for column in frame if column not in first)]]
    return frame.sort_values(first[-1], kind="stable") if first else frame
