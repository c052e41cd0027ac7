"""The base of supervised networks: an encoder whose code explains a target, pretrained, frozen, fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from isthmus.contracts import Backbone, Corruption, Likelihood, OwnFunction, Penalty, Scaling, Text
from isthmus.core.constraints import Choice, Constraint, Interval, ManyParts, OnePart, Whole
from isthmus.core.parameter_specs import draw_weights, join_weights, split_weights, weight_count, weight_range
from isthmus.data.device_table import DeviceTable
from isthmus.data.reader import Reader, TableOptions
from isthmus.data.rows import Rows
from isthmus.data.schema import ColumnKinds
from isthmus.data.source import Source
from isthmus.data.split import ValidationSplit
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidData
from isthmus.estimators._encoder import Encoder, learn_names, learn_reader
from isthmus.estimators._estimator import Estimator, Estimators
from isthmus.estimators._fitted import (
    Fitted,
    network_shapes,
    shorter_shapes,
    stored_facts,
    stored_network,
)
from isthmus.estimators._network_parts import SupervisedParts
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._run import FitOptions, TrainingResult, run_training
from isthmus.estimators._seeds import seed_of
from isthmus.estimators._targets import Target
from isthmus.estimators._training import (
    REPEATED_TRAINING,
    RepeatedTrainingParameters,
    build_job,
    check_same_network,
    known_categories,
    start_from_rows,
    validation_share,
    warn_of_schedules,
    with_start_values,
)
from isthmus.estimators._validation import check_categories, check_size
from isthmus.estimators._validation_data import ValidationData
from isthmus.model import inference
from isthmus.model.model import Model
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, header_field, read_tensors
from isthmus.training import loop
from isthmus.training.callbacks import Callback
from isthmus.training.epoch import Job

LEAST_COLUMNS = 1
VALIDATION_FROM = 200  # rows: below, every row is needed for training


class Targets(NamedTuple):
    """The targets of the rows of a table, from `y`."""

    target: np.ndarray  # [n, t] float64, as rows carry it
    factor: np.ndarray  # [n], on the weight of the target: 0 where it is missing
    label: np.ndarray | None = None  # [n] int32, for penalties that need labels


class Prepared(NamedTuple):
    """A table that has been read with its targets, and the network for it, before training."""

    parts: SupervisedParts
    reader: Reader
    rows: Rows
    skeleton: Model
    target: Target
    former: FittedSupervised | None  # the state that training goes on from
    pretrained: Reconstructor | None
    validation: Rows | None = None  # where they are a table of their own


@dataclass(frozen=True, kw_only=True)
class FittedSupervised(Fitted):
    """The fitted state of a supervised network."""

    target: Target
    others: np.ndarray | None = None  # [starts - 1, weights], where the solutions of all starts are averaged
    pretrained: Reconstructor | None = None  # a model file does not hold it
    n_labelled: int | None = None  # rows with a label in the fit; the same

    def expect(self, source: Source, columns: int) -> np.ndarray:
        """Return the expected targets of a table, [n, columns], averaged over the starts where that is asked for."""
        expected = self.apply(inference.expect, source, columns)
        if self.others is None:
            return expected
        others = (self.apply(inference.expect, source, columns, weights) for weights in self.others)
        return (expected + sum(others)) / (1 + len(self.others))

    def to_state(self) -> State:
        """Return what a file holds of the network."""
        tensors = {} if self.others is None else {"others": self.others}
        return self.network_state(self.target.facts()) | State({}, tensors)


@dataclass(kw_only=True, eq=False, repr=False)
class SupervisedParameters(RepeatedTrainingParameters):
    """The parameters of a supervised network."""

    encoder: str | Sequence[int] | Backbone | eqx.Module = field(default="mlp", kw_only=False)
    target: str | Likelihood = "squared_error"
    pretrained: Reconstructor | None = None
    frozen_epochs: int = 0
    reconstruction: float = 0.0
    corruption: str | Corruption | None = None
    penalties: str | Penalty | OwnFunction | Sequence[str | Penalty | OwnFunction] | None = ()
    scaling: str | Scaling | None = "standard"
    text: str | Text | None = None
    columns: dict[str, Any] | None = None
    combine: str = "best"


SUPERVISED: dict[str, Constraint] = {
    "encoder": OnePart(Backbone),
    "target": OnePart(Likelihood),
    "corruption": OnePart(Corruption, optional=True),
    "scaling": OnePart(Scaling, optional=True),
    "text": OnePart(Text, optional=True),
    "penalties": ManyParts(Penalty),
    "columns": ColumnKinds(),
    **REPEATED_TRAINING,
    "frozen_epochs": Whole(0),
    "reconstruction": Interval(0),
    "combine": Choice(("best", "average")),
    "pretrained": Estimators(Reconstructor, "an autoencoder, or None", optional=True),
}


class Supervised(Encoder, Estimator[FittedSupervised], SupervisedParameters):
    """An encoder whose code explains a target by a likelihood.

    With `pretrained`, training has three stages: the autoencoder on all rows, also those without a label; the head
    alone on its codes, for `frozen_epochs`; then all layers together, for `max_epochs`.
    """

    if TYPE_CHECKING:  # both bases have it

        @property
        def fitted_(self) -> FittedSupervised: ...

    target_type: ClassVar[type[Target]]
    constraints: ClassVar[Mapping[str, Constraint]] = SUPERVISED

    @property
    def pretrained_(self) -> Reconstructor:
        """The fitted autoencoder, where one was given; a model file does not hold it."""
        if self.fitted_.pretrained is None:
            raise AttributeError("pretrained_ is known once a network with pretrained=… is fitted.")
        return self.fitted_.pretrained

    def resolve_parts(self) -> SupervisedParts:
        """Return what the parameters describe, every part resolved."""
        return SupervisedParts(
            encoder=self.part("encoder"),
            target=self.part("target"),
            base=None if self.pretrained is None else self.pretrained.resolve_parts(),
            corruption=self.part("corruption"),
            penalties=self.part("penalties"),
            scaling=self.part("scaling"),
            own_text=self.part("text"),
            optimizer=self.part("optimizer"),
            stops=self.part("stops"),
            reconstruction=float(self.reconstruction),
        )

    def table_options(self) -> TableOptions:
        """Return what the parameters say of tables: those of the pretrained autoencoder, where there is one."""
        if self.pretrained is not None:
            options: TableOptions = self.pretrained.table_options()
            return options
        parts = self.resolve_parts()
        return TableOptions(self.columns, parts.text, parts.default_text)

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        return self.fitted_.to_state()

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        estimator = cls.from_json(header_field(stored, "parameters", dict))
        estimator.check_parameters()
        parts = estimator.resolve_parts()
        reader = Reader.from_header(stored, parts.scaling, parts.read_categories)
        target = cls.target_type.from_facts(stored_facts(stored))
        skeleton = _build(parts, reader, target)
        shapes = network_shapes(skeleton, reader, stored) | estimator._others_shapes(skeleton, stored)
        tensors = read_tensors(stored, shapes)
        estimator._fitted = FittedSupervised(
            settings=estimator.to_json(),
            **stored_network(stored, reader, skeleton, tensors),
            target=target,
            others=tensors.get("others"),
        )
        return estimator

    def _open(self, X: Any, former: FittedSupervised | None) -> tuple[Reader, Source]:
        """Return what the last fit or a fitted autoencoder knows of a table, or what is learned; and its source."""
        if former is not None:
            return former.reader.with_known({}), self.open_rows(X)  # new categories are accepted
        if self.pretrained is not None and self.pretrained.__sklearn_is_fitted__():
            reader: Reader = self.pretrained.fitted_.reader
            source = self.pretrained.open_rows(X)
            return reader.with_names(is_named=learn_names(source, is_text=reader.text is not None)), source
        return learn_reader(X, self.table_options())

    def _open_validation(self, data: Any, reader: Reader) -> tuple[ValidationData, Source] | None:
        """Return the validation rows that a fit is given as a table of their own, and their source."""
        apart = ValidationData.of(data, self.validation_fraction)
        if apart is None:
            return None
        if apart.y is None:
            raise InvalidData("validation_data has no targets: pass (X, y).")
        return apart, apart.open(reader)

    def _train(
        self,
        X: Any,
        source: Source,
        reader: Reader,
        target: Target,
        targets: Targets,
        sample_weight: ArrayLike | None,
        options: FitOptions,
        former: FittedSupervised | None,
        apart: tuple[ValidationData, Source, Targets] | None = None,
    ) -> FittedSupervised:
        """Train on a table and its targets, and return the fitted state.

        `apart` are the validation rows where they are a table of their own, their source, and their targets.
        """
        prepared = self._prepare(X, source, reader, target, targets, sample_weight, former, options, apart)
        job = self._build_job(prepared)
        warn_of_schedules(job)
        reader = prepared.reader
        settings = self.to_json()
        if prepared.pretrained is not None:
            settings["scaling"] = reader.fitted_scaling.part.to_json()
            read_by = {k: v for k, v in prepared.pretrained.fitted_.settings.items() if k in ("likelihood", "scaling")}
            settings["pretrained"]["parameters"] |= read_by
        result, before = self._run(prepared, job, settings, options)
        counted = ("epoch", "kept")
        later = (record | {k: record[k] + len(before) for k in counted if k in record} for record in result.history)
        return FittedSupervised(
            settings=settings,
            reader=reader.with_known(known_categories(job, list(prepared.parts.read_categories(reader.row)))),
            skeleton=prepared.skeleton,
            weights=result.weights,
            history=(*before, *later),
            stop_reason=result.stop_reason,
            n_samples=source.n_rows,
            progress=result.progress,
            target=target,
            others=self._other_solutions(result),
            pretrained=prepared.pretrained,
        )

    def _prepare(
        self,
        X: Any,
        source: Source,
        reader: Reader,
        target: Target,
        targets: Targets,
        sample_weight: ArrayLike | None,
        former: FittedSupervised | None,
        options: FitOptions,
        apart: tuple[ValidationData, Source, Targets] | None,
    ) -> Prepared:
        """Weigh the rows, train the autoencoder where one is to be trained, and build the network."""
        parts, weight = self.resolve_parts(), check_weight(sample_weight, source.n_rows)
        pretrained = None if former is None else former.pretrained
        if former is None and self.pretrained is not None:
            pretrained = self._fit_pretrained(self.pretrained, X, targets.label, sample_weight, options.callbacks)
            parts = replace(parts, base=pretrained.resolve_parts())  # as its fit has taken them
        check_size(source, weight, LEAST_COLUMNS)
        rows = self._rows(source, weight, targets)
        if former is None:
            reader = reader.with_categories(parts.read_categories(reader.row))
            check_categories(reader.row, parts.row_likelihood(reader.row))
            if pretrained is None:
                reader = reader.fit_scaling(parts.scaling, rows, source.dtype)
            else:
                reader = reader.scaled_like(pretrained.fitted_.reader)
        skeleton = _build(parts, reader, target)
        if former is not None:
            check_same_network(skeleton, former)
        validation = None
        if apart is not None:
            data, own, own_targets = apart
            validation = self._rows(own.shaped_like(reader.row), data.weight(own), own_targets)
        return Prepared(parts, reader, rows, skeleton, target, former, pretrained, validation)

    def _rows(self, source: Source, weight: np.ndarray, targets: Targets) -> Rows:
        """Return the rows that count: with a target, or where rows are explained too, all of them."""
        if not self.reconstruction:
            return Rows(source, weight * targets.factor, targets.label, targets.target)
        return Rows(source, weight, targets.label, np.column_stack([targets.target, targets.factor]))

    def _run(
        self,
        prepared: Prepared,
        job: Job,
        settings: dict[str, Any],
        options: FitOptions,
    ) -> tuple[TrainingResult, tuple[dict[str, Any], ...]]:
        """Train the head alone where that is asked for, then all; return the last result, and the records before it."""
        run = partial(run_training, row=prepared.reader.row, settings=settings, parameters=self)
        weights = self._first_weights(prepared, job)
        before: tuple[dict[str, Any], ...] = ()
        if self.frozen_epochs and prepared.former is None:
            frozen = replace(_head_only(job, prepared.skeleton), max_epochs=int(self.frozen_epochs))
            result = run(frozen, loop.start(frozen, weights), options=options._replace(checkpoint=None))
            if result.is_interrupted:
                return result, ()
            before, weights = result.history, np.asarray(result.progress.best_weights)
        return run(job, loop.start(job, weights), options=options), before

    @staticmethod
    def _fit_pretrained(
        pretrained: Reconstructor,
        X: Any,
        labels: np.ndarray | None,
        sample_weight: ArrayLike | None,
        callbacks: tuple[Callback, ...],
    ) -> Reconstructor:
        """Return the autoencoder, fitted now unless it is already; it refuses other columns than it was fitted with."""
        if pretrained.__sklearn_is_fitted__():
            return pretrained
        known = None if labels is None else np.ma.masked_less(labels, 0)
        fitted: Reconstructor = clone(pretrained).fit(X, known, sample_weight, callbacks=callbacks)
        if fitted.is_interrupted_:
            raise KeyboardInterrupt
        return fitted

    def _build_job(self, prepared: Prepared) -> Job:
        parts, reader, rows, target = prepared.parts, prepared.reader, prepared.rows, prepared.target
        known = {} if prepared.former is None else prepared.former.reader.fitted_scaling.known
        assert rows.target is not None  # noqa: S101 -- they come with the targets
        has_target = rows.target[:, -1] > 0 if self.reconstruction else None
        share = validation_share(self.validation_fraction, rows, VALIDATION_FROM)
        if has_target is not None and not round(share * has_target.sum()):
            share = 0.0  # the target must be among the validation rows
        split = ValidationSplit(share, seed_of(self.random_state), target.groups(rows.target), has_target)
        job = build_job(
            prepared.skeleton,
            parts.plan(),
            rows,
            reader,
            parts.row_likelihood(reader.row),
            self,
            split,
            n_starts=self.n_starts,
            stops=parts.stops,
            known=known,
            learns=parts.learns,
            validation=prepared.validation,
        )
        groups = target.groups(np.asarray(job.table.target)[: int(job.table.rows)])
        table, validation = self._encode(job.table, target), job.held_out
        return replace(
            job, table=table, held_out=None if validation is None else self._encode(validation, target), groups=groups
        )

    def _encode(self, table: DeviceTable, target: Target) -> DeviceTable:
        """Return the table with targets as the head explains them, and their weights where rows are explained too."""
        values, weight = np.asarray(table.target), np.asarray(table.weight)
        if not self.reconstruction:
            return table._replace(target=jax.device_put(target.encode(values, weight)))
        factor = values[:, -1] * (np.arange(len(values)) < table.rows)
        total = float(weight @ factor)
        factor = factor * (int(table.rows) / total) if total else factor  # the mean is over rows that have a target
        encoded = jax.device_put(target.encode(values[:, :-1], weight * factor))
        return table._replace(target=encoded, target_weight=jax.device_put(factor.astype(np.float32)))

    def _first_weights(self, prepared: Prepared, job: Job) -> np.ndarray:
        """Return the weights to start from, [starts, weights]: of the last fit, or drawn, some of them pretrained."""
        parts, reader, former, skeleton = prepared.parts, prepared.reader, prepared.former, prepared.skeleton
        if former is not None:
            if former.others is not None and len(former.others) + 1 == len(job.seeds):  # all solutions go on
                return np.stack([former.weights, *former.others])
            return np.repeat(former.weights[None], len(job.seeds), axis=0)
        weights = np.stack([draw_weights(skeleton, seed) for seed in job.seeds])
        rows, table = int(job.table.rows), job.table
        values, weight = np.asarray(table.target)[:rows], np.asarray(table.weight)[:rows]
        if table.target_weight is not None:
            weight = weight * np.asarray(table.target_weight)[:rows]
        start = parts.target.start(prepared.target.row, values[weight > 0], weight[weight > 0])
        weights = with_start_values(skeleton, weights, "target", start)
        weights = start_from_rows(skeleton, job, reader.row, parts.row_likelihood(reader.row), weights)
        if prepared.pretrained is not None:
            base = prepared.pretrained.fitted_
            layers = np.asarray(join_weights(split_weights(base.skeleton, base.weights)))
            if not self.reconstruction:
                low, high = weight_range(base.skeleton, "decoder")
                layers = layers[: low if high else weight_range(base.skeleton, "head")[0]]
            weights[:, : len(layers)] = layers
        return weights

    def _other_solutions(self, result: TrainingResult) -> np.ndarray | None:
        """Return the weights of the starts beside the best one, where those of all are averaged."""
        is_sound = np.array([end is None or end.stop != "diverged" for end in result.progress.reasons])
        is_sound[result.progress.best] = False
        is_averaged = self.combine == "average" and is_sound.any()
        return np.asarray(result.progress.best_weights)[is_sound] if is_averaged else None

    def _others_shapes(self, skeleton: Model, stored: Opened) -> Shapes:
        weights = weight_count(skeleton) if self.combine == "average" else 0
        longest: dict[str, tuple[int, ...]] = {"others": (max(self.n_starts - 1, 0), weights)} if weights else {}
        return shorter_shapes(stored, longest)


def _build(parts: SupervisedParts, reader: Reader, target: Target) -> Model:
    return parts.build(reader.row, partial(target.head, parts.target), target.may_be_missing)


def _head_only(job: Job, skeleton: Model) -> Job:
    """Return the job in which only the head of the target learns."""
    step_scale = np.ones(weight_count(skeleton), np.float32)
    step_scale[: weight_range(skeleton, "target")[0]] = 0
    if job.plan.step_scale is not None:
        step_scale *= job.plan.step_scale
    return replace(job, plan=job.plan._replace(step_scale=step_scale))
