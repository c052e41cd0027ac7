"""What every estimator with a network shares: tables opened, a model trained and applied."""

from __future__ import annotations

import abc
import contextlib
import functools
import numbers
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from isthmus import checkpoint as checkpoints
from isthmus import inference, loop
from isthmus.contracts import Likelihood, Scaling
from isthmus.epoch import Job, Progress
from isthmus.errors import Diverged, InvalidData, require
from isthmus.estimators.parameters import PartParameters
from isthmus.estimators.rehearsal import is_rehearsed
from isthmus.flow import End, Row
from isthmus.linking import linked
from isthmus.model import Model
from isthmus.objective import Plan
from isthmus.parts import resolve
from isthmus.progress import shown
from isthmus.reading import (
    Rows,
    build_tables,
    checked_weight,
    open_source,
    scaled_blocks,
)
from isthmus.source import Source
from isthmus.weights import assemble

FULL_BATCH = 2048  # rows at a time, where a gradient is gathered over all rows
HOLD_OUT_FROM = 1000  # rows: below, every row is needed for training


def on_device(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method of an estimator on the device that its parameter `device` names."""

    @functools.wraps(method)
    def run(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if self.device is None:
            return method(self, *arguments, **keywords)
        require(self.device in ("cpu", "gpu", "tpu"), "device", "None, 'cpu', 'gpu' or 'tpu'", self.device)
        try:
            device = jax.devices(self.device)[0]
        except RuntimeError as error:
            known = ", ".join(sorted({repr(device.platform) for device in jax.devices()}))
            raise InvalidData(f"there is no device {self.device!r} here. There are: {known}.") from error
        with jax.default_device(device):
            return method(self, *arguments, **keywords)

    return run


class Network(PartParameters, abc.ABC):
    """The life of a network, from a table to trained weights and back."""

    optional: ClassVar[frozenset[str]] = frozenset({"scaling"})
    """Parts that may be None."""
    n_starts: int

    _weights: np.ndarray | None = None
    _progress: Progress | None = None  # None after loading: a model file holds no optimizer's memory

    def __sklearn_is_fitted__(self) -> bool:
        return self._weights is not None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, at once or not at all; `isthmus.load` reads it.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        """
        check_is_fitted(self)
        from isthmus.estimators.storing import save  # it knows the estimators

        save(self, path)

    @property
    def model_(self) -> Model:
        """The trained model, an Equinox module."""
        check_is_fitted(self)
        return assemble(self._skeleton, self._weights)

    def _check_settings(self) -> None:
        """Resolve every part, so that what is misspelled is said before any work."""
        for name in self.one_part:
            if self.part(name) is None and name not in self.optional:
                require(False, name, f"{self.one_part[name].__name__}, or its spelling", None)
        for name in self.many_parts:
            self.parts(name)
        least = {"max_epochs": 0, "n_starts": 1} | ({} if self.batch_size is None else {"batch_size": 1})
        for name, lowest in least.items():
            value = getattr(self, name)
            is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            require(is_whole and value >= lowest, name, f"a whole number of at least {lowest}", value)
        share = self.validation_fraction
        is_share = share is None or (isinstance(share, numbers.Real) and 0 <= float(share) < 1)
        check_seed(self.random_state)
        require(self.device in (None, "cpu", "gpu", "tpu"), "device", "None, 'cpu', 'gpu' or 'tpu'", self.device)
        require(is_share, "validation_fraction", "in [0, 1), or None", share)

    def _open(self, X: Any, *, reset: bool) -> Source:
        """Return the source of a table, its columns compared with those of `fit`, or remembered at `reset`."""
        if not reset:
            check_is_fitted(self)
        is_file = isinstance(X, str | Path)
        # A file may hold more columns than the model needs, in another order.
        source = open_source(X, self._row.columns if is_file and not reset else None)
        if is_file and not reset:
            if source.row.size != self.n_features_in_:
                raise InvalidData(
                    f"{X} has {source.row.size} columns, and the model was fitted with {self.n_features_in_}."
                )
            if self._row.columns is not None and not source.names:
                warnings.warn(f"{X} names no columns: they are taken in the order of the fit.", stacklevel=4)
        else:
            # scikit-learn remembers and compares the names and the number of columns.
            is_flat = len(source.row.shape) == 1
            has_rows = not is_file and is_flat and not isinstance(X, Source) and type(X).__name__ != "LazyFrame"
            validate_data(self, X if has_rows else _heading(source.row), skip_check_array=True, reset=reset)
        if not reset and 1 not in (len(source.row.shape), len(self._row.shape)) and source.row.shape != self._row.shape:
            raise InvalidData(f"X holds images of {source.row.shape}, and the model was fitted on {self._row.shape}.")
        if source.n_rows == 0:
            raise InvalidData(f"X has 0 sample(s) (shape=(0, {source.row.size})): rows are due.")
        return source

    def _rows(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        weight = checked_weight(sample_weight, source.n_rows)
        _check_size(source, weight)
        return Rows(source, weight, self._labels_of(y, source.n_rows))

    def _begin(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        """Set what is known before training: the columns, their scaling, the model without numbers."""
        rows = self._rows(source, y, sample_weight)
        self._weights = None  # until training ends well
        self._progress = None
        self._settings = self.to_json()  # what the weights belong to, whatever is set afterwards
        self._scaling: Scaling = self.part("scaling") or resolve(Scaling, "none")
        self._learned = self._scaling.fit(rows)
        self._row = source.row
        self._labels = source.labels()
        self.n_samples_ = source.n_rows
        self._form = type(source).__module__.rpartition(".")[2]
        self._skeleton = self._build(source.row)
        self.n_components_ = self._skeleton.size
        return rows

    @abc.abstractmethod
    def _build(self, row: Row) -> Model:
        """Return the model for rows, its weights still slots."""

    @abc.abstractmethod
    def _plan(self) -> Plan:
        """Return how the model is trained."""

    @abc.abstractmethod
    def _labels_of(self, y: Any, rows: int) -> np.ndarray | None:
        """Return the labels that training needs, [rows] int32 with -1 for none, or None where it needs none."""

    def _facts(self) -> dict[str, Any]:
        """Return what a model file must hold beside parameters, columns and weights, as plain JSON values."""
        return {}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        """Take what `_facts` returned, from a file: it may be anything.

        Raises
        ------
        InvalidPart
            If it is not of that form.
        """
        require(not facts, "facts", "empty", facts)

    def _explains_rows_by(self) -> Likelihood | None:
        """Return the likelihood that must bear every row, or None where rows are not explained."""
        return None

    def _share_held_out(self, rows: Rows) -> float:
        """Return the share of rows held out."""
        if self.validation_fraction is None:
            return 0.1 if rows.count >= HOLD_OUT_FROM else 0.0
        return float(self.validation_fraction)

    def _job(self, rows: Rows, share: float) -> Job:
        """Return what the loop needs; the rows are scaled and put on the device here, once."""
        seed, plan = _seed(self.random_state), self._plan()
        table, held_out = build_tables(rows, self._scaling, self._learned, self._explains_rows_by(), share, seed)
        whole = FULL_BATCH if plan.optimizer.full_batch else min(max(int(table.rows) // 32, 32), 256)
        return Job(
            model=_as_data(self._skeleton),
            plan=_as_data(plan),
            table=table,
            held_out=held_out,
            batch_size=min(int(self.batch_size or whole), len(table.x)),
            max_epochs=int(self.max_epochs),
            stops=self.parts("stops"),
            seeds=tuple(int(s) for s in np.random.SeedSequence(seed).generate_state(self.n_starts)),
        )

    def _last_progress(self, job: Job) -> Progress | None:
        """Return where the last training stood, with the weights that were kept, if the settings of now allow it."""
        now = self.to_json()
        is_same = all(now[name] == self._settings[name] for name in ("n_starts", "random_state"))
        is_same &= now["optimizer"]["part"] == self._settings["optimizer"]["part"]
        if self._progress is None or not is_same:
            return None
        state = self._progress.state._replace(weights=self._progress.best_weights)
        return replace(self._progress, state=linked(state, job.neighborhood, job.table, job.seeds))

    def _train(self, job: Job, start: Progress, checkpoint: str | os.PathLike[str] | None) -> None:
        """Run the loop to its end, or to Ctrl-C, and keep the best start."""
        last = start
        if is_rehearsed(job, start):
            self._keep(start, job, "rehearsed")
            return
        if checkpoint is not None:
            is_seed = isinstance(self.random_state, numbers.Integral)
            require(is_seed, "random_state", "a whole number where a checkpoint is kept", self.random_state)
        if checkpoint is None:
            epochs = loop.train(job, start)
        else:
            settings = {k: v for k, v in self.to_json().items() if k not in _NOT_DECISIVE}
            digest = checkpoints.fingerprint(job, settings)
            last = checkpoints.resume(checkpoint, job, start, digest)
            epochs = checkpoints.kept(loop.train(job, last), checkpoint, digest)
        reason = None
        try:
            with contextlib.closing(shown(epochs, job.max_epochs, bool(self.verbose))) as watched:
                for last in watched:  # noqa: B007 -- the last one is what we are after
                    pass
        except KeyboardInterrupt:
            if not last.epoch:
                raise
            reason = "interrupted"
            warnings.warn(f"interrupted after epoch {last.epoch}: what was learned is kept.", stacklevel=4)
        except Diverged as error:
            self._tell(last, End("diverged", str(error)))
            raise Diverged(f"{error}. {self._likely_cause(job)}") from error
        self._keep(last, job, reason)

    def _keep(self, last: Progress, job: Job, reason: str | None) -> None:
        """Keep the best start, and what it tells."""
        self._progress = last
        self._weights = np.array(np.asarray(last.best_weights)[last.best])
        self._tell(last, End(reason, reason) if reason else last.reasons[last.best])

    def _tell(self, last: Progress, end: End | None) -> None:
        """Set what the best start tells of its training; its last record names what ended it."""
        self.history_: list[dict[str, Any]] = [dict(record) for record in last.histories[last.best]]
        self.n_iter_ = len(self.history_)
        self.stop_reason_ = None if end is None else end.reason
        if self.history_ and end is not None:
            self.history_[-1]["stop"] = end.stop

    def _likely_cause(self, job: Job) -> str:
        reach = np.abs(np.asarray(job.table.x)).max(axis=0)
        column, usual = int(reach.argmax()), float(np.median(reach))
        if reach[column] < 100 * usual:
            return "No column stands out: use a smaller learning rate."
        return (
            f"The likely cause is {self._row.column(column)}, whose scaled values reach {reach[column]:.3g} (those of "
            f"the median column {usual:.3g}): use scaling='standard' or 'quantile', or a smaller learning rate."
        )

    def _apply(self, function: Callable[..., Any], source: Source, width: int) -> np.ndarray:
        """Return a compiled function of the scaled rows of a table, [n, width]."""
        blocks = scaled_blocks(source, self._scaling, self._learned)
        return self._run(function, blocks, source, width)

    def _run(
        self, function: Callable[..., Any], blocks: Iterator[np.ndarray], source: Source, width: int
    ) -> np.ndarray:
        weights, skeleton = jax.device_put(self._weights), _as_data(self._skeleton)
        answer = np.empty((source.n_rows, width), source.dtype)
        start = 0
        for block in inference.blockwise(functools.partial(function, weights, skeleton), blocks):
            answer[start : start + len(block)] = block
            start += len(block)
        return answer

    def _unscaled(self, rows: np.ndarray) -> np.ndarray:
        return self._scaling.undo(self._learned, rows).astype(rows.dtype, copy=False)

    def _framed(self, kind: type[Source], rows: np.ndarray, source: Source, shape: tuple[int, ...]) -> Any:
        labels = self._labels or [f"x{i}" for i in range(rows.shape[1])]
        framed = kind.frame(rows, labels, source.index)
        return framed if len(shape) == 1 else framed.reshape(-1, *shape)


_NOT_DECISIVE = ("max_epochs", "stops", "verbose", "device")


def _check_size(source: Source, weight: np.ndarray) -> None:
    shape = f"shape=({source.n_rows}, {source.row.size})"
    if source.row.size < 2:
        raise InvalidData(
            f"X has {source.row.size} feature(s) ({shape}) while a minimum of 2 is required: with one column there is "
            "nothing to compress."
        )
    count = np.count_nonzero(weight)
    if count < 2:
        raise InvalidData(f"X has {count} sample(s) that count ({shape}) while a minimum of 2 is required.")


def _heading(row: Row) -> Any:
    """Return a table without rows that has the columns of a row."""
    import pandas as pd

    return np.empty((0, row.size)) if row.columns is None else pd.DataFrame(columns=list(row.columns))


def _seed(random_state: Any) -> int:
    """Return a seed from what scikit-learn calls a random state; None draws one from the system."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(random_state)


def check_seed(random_state: Any) -> None:
    """Raise `InvalidPart` for what is no random state."""
    is_whole = isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool)
    is_seed = is_whole and 0 <= random_state < 2**32
    is_generator = isinstance(random_state, np.random.RandomState | np.random.Generator)
    is_allowed = random_state is None or is_seed or is_generator
    require(is_allowed, "random_state", "None, a generator of NumPy, or a whole number in [0, 2**32)", random_state)


def _as_data(tree: Any) -> Any:
    """Return a tree whose numbers have one type, so that 1 and 1.0 run the same program."""
    return jax.tree.map(np.float32, tree)
