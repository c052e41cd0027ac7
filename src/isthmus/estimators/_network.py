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
from typing import Any, ClassVar, Self

import jax
import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from isthmus.contracts import Backbone, End, Likelihood, Row, Scaling
from isthmus.core.parameter_specs import as_data, assemble, draw_weights, parameter_specs, with_values
from isthmus.core.spelling import resolve
from isthmus.data.device_table import build_tables
from isthmus.data.rows import Rows, scaled_blocks
from isthmus.data.scaling import TableScaling
from isthmus.data.schema import Schema
from isthmus.data.source import Source
from isthmus.data.sources import source_type
from isthmus.data.split import ValidationSplit
from isthmus.data.tokens import Worded
from isthmus.data.validation import check_weight
from isthmus.errors import Diverged, InvalidData, InvalidPart, require
from isthmus.estimators import _storing as storing
from isthmus.estimators._dry_run import is_dry_run
from isthmus.estimators._kept import Kept
from isthmus.estimators._seeds import check_seed, seed_of
from isthmus.estimators._tabling import check_columns, framed, open_table
from isthmus.estimators._validation import check_codes, check_size, check_slopes, heading, likely_cause
from isthmus.estimators._wording import open_texts
from isthmus.model import inference
from isthmus.model.model import Model
from isthmus.storage.container import Opened
from isthmus.training import checkpoint as checkpoints
from isthmus.training import loop
from isthmus.training.epoch import Job, Progress
from isthmus.training.neighbors import find_neighbors
from isthmus.training.objective import Plan
from isthmus.training.progress_bar import with_progress_bar

FULL_BATCH = 2048  # rows at a time, where a gradient is gathered over all rows


class Network(Kept):
    """The life of a network, from a table to trained weights and back."""

    optional: ClassVar[frozenset[str]] = frozenset({"scaling"})
    """Parts that may be None."""
    n_starts: int
    least_columns: ClassVar[int] = 2  # of a table: with one there is nothing to compress
    hold_out_from: ClassVar[int] = 1000  # rows: below, every row is needed for training
    warm_start = False  # an estimator that can go on from its weights has a parameter of that name

    _weights: np.ndarray | None = None
    _wording: Worded | None = None  # where rows are texts
    _schema: Schema | None = None  # where a table holds more than numbers
    columns: Any = None  # what those of a table hold, where a user says so
    expects_missing = False  # an imputer knows that rows will lack cells, whatever those of the fit do
    _progress: Progress | None = None  # None after loading: a model file holds no optimizer's memory

    def __sklearn_is_fitted__(self) -> bool:
        return self._weights is not None

    def _told(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return storing.told(self)

    @classmethod
    def _taken(cls, opened: Opened) -> Self:
        found: Self = storing.taken(cls, opened)
        return found

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
        check_columns(self.columns)
        least = {"max_epochs": 0, "n_starts": 1} | ({} if self.batch_size is None else {"batch_size": 1})
        for name, lowest in least.items():
            value = getattr(self, name)
            is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            require(is_whole and value >= lowest, name, f"a whole number of at least {lowest}", value)
        share = self.validation_fraction
        is_share = share is None or (isinstance(share, numbers.Real) and 0 <= float(share) < 1)
        check_seed(self.random_state)
        require(self.device in (None, "cpu", "gpu", "tpu"), "device", "None, 'cpu', 'gpu' or 'tpu'", self.device)
        require(isinstance(self.warm_start, bool | np.bool_), "warm_start", "True or False", self.warm_start)
        require(is_share, "validation_fraction", "in [0, 1), or None", share)

    def _open(self, X: Any, *, reset: bool) -> Source:
        """Return the source of a table, its columns compared with those of `fit`, or remembered at `reset`."""
        if reset:
            self._weights = None  # until training ends well: what is remembered of the table is that of another
        else:
            check_is_fitted(self)
        if (texts := open_texts(self, X, reset=reset)) is not None:
            return texts
        is_file = isinstance(X, str | Path)
        source = open_table(self, X, reset=reset)
        if not reset:
            source.fill(self._row)
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
            validate_data(self, X if has_rows else heading(source.row), skip_check_array=True, reset=reset)
        if not reset and 1 not in (len(source.row.shape), len(self._row.shape)) and source.row.shape != self._row.shape:
            what = "sequences" if self._row.is_sequence else "images"
            raise InvalidData(f"X holds {what} of {source.row.shape}, and the model was fitted on {self._row.shape}.")
        if source.n_rows == 0:
            raise InvalidData(f"X has 0 sample(s) (shape=(0, {source.row.size})): rows are due.")
        return source

    def _rows(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        weight = check_weight(sample_weight, source.n_rows)
        check_size(source, weight, self.least_columns)
        return Rows(source, weight, self._labels_of(y, source.n_rows))

    def _begin(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        """Set what is known before training: the columns, their scaling, the model without numbers."""
        rows = self._rows(source, y, sample_weight)
        self._known: dict[int, tuple[int, ...]] = {}
        self._progress = None
        self._settings = self.to_json()  # what the weights belong to, whatever is set afterwards
        self._row = self._with_read_categories(source.row)
        check_codes(self._row, self._row_likelihood())
        self._scaling = TableScaling(self.part("scaling") or resolve(Scaling, "none"), self._row)
        self._learned = self._scaling.fit(rows)
        self._labels = source.labels()
        self.n_samples_ = source.n_rows
        self._form = source.kind.__module__.rpartition(".")[2]
        self._skeleton = self._build(self._row)
        self.n_components_ = self._skeleton.size + len(self._skeleton.condition)
        return rows

    @property
    def _continues(self) -> bool:
        """Say whether the next fit goes on from the weights of the last."""
        return bool(self.warm_start) and self._weights is not None

    def _continue(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        """Return the rows to go on with: columns, scaling and network are those of the last fit."""
        rows = self._rows(source, y, sample_weight)
        self._known = dict(self._scaling.seen)
        skeleton = self._build(self._row)
        if parameter_specs(skeleton) != parameter_specs(self._skeleton):
            raise InvalidPart(
                "the network has another shape than that of the last fit, so its weights cannot be gone on from: "
                "set what has changed back, or use warm_start=False."
            )
        self._skeleton, self._settings = skeleton, self.to_json()
        self._scaling = replace(self._scaling, seen={})  # new codes are welcome
        return rows

    @property
    def _reader(self) -> Network:
        """The estimator that says how texts are read."""
        return self

    def _with_read_categories(self, row: Row) -> Row:
        """Return the row with the columns that the roads read as codes."""
        if not (found := self._categories_of(row)):
            return row
        codes = dict(enumerate(row.categories or (0,) * row.size)) | found
        return replace(row, categories=tuple(codes.values()))

    def _categories_of(self, row: Row) -> dict[int, int]:
        """Return the columns that the roads read as codes, and how many values each may take."""
        return {column: count for backbone in self._backbones() for column, count in backbone.categories(row).items()}

    def _backbones(self) -> list[Backbone]:
        """Return the backbones of the roads."""
        return [self.part("encoder")]

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

    def _row_likelihood(self) -> Likelihood | None:
        """Return the likelihood that must bear every row, or None where rows are not explained."""
        return None

    def _first_weights(self, job: Job) -> np.ndarray:
        """Return the weights to start from, [starts, weights]: drawn, seen from the rows, or those it goes on from."""
        if self._weights is not None:  # it goes on
            return np.repeat(self._weights[None], len(job.seeds), axis=0)
        return self._seen_from(job, np.stack([draw_weights(self._skeleton, seed) for seed in job.seeds]))

    def _seen_from(self, job: Job, weights: np.ndarray) -> np.ndarray:
        """Return weights [starts, weights] with the slots set that likelihoods see from the rows."""
        likelihood = self._row_likelihood()
        if likelihood is None:
            return weights
        rows = int(job.table.rows)
        x, weight = np.asarray(job.table.x)[:rows], np.asarray(job.table.weight)[:rows]
        return self._with_start(weights, "head", likelihood.start(self._row, x, weight))

    def _with_start(self, weights: np.ndarray, place: str, values: dict[str, np.ndarray]) -> np.ndarray:
        values = {f"{place}.{path}": array for path, array in values.items()}
        return np.stack([with_values(self._skeleton, each, values) for each in weights]) if values else weights

    def _validation_share(self, rows: Rows) -> float:
        """Return the share of rows held out."""
        if self.validation_fraction is None:
            return 0.1 if rows.count >= self.hold_out_from else 0.0
        return float(self.validation_fraction)

    def _job(self, rows: Rows, share: float) -> Job:
        """Return what the loop needs; the rows are scaled and put on the device here, once."""
        if self.max_epochs:
            check_slopes(self._skeleton)
        seed, plan = seed_of(self.random_state), self._plan()
        chance = ValidationSplit(share, seed, self._groups(rows), self._strata(rows))
        table, held_out = build_tables(rows, self._scaling, self._learned, self._row_likelihood(), chance)
        whole = FULL_BATCH if plan.optimizer.full_batch else min(max(int(table.rows) // 32, 32), 256)
        return Job(
            model=as_data(self._skeleton),
            plan=as_data(plan),
            table=table,
            held_out=held_out,
            batch_size=min(int(self.batch_size or whole), len(table.x)),
            max_epochs=int(self.max_epochs),
            stops=self.parts("stops"),
            seeds=tuple(int(s) for s in np.random.SeedSequence(seed).generate_state(self.n_starts)),
            known=self._known,
        )

    def _groups(self, rows: Rows) -> np.ndarray | None:
        """Return numbers [rows] of groups that are held out, and come in batches, as a whole; None for none."""
        return None

    def _strata(self, rows: Rows) -> np.ndarray | None:
        """Return numbers [rows] of the kinds of which the same share is held out; None where all are of one."""
        return None

    def _last_progress(self, job: Job, last: dict[str, Any] | None) -> Progress | None:
        """Return where the training with the settings `last` stood, with the weights kept, if those of now allow it."""
        if self._progress is None or last is None:
            return None
        now = self._settings
        is_same = all(now[name] == last[name] for name in ("n_starts", "random_state"))
        if not is_same or now["optimizer"]["part"] != last["optimizer"]["part"]:
            return None
        state = self._progress.state._replace(weights=self._progress.best_weights)
        return replace(self._progress, state=find_neighbors(state, job.neighborhood, job.table, job.seeds))

    def _train(self, job: Job, start: Progress, checkpoint: str | os.PathLike[str] | None) -> None:
        """Run the loop to its end, or to Ctrl-C, and keep the best start."""
        last = start
        if is_dry_run(job, start):
            self._keep(start, job, "rehearsed")
            return
        if checkpoint is not None:
            is_seed = isinstance(self.random_state, numbers.Integral)
            require(is_seed, "random_state", "a whole number where a checkpoint is kept", self.random_state)
        if checkpoint is None:
            epochs = loop.train(job, start)
        else:
            settings = {k: v for k, v in self.to_json().items() if k not in _NOT_DECISIVE}
            digest = checkpoints.fingerprint(job, settings, start)
            last = checkpoints.resume(checkpoint, job, start, digest)
            epochs = checkpoints.with_checkpoints(loop.train(job, last), checkpoint, digest)
        reason = None
        try:
            with contextlib.closing(with_progress_bar(epochs, job.max_epochs, bool(self.verbose))) as watched:
                for last in watched:  # noqa: B007 -- the last one is what we are after
                    pass
        except KeyboardInterrupt:
            if not last.epoch:
                raise
            reason = "interrupted"
            warnings.warn(f"interrupted after epoch {last.epoch}: what was learned is kept.", stacklevel=4)
        except Diverged as error:
            self._tell(last, End("diverged", str(error)))
            raise Diverged(f"{error}. {likely_cause(self._row, np.asarray(job.table.x))}") from error
        self._keep(last, job, reason)

    def _keep(self, last: Progress, job: Job, reason: str | None) -> None:
        """Keep the best start, and what it tells."""
        self._progress, self._weights = last, np.array(np.asarray(last.best_weights)[last.best])
        self._scaling = replace(self._scaling, seen=self._codes_seen(job))
        self._tell(last, End(reason, reason) if reason else last.reasons[last.best])

    def _tell(self, last: Progress, end: End | None) -> None:
        """Set what the best start tells of its training; its last record names what ended it."""
        self.history_: list[dict[str, Any]] = [dict(record) for record in last.histories[last.best]]
        self.n_iter_ = len(self.history_)
        self.stop_reason_ = None if end is None else end.reason
        if self.history_ and end is not None:
            self.history_[-1]["stop"] = end.stop

    def _codes_seen(self, job: Job) -> dict[int, tuple[int, ...]]:
        """Return the values that the columns which the roads read as codes have had in training, so far."""
        tables = [table for table in (job.table, job.held_out) if table is not None]
        found = {}
        for column in self._categories_of(self._row):
            here = [np.asarray(table.x)[: int(table.rows), column] for table in tables]
            values = np.union1d(np.concatenate(here), self._known.get(column, ()))
            found[column] = tuple(int(value) for value in values[~np.isnan(values)])
        return found

    def _more_tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a model file must hold beside weights and scaling, by name."""
        return {}

    def _most_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of these arrays, float32, as the settings have them; the first axis may be shorter."""
        return {}

    def _take_tensors(self, tensors: dict[str, np.ndarray]) -> None:
        """Take what `_more_tensors` returned, from a file, its shapes checked."""

    def _apply(
        self, function: Callable[..., Any], source: Source, width: int, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Return a compiled function of the scaled rows of a table, [n, width]; with other weights, where given."""
        blocks = scaled_blocks(source, self._scaling, self._learned)
        return self._run(function, blocks, source, width, weights)

    def _run(
        self,
        function: Callable[..., Any],
        blocks: Iterator[np.ndarray],
        source: Source,
        width: int,
        weights: np.ndarray | None = None,
    ) -> np.ndarray:
        device = jax.device_put(self._weights if weights is None else weights)
        answer = np.empty((source.n_rows, width), source.dtype)
        start = 0
        for block in inference.blockwise(functools.partial(function, device, as_data(self._skeleton)), blocks):
            answer[start : start + len(block)] = block
            start += len(block)
        return answer

    def _unscaled(self, rows: np.ndarray) -> np.ndarray:
        return self._scaling.undo(self._learned, rows).astype(rows.dtype, copy=False)

    def _framed(self, kind: type[Source], rows: np.ndarray, source: Source, shape: tuple[int, ...]) -> Any:
        if self._wording is not None:
            return self._wording.part.undo(self._wording.learned, rows)
        if self._schema is not None:
            return framed(self, kind, rows, source.index)
        labels = self._labels or [f"x{i}" for i in range(rows.shape[1])]
        return kind.frame(rows if len(shape) == 1 else rows.reshape(-1, *shape), labels, source.index)

    @property
    def _kind(self) -> type[Source]:
        return source_type(self._form)


_NOT_DECISIVE = ("max_epochs", "stops", "verbose", "device")
