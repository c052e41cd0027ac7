"""What supervised networks share: an encoder whose code explains a target, pretrained, held, fine-tuned."""

from __future__ import annotations

import abc
import numbers
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from sklearn.base import clone

from isthmus.contracts import (
    LAST_STEP,
    Backbone,
    Code,
    Corruption,
    Head,
    Likelihood,
    Neck,
    Optimizer,
    Penalty,
    Row,
    Scaling,
    Stop,
    Text,
)
from isthmus.core.parameter_specs import draw_weights, join_weights, split_weights, weight_range
from isthmus.core.part import Part
from isthmus.core.spelling import resolve
from isthmus.data.device_table import DeviceTable
from isthmus.data.rows import Rows
from isthmus.data.scaling import TableScaling
from isthmus.data.source import Source
from isthmus.data.validation import check_weight
from isthmus.errors import require
from isthmus.estimators._encoder import Encoder
from isthmus.estimators._network import Network
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._tabling import with_categories
from isthmus.model import inference
from isthmus.model.model import Model, build_encoder, category_counts
from isthmus.training import loop
from isthmus.training.epoch import Job, Progress
from isthmus.training.objective import Plan


class Answers(NamedTuple):
    """What `y` tells, for each row of the table."""

    target: np.ndarray  # [n, t] float64, as rows carry it
    factor: np.ndarray  # [n], on the weight of the target: 0 where there is none
    label: np.ndarray | None = None  # [n] int32, for penalties that need labels


class Supervised(Encoder):
    """An encoder whose code explains a target by a likelihood.

    With `pretrained`, training has three stages: the autoencoder on all rows, also those without a label; the head
    alone on its codes, for `frozen_epochs`; then all layers together, for `max_epochs`.
    """

    one_part: ClassVar[dict[str, type[Part]]] = {
        "encoder": Backbone,
        "target": Likelihood,
        "corruption": Corruption,
        "scaling": Scaling,
        "text": Text,
        "optimizer": Optimizer,
    }
    many_parts: ClassVar[dict[str, type[Part]]] = {"penalties": Penalty, "stops": Stop}
    optional = frozenset({"corruption", "scaling", "text"})

    least_columns = 1
    hold_out_from = 200

    _target_may_be_missing = False
    _others: np.ndarray | None = None  # [starts - 1, weights], where the solutions of all starts are averaged

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of the constructor as they are."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @abc.abstractmethod
    def _head(self, target_layer: Callable[[int], Callable[[Array], Array]]) -> Head:
        """Return the head that explains the target; its layers come from `readout(total)`."""

    @abc.abstractmethod
    def _target_row(self) -> Row:
        """Return what one target is."""

    def _encoded(self, target: np.ndarray, weight: np.ndarray) -> Any:
        """Return targets as the head explains them, [padded n, columns], of those that rows carry and their weights."""
        return target

    def _check_settings(self) -> None:
        super()._check_settings()
        is_whole = isinstance(self.frozen_epochs, numbers.Integral) and not isinstance(self.frozen_epochs, bool)
        epochs = self.frozen_epochs
        require(is_whole and epochs >= 0, "frozen_epochs", "a whole number of at least 0", epochs)
        share = self.reconstruction
        is_number = isinstance(share, numbers.Real) and not isinstance(share, bool)
        require(is_number and 0 <= share < np.inf, "reconstruction", "a number of at least 0", share)
        require(self.combine in ("best", "average"), "combine", "'best' or 'average'", self.combine)
        is_autoencoder = self.pretrained is None or isinstance(self.pretrained, Reconstructor)
        require(is_autoencoder, "pretrained", "an autoencoder, or None", self.pretrained)
        if self.pretrained is not None:
            self.pretrained._check_settings()

    def _fit(self, X: Any, source: Source, answers: Answers, sample_weight: Any, checkpoint: Any) -> None:
        """Train on a table and what its rows are to tell."""
        weight = check_weight(sample_weight, source.n_rows)
        if self.reconstruction:  # rows without a target are explained all the same
            answers = answers._replace(target=np.column_stack([answers.target, answers.factor]))
        else:
            weight = weight * answers.factor
        continues = self._continues
        if not continues:
            self._take_pretrained(X, answers.label, sample_weight)
        rows = (self._continue if continues else self._begin)(source, answers, weight)
        job = self._job(rows, self._validation_share(rows))
        weights = self._first_weights(job)
        before: list[dict[str, Any]] = []
        if self.frozen_epochs and not continues:
            frozen = replace(self._frozen(job), max_epochs=int(self.frozen_epochs))
            self._train(frozen, loop.start(frozen, weights), None)
            if self.stop_reason_ == "interrupted":
                return
            before, weights = self.history_, np.asarray(self._progress.best_weights)  # type: ignore[union-attr]
        self._train(job, loop.start(job, weights), checkpoint)
        self.history_ = before + [record | {"epoch": record["epoch"] + len(before)} for record in self.history_]
        self.n_iter_ = len(self.history_)

    def _take_pretrained(self, X: Any, labels: np.ndarray | None, sample_weight: Any) -> None:
        if self.pretrained is None:
            return
        is_fitted = self.pretrained.__sklearn_is_fitted__()
        self.pretrained_ = self.pretrained if is_fitted else clone(self.pretrained).fit(X, labels, sample_weight)
        if self.pretrained_.stop_reason_ == "interrupted" and not is_fitted:
            raise KeyboardInterrupt
        self.pretrained_._open(X, reset=False)  # refuses other columns

    def _begin(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        self._others = None
        rows = super()._begin(source, y, sample_weight)
        if self.pretrained is not None:
            self._scaling = TableScaling(self.pretrained_._scaling.part, self._row)
            self._learned = self.pretrained_._learned
            self._settings["scaling"] = self._scaling.part.to_json()
        return rows

    def _rows(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        rows = super()._rows(source, None, sample_weight)
        return Rows(source, rows.weight, y.label, y.target)

    @property
    def _reader(self) -> Network:
        return self if self.pretrained is None else self.pretrained

    def _with_read_categories(self, row: Row) -> Row:
        return (
            super()._with_read_categories(row)
            if self.pretrained is None
            else self.pretrained._with_read_categories(row)
        )

    def _first_weights(self, job: Job) -> np.ndarray:
        """Return drawn weights, [starts, weights], with those of the pretrained layers in their places."""
        if self._others is not None and len(self._others) + 1 == len(job.seeds):  # all solutions go on
            return np.stack([self._weights, *self._others])  # type: ignore[list-item]
        weights = super()._first_weights(job)
        if self.pretrained is not None and self._weights is None:
            base = self.pretrained_
            roads = np.asarray(join_weights(split_weights(base._skeleton, base._weights)))
            if not self.reconstruction:
                low, high = weight_range(base._skeleton, "decoder")
                roads = roads[: low if high else weight_range(base._skeleton, "head")[0]]
            weights[:, : len(roads)] = roads
        return weights

    def _seen_from(self, job: Job, weights: np.ndarray) -> np.ndarray:
        rows, table = int(job.table.rows), job.table
        target, weight = np.asarray(table.target)[:rows], np.asarray(table.weight)[:rows]
        if table.target_weight is not None:
            weight = weight * np.asarray(table.target_weight)[:rows]
        start = self.part("target").start(self._target_row(), target[weight > 0], weight[weight > 0])
        return super()._seen_from(job, self._with_start(weights, "target", start))

    def _frozen(self, job: Job) -> Job:
        """Return the job in which only the head of the target learns."""
        step_scale = np.ones(draw_weights(self._skeleton, 0).shape, np.float32)
        step_scale[: weight_range(self._skeleton, "target")[0]] = 0
        return replace(job, plan=job.plan._replace(step_scale=step_scale))

    def _build(self, row: Row) -> Model:
        road: Backbone = self.part("encoder") if self.pretrained is None else self.pretrained.part("encoder")
        if self.pretrained is None:
            condition = road.condition(row)
            encoder, size = build_encoder(row, road)
            neck: Neck = Passed()
            decoder: Any = None
            head: Any = None
            if self.reconstruction:
                decoder, end = road.decoder(row, size + len(condition))
                head = self._likelihood_of(row).build(row, partial(road.output_layer, row, end))
        else:
            base = self.pretrained._build(row)
            encoder, size, condition = base.encoder, base.size, base.condition
            neck, decoder, head = Clean(base.neck), base.decoder, base.head
            if not self.reconstruction:
                decoder = head = None
        target = self._head(partial(road.target_layer, row, size + len(condition)))
        return Model(
            *(
                encoder,
                neck,
                decoder,
                head,
                target,
                row.shape,
                size,
                condition,
                row.may_be_missing,
                self._target_may_be_missing,
            ),
            categories=category_counts(row),
        )

    def _plan(self) -> Plan:
        share = float(self.reconstruction)
        return Plan(self.part("corruption"), self.parts("penalties"), self.part("optimizer"), reconstruction=share)

    def _row_likelihood(self) -> Likelihood | None:
        if not self.reconstruction:
            return None
        if self.pretrained is not None:
            return self.pretrained._row_likelihood()
        return self._likelihood_of(self._row)

    def _likelihood_of(self, row: Row) -> Likelihood:
        """Return what explains rows where no pretrained autoencoder says so."""
        is_text = row.categories and all(row.categories) and not row.is_table
        return with_categories(resolve(Likelihood, "codes" if is_text else "squared_error"), row)

    def _strata(self, rows: Rows) -> np.ndarray | None:
        if not self.reconstruction or rows.target is None:
            return None
        return rows.target[:, -1] > 0

    def _validation_share(self, rows: Rows) -> float:
        share, is_told = super()._validation_share(rows), self._strata(rows)
        return share if is_told is None or round(share * is_told.sum()) else 0.0  # the target must be among them

    def _labels_of(self, y: Any, rows: int) -> np.ndarray | None:
        return None  # they come with the answers

    def _job(self, rows: Rows, share: float) -> Job:
        job = super()._job(rows, share)
        held_out = None if job.held_out is None else self._targeted(job.held_out)
        return replace(job, table=self._targeted(job.table), held_out=held_out)

    def _targeted(self, table: DeviceTable) -> DeviceTable:
        """Return the table with targets as the head explains them, and their weights where rows are explained too."""
        target, weight = np.asarray(table.target), np.asarray(table.weight)
        if not self.reconstruction:
            return table._replace(target=jax.device_put(self._encoded(target, weight)))
        factor = target[:, -1] * (np.arange(len(target)) < table.rows)
        total = float(weight @ factor)
        factor = factor * (int(table.rows) / total) if total else factor  # the mean is over rows that have a target
        found = jax.device_put(self._encoded(target[:, :-1], weight * factor))
        return table._replace(target=found, target_weight=jax.device_put(factor.astype(np.float32)))

    def _keep(self, last: Progress, job: Job, reason: str | None) -> None:
        super()._keep(last, job, reason)
        is_sound = np.array([end is None or end.stop != "diverged" for end in last.reasons])
        is_sound[last.best] = False
        is_averaged = self.combine == "average" and is_sound.any()
        self._others = np.asarray(last.best_weights)[is_sound] if is_averaged else None

    def _expected(self, source: Source, columns: int) -> np.ndarray:
        """Return the expected targets of a table, [n, columns], averaged over the starts where that is asked for."""
        found = self._apply(inference.expect, source, columns)
        if self._others is None:
            return found
        more = (self._apply(inference.expect, source, columns, weights) for weights in self._others)
        return (found + sum(more)) / (1 + len(self._others))

    def _more_tensors(self) -> dict[str, np.ndarray]:
        return {} if self._others is None else {"others": self._others}

    def _most_shapes(self) -> dict[str, tuple[int, ...]]:
        weights = draw_weights(self._skeleton, 0).size if self.combine == "average" else 0
        return {"others": (max(self.n_starts - 1, 0), weights)} if weights else {}

    def _take_tensors(self, tensors: dict[str, np.ndarray]) -> None:
        self._others = tensors.get("others")


class Passed(Neck):
    """The code is what the encoder gives."""

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        return Code(hidden[None], hidden)


class Clean(Neck):
    """The code of a neck without its noise and its terms."""

    inner: Neck

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        point = self.inner(hidden, None).point
        return Code(jnp.asarray(point)[None], point)
