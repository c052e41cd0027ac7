"""A classifier: an encoder whose code explains the class."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Self

import jax
import numpy as np
from jaxtyping import Array
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import check_is_fitted

from isthmus import inference, loop
from isthmus.contracts import Backbone, Likelihood, Optimizer, Penalty, Scaling, Stop
from isthmus.epoch import Job
from isthmus.errors import InvalidData, require
from isthmus.estimators.network import Network, on_device
from isthmus.estimators.reconstructor import Reconstructor
from isthmus.flow import LAST, Code, Module, Neck, Pass, Row
from isthmus.model import Model
from isthmus.objective import Plan
from isthmus.parts import Part
from isthmus.reading import Rows, checked_labels, checked_weight
from isthmus.steps import Table
from isthmus.weights import affine, cut, draw, join, span


class NetworkClassifier(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, Network):
    """An encoder whose code explains the class, by any likelihood over classes.

    With `pretrained`, training has three stages: the autoencoder on all rows, also those without a label; the head
    alone on its codes, for `frozen_epochs`; then all layers together, for `max_epochs`.

    Parameters
    ----------
    encoder : the road from a row to the code, of `isthmus.backbones`; not used with `pretrained`.
    target : how the code explains the class, of `isthmus.likelihoods`: `"categorical"` (softmax), `"bernoulli"`
        (one logistic regression for each class), `"hinge"` (a support vector machine).
    pretrained : an autoencoder whose layers are copied, encoder and code without noise, with its scaling. One that is
        fitted is taken as it is, another (also after `clone`) is fitted on the rows first.
    frozen_epochs : epochs at the start in which only the head learns.
    scaling : of the columns; not used with `pretrained`, which has its own.
    penalties, optimizer, batch_size, max_epochs, stops, validation_fraction, n_starts, random_state, device,
    verbose : as in `Autoencoder`; max_epochs counts the epochs in which all layers learn.

    Attributes
    ----------
    classes_ : the classes, in order.
    n_labelled_ : rows with a label in `fit`.
    pretrained_ : the fitted autoencoder, where one was given; not kept in a model file.
    n_components_, n_features_in_, feature_names_in_, history_, n_iter_, stop_reason_, model_ : as in `Autoencoder`.

    References
    ----------
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> model = NetworkClassifier(max_epochs=50).fit(X, X[:, 0] > 0)
    >>> model.predict_proba(X).shape, model.score(X, X[:, 0] > 0) > 0.9
    ((200, 2), True)
    """

    one_part: ClassVar[dict[str, type[Part]]] = {
        "encoder": Backbone,
        "target": Likelihood,
        "scaling": Scaling,
        "optimizer": Optimizer,
    }
    many_parts: ClassVar[dict[str, type[Part]]] = {"penalties": Penalty, "stops": Stop}

    def __init__(
        self,
        encoder: Any = "mlp",
        *,
        target: Any = "categorical",
        pretrained: Any = None,
        frozen_epochs: int = 0,
        penalties: Any = (),
        scaling: Any = "standard",
        optimizer: Any = "adam",
        batch_size: int | None = None,
        max_epochs: int = 100,
        stops: Any = "patience(10)",
        validation_fraction: float | None = None,
        n_starts: int = 1,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.target = target
        self.pretrained = pretrained
        self.frozen_epochs = frozen_epochs
        self.penalties = penalties
        self.scaling = scaling
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.stops = stops
        self.validation_fraction = validation_fraction
        self.n_starts = n_starts
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @on_device
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on a table and its classes.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : classes [n], numbers or texts. None, NaN and, beside two other classes, -1 mark a row without a label:
            only the pretraining learns from it.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress of the last stage in.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table or the classes cannot be used as they are; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self._check_settings()
        source = self._open(X, reset=True)
        shape = np.asarray(y).shape
        if len(shape) == 2 and shape[1] == 1:
            told = "A column-vector y was passed when a 1d array was expected: it is taken as one class for each row."
            warnings.warn(told, DataConversionWarning, stacklevel=3)
        labels, self.classes_ = checked_labels(y, source.n_rows, type(self).__name__)
        self.n_labelled_ = int((labels >= 0).sum())
        if len(self.classes_) < 2:
            raise InvalidData(f"y holds one class only, {self.classes_[0]!r}: two classes are due.")
        weight = checked_weight(sample_weight, source.n_rows)
        self._take_pretrained(X, labels, sample_weight)
        rows = self._begin(source, labels, np.where(labels >= 0, weight, 0))
        job = self._job(rows, self._share_held_out(rows))
        before: list[dict[str, Any]] = []
        weights = np.stack([self._first_weights(seed) for seed in job.seeds])
        if self.frozen_epochs:
            frozen = replace(self._frozen(job), max_epochs=self.frozen_epochs)
            self._train(frozen, loop.start(frozen, weights), None)
            if self.stop_reason_ == "interrupted":
                return self
            before, weights = self.history_, np.stack([self._weights] * len(job.seeds))  # type: ignore[list-item]
        self._train(job, loop.start(job, weights), checkpoint)
        self.history_ = before + [record | {"epoch": record["epoch"] + len(before)} for record in self.history_]
        self.n_iter_ = len(self.history_)
        return self

    @on_device
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, [n, classes], rows summing to one."""
        source = self._open(X, reset=False)
        share = self._apply(inference.reconstruct, source, len(self.classes_)).astype(np.float64)
        total = share.sum(axis=1, keepdims=True)
        return np.where(total > 0, share / np.maximum(total, np.finfo(float).tiny), 1 / share.shape[1])

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, [n]."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows whose class is right; rows without a label, as in `fit`, do not count."""
        check_is_fitted(self)
        if self.classes_.dtype.kind in "iuf" and -1 not in self.classes_:
            weight = checked_weight(sample_weight, len(np.asarray(y)))
            sample_weight = np.where(np.asarray(y).reshape(-1) == -1, 0, weight)
        return float(super().score(X, y, sample_weight=sample_weight))

    @on_device
    def transform(self, X: Any) -> np.ndarray:
        """Return the code of each row, [n, n_components_]."""
        return self._apply(inference.encode, self._open(X, reset=False), self.n_components_)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_settings(self) -> None:
        super()._check_settings()
        is_whole = isinstance(self.frozen_epochs, int | np.integer) and not isinstance(self.frozen_epochs, bool)
        require(
            is_whole and self.frozen_epochs >= 0, "frozen_epochs", "a whole number of at least 0", self.frozen_epochs
        )
        is_over_classes = self.part("target").support == (0.0, 1.0)
        require(is_over_classes, "target", "'categorical', 'bernoulli' or 'hinge'", self.target)
        is_autoencoder = self.pretrained is None or isinstance(self.pretrained, Reconstructor)
        require(is_autoencoder, "pretrained", "an autoencoder, or None", self.pretrained)

    def _take_pretrained(self, X: Any, labels: np.ndarray, sample_weight: Any) -> None:
        if self.pretrained is None:
            return
        is_fitted = self.pretrained.__sklearn_is_fitted__()
        self.pretrained_ = self.pretrained if is_fitted else clone(self.pretrained).fit(X, labels, sample_weight)
        if self.pretrained_.stop_reason_ == "interrupted" and not is_fitted:
            raise KeyboardInterrupt
        self.pretrained_._open(X, reset=False)  # refuses other columns

    def _begin(self, source: Any, y: Any, sample_weight: Any) -> Rows:
        rows = super()._begin(source, y, sample_weight)
        if self.pretrained is not None:
            self._scaling, self._learned = self.pretrained_._scaling, self.pretrained_._learned
            self._settings["scaling"] = self._scaling.to_json()
        return rows

    def _first_weights(self, seed: int) -> np.ndarray:
        """Return drawn weights, [weights], with those of the pretrained encoder and code in their places."""
        weights = draw(self._skeleton, seed)
        if self.pretrained is not None:
            base = self.pretrained_
            arrays = cut(base._skeleton, base._weights)
            low, high = span(base._skeleton, "decoder")
            roads = np.asarray(join(arrays))[: low if high else span(base._skeleton, "head")[0]]
            weights[: len(roads)] = roads
        return weights

    def _frozen(self, job: Job) -> Job:
        """Return the job in which only the head learns."""
        mobility = np.ones(draw(self._skeleton, 0).shape, np.float32)
        mobility[: span(self._skeleton, "head")[0]] = 0
        return replace(job, plan=job.plan._replace(mobility=mobility))

    def _build(self, row: Row) -> Model:
        if self.pretrained is None:
            encoder, size = self.part("encoder").encoder(row)
            neck: Neck = Passed()
        else:
            base = self.pretrained._build(row)
            encoder, neck, size = base.encoder, Clean(base.neck), base.size
        head = self.part("target").build(Row((len(self.classes_),)), partial(affine, size))
        return Model(encoder, neck, PassedOn(), head, row.shape, size)

    def _plan(self) -> Plan:
        return Plan(None, self.parts("penalties"), self.part("optimizer"))

    def _labels_of(self, y: Any, rows: int) -> np.ndarray | None:
        return np.asarray(y, np.int32)

    def _job(self, rows: Rows, share: float) -> Job:
        job = super()._job(rows, share)
        held_out = None if job.held_out is None else self._targeted(job.held_out)
        return replace(job, table=self._targeted(job.table), held_out=held_out)

    def _facts(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist()}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        classes: Any = facts.get("classes")
        is_list = set(facts) == {"classes"} and isinstance(classes, list) and len(classes) >= 2
        is_of_one_type = is_list and {type(each) for each in classes} in ({str}, {bool}, {int}, {float})
        require(is_of_one_type and sorted(set(classes)) == classes, "classes", "at least two, in order", classes)
        self.classes_ = np.array(classes)

    def _targeted(self, table: Table) -> Table:
        """Return the table with its classes as one-hot rows."""
        return table._replace(target=jax.nn.one_hot(table.label, len(self.classes_)))


class PassedOn(Module):
    """The road that is none."""

    def __call__(self, x: Array, key: Array | None) -> Array:
        return x


class Passed(Neck):
    """The code is what the encoder gives."""

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST) -> Code:
        return Code(hidden[None], hidden)

    def terms(self, log_likelihood: Array, seen: Pass) -> dict[str, Array]:
        return {"target": -log_likelihood[0]}


class Clean(Neck):
    """The code of a neck without its noise and its terms."""

    inner: Neck

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST) -> Code:
        point = self.inner(hidden, None).point
        return Code(point[None], point)

    def terms(self, log_likelihood: Array, seen: Pass) -> dict[str, Array]:
        return {"target": -log_likelihood[0]}
