"""`NetworkClassifier`: an encoder whose code explains the class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_sample_weight

from isthmus.contracts import Likelihood
from isthmus.core.coercion import short
from isthmus.core.constraints import Constraint, is_number
from isthmus.data.reader import Reader
from isthmus.data.validation import check_labels, check_weight, is_missing
from isthmus.errors import InvalidData, require
from isthmus.estimators._device import on_device
from isthmus.estimators._graphs import add_supervised
from isthmus.estimators._run import FitOptions
from isthmus.estimators._sklearn import ClassifierMixin
from isthmus.estimators._supervised import SUPERVISED, FittedSupervised, Supervised, Targets
from isthmus.estimators._targets import ClassTarget, Target, are_classes, plain_classes
from isthmus.onnx.graph import Graph
from isthmus.training.callbacks import Callbacks, check_callbacks


class ClassWeight(Constraint):
    """What classes weigh: by class, or so that all weigh alike; of several outputs a list."""

    @property
    def allowed(self) -> str:
        return "None, 'balanced', or a dictionary from classes to weights"

    def holds(self, value: Any) -> bool:
        return value is None or isinstance(value, dict | list) or value == "balanced"

    def to_json(self, value: Any) -> Any:
        return [weights_to_json(output) for output in value] if isinstance(value, list) else weights_to_json(value)

    def from_json(self, name: str, data: Any) -> Any:
        return [weights_from_json(output) for output in data] if isinstance(data, list) else weights_from_json(data)


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, Supervised):
    """An encoder whose code explains the class, by any likelihood over classes.

    With `pretrained`, training has three stages: the autoencoder on all rows, also those without a label; the head
    alone on its codes, for `frozen_epochs`; then all layers together, for `max_epochs`.

    Parameters
    ----------
    encoder : from a row to the code, of `isthmus.backbones`; not used with `pretrained`.
    target : how the code explains the class, of `isthmus.likelihoods`: `"categorical"` (softmax), `"bernoulli"`
        (a logistic regression for each class), `"hinge"` (a support vector machine), `"binary_hinge"` (one for each
        class). By `"bernoulli"` and `"binary_hinge"` two classes are one output, p = σ(g) of the second one.
    pretrained : an autoencoder whose layers are copied, encoder and code without noise, with its scaling. One that is
        fitted is used as it is, another (also after `clone`) is fitted on the rows first.
    frozen_epochs : epochs at the start in which only the head learns.
    reconstruction : weight of explaining the row beside the class, at least 0: by the decoder and the likelihood of
        `pretrained`, else by the encoder's layers in reverse and the squared error. Rows without a label count too.
    class_weight : `"balanced"` (inverse to how often a class comes), a dictionary from classes to weights, or None; for
        several outputs a list of these.
    corruption : noise on the input in training, of `isthmus.corruptions`; None for none.
    scaling : of the columns; not used with `pretrained`, which has its own.
    text, columns : how texts become rows, and what the columns of a table hold, as in `Autoencoder`; not used with
        `pretrained`, which has its own.
    combine : what is made of several starts: `"best"` keeps the one with the lowest loss, of validation rows if any;
        `"average"` averages the probabilities of all.
    penalties, optimizer, batch_size, max_epochs, stops, validation_fraction, n_starts, warm_start, random_state,
    device, verbose : as in `Autoencoder`; a tenth of the rows is kept for validation from 200 on, and max_epochs counts
    the epochs in which all layers learn.

    Attributes
    ----------
    classes_ : the classes, in order; for several outputs a list, one for each.
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

    target: str | Likelihood = "categorical"
    class_weight: Mapping[Any, float] | str | None = None

    target_type: ClassVar[type[Target]] = ClassTarget
    constraints: ClassVar[Mapping[str, Constraint]] = SUPERVISED | {"class_weight": ClassWeight()}

    @on_device
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        validation_data: Any = None,
        callbacks: Callbacks = None,
    ) -> Self:
        """Train on a table and its classes.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : classes [n], numbers or texts, or [n, outputs] for several. Of one output, None and, beside two other
            classes, -1 mark a row without a label: only the pretraining, and the reconstruction, learn from it.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress of the last stage in.
        validation_data : rows that are judged in place of some kept from `X`: `(X, y)`, or `(X, y, sample_weight)`.
        callbacks : as in `Autoencoder.fit`, of each stage.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table or the classes cannot be used as they are; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self.check_parameters()
        options = FitOptions(checkpoint, check_callbacks(callbacks))
        former = self._fitted if self.warm_start else None
        reader, source = self._open(X, former)
        places, classes = _places(y, source.n_rows, None if former is None else _classes_of(former.target))
        factor = _factors(self.class_weight, places, classes, check_weight(sample_weight, source.n_rows))
        targets = Targets(places.astype(np.float64), factor, places[:, 0])
        is_single = self.part("target").explains == "bits" if former is None else _target_of(former).is_single
        target = ClassTarget(tuple(classes), is_single)
        validation = None
        if (apart := self._open_validation(validation_data, reader)) is not None:
            data, own = apart
            own_places, _ = _places(data.y, own.n_rows, classes)
            own_factor = _factors(self.class_weight, own_places, classes, data.weight(own))
            if not own_factor.any():
                raise InvalidData("validation_data: no row has a label whose class counts.")
            validation = *apart, Targets(own_places.astype(np.float64), own_factor, own_places[:, 0])
        fitted = self._train(X, source, reader, target, targets, sample_weight, options, former, validation)
        self._fitted = replace(fitted, n_labelled=int((places[:, 0] >= 0).sum()))
        return self

    @property
    def classes_(self) -> Any:
        """The classes, in order; for several outputs a list, one for each."""
        classes = _classes_of(self.fitted_.target)
        return list(classes) if len(classes) > 1 else classes[0]

    @property
    def n_labelled_(self) -> int:
        """Rows with a label in `fit`; a model file does not hold it."""
        if self.fitted_.n_labelled is None:
            raise AttributeError("n_labelled_ is known once the classifier is fitted; a model file does not hold it.")
        return self.fitted_.n_labelled

    @on_device
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, [n, classes], rows summing to one; for several outputs a list."""
        fitted, source = self.fitted_, self.open_rows(X)
        target = _target_of(fitted)
        shares = target.shares(fitted.expect(source, sum(target.widths)).astype(np.float64))
        shares = [_normalize(share) for share in shares]
        return shares if len(shares) > 1 else shares[0]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, [n], or [n, outputs]."""
        known = _classes_of(self.fitted_.target)
        share = self.predict_proba(X)
        if len(known) == 1:
            return known[0][share.argmax(axis=1)]
        return _stack_columns([classes[own.argmax(axis=1)] for classes, own in zip(known, share, strict=True)])

    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, and return what is known of its tables."""
        _, expected = add_supervised(graph, self.fitted_)
        target = _target_of(self.fitted_)
        shares = [_normalize(share) for share in target.shares(expected)]
        for end, share, classes in zip(_ends(shares), shares, target.classes, strict=True):
            graph.output(f"probability{end}", share, "of each class, in their order")
            graph.output(f"class{end}", graph.look_up(classes, share.argmax(axis=1)), "the most probable one")
        return self.fitted_.reader

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods answer, by the names of the outputs of the graph."""
        share, answers = self.predict_proba(X), {"code": self.transform(X)}
        shares = share if isinstance(share, list) else [share]
        for end, own, classes in zip(_ends(shares), shares, _target_of(self.fitted_).classes, strict=True):
            answers |= {f"probability{end}": own, f"class{end}": classes[own.argmax(axis=1)]}
        return answers

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of rows whose class is right, for several outputs all of them.

        Rows without a label, as in `fit`, do not count.

        Raises
        ------
        InvalidData
            If `y` holds a class that the targets of `fit` did not.
        """
        known = _classes_of(self.fitted_.target)
        predicted = self.predict(X)
        places, _ = _places(y, len(predicted), known)
        weight = np.where((places < 0).any(axis=1), 0, check_weight(sample_weight, len(places)))
        right = _stack_columns([classes[place] for classes, place in zip(known, places.T, strict=True)])
        is_right = (right == predicted.reshape(right.shape)).all(axis=1)
        return float(np.average(is_right, weights=weight))

    def check_combination(self) -> None:
        """Raise `InvalidPart` for a target that does not explain classes."""
        allowed = "'categorical', 'bernoulli', 'hinge' or 'binary_hinge'"
        is_over_classes = self.part("target").explains in ("bits", "classes")
        require(is_over_classes, "target", allowed, self.target)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        return tags


def _target_of(fitted: FittedSupervised) -> ClassTarget:
    target = fitted.target
    assert isinstance(target, ClassTarget)  # noqa: S101 -- a classifier has no other
    return target


def _classes_of(target: Target) -> Sequence[np.ndarray]:
    assert isinstance(target, ClassTarget)  # noqa: S101 -- a classifier has no other
    return target.classes


def _places(y: Any, rows: int, known: Sequence[np.ndarray] | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the places of labels in the classes, [n, outputs] int32, -1 for none, and the classes.

    `known` are the classes of the fit, None where they are learned now.
    """
    array = y if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    is_several = array.ndim == 2 and array.shape[1] > 1
    if array.ndim == 2 and array.shape[1] == 1 and known is None:
        message = "A column-vector y was passed when a 1d array was expected: it is taken as one class for each row."
        warnings.warn(message, DataConversionWarning, stacklevel=4)
    _refuse_nan(array)
    pairs = [check_labels(column, rows, NetworkClassifier.__name__) for column in (array.T if is_several else [y])]
    for labels, classes in pairs if known is None else ():
        if len(classes) < 2:
            raise InvalidData(f"y: expected at least two classes; got one class, {classes.tolist()[0]!r}.")
        if not are_classes(plain_classes(classes)):
            raise InvalidData(
                f"y: expected classes that a model file can hold, numbers or texts; got type {_type_of(classes)}. Pass "
                "np.asarray(y).astype(str)."
            )
        if is_several and (labels < 0).any():
            raise InvalidData("y has several outputs and rows without a label (-1): every output needs its class.")
    if known is not None:
        pairs = [_place_among(*pair, classes) for pair, classes in zip(pairs, known, strict=True)]
    return np.stack([labels for labels, _ in pairs], axis=1), [classes for _, classes in pairs]


def _factors(class_weight: Any, places: np.ndarray, known: Sequence[np.ndarray], weight: np.ndarray) -> np.ndarray:
    """Return the weight of each row's class, [n]; 0 where the label is missing.

    `places` [n, outputs] are those of labels in the classes, `weight` [n] that of rows.
    """
    is_known = (places >= 0).all(axis=1)
    factor = np.array(is_known, np.float64)
    if class_weight is not None:
        outputs = list(zip(known, places[is_known].T, strict=True))
        if isinstance(class_weight, str):  # scikit-learn would count rows, whatever they weigh
            balanced = [_balanced(classes, column, weight[is_known]) for classes, column in outputs]
            class_weight = balanced if len(balanced) > 1 else balanced[0]
        labels = [classes[column] for classes, column in zip(known, places[is_known].T, strict=True)]
        _check_class_weight(class_weight, known)
        try:
            weights = compute_sample_weight(class_weight, _stack_columns(labels) if len(labels) > 1 else labels[0])
            factor[is_known] = weights
        except ValueError as error:
            raise InvalidData(f"class_weight does not fit the classes: {error}") from error
    return factor


def _balanced(classes: np.ndarray, places: np.ndarray, weight: np.ndarray) -> dict[Any, float]:
    """Return the weight of each class, inverse to the sum of the weights [n] of its rows: all classes weigh as much."""
    sums = np.bincount(places, weight, len(classes))
    counts = sums > 0
    factors = np.divide(sums.sum(), counts.sum() * sums, out=np.ones(len(classes)), where=counts)
    return dict(zip(classes.tolist(), factors.tolist(), strict=True))


def _check_class_weight(class_weight: Any, known: Sequence[np.ndarray]) -> None:
    """Raise `InvalidData` for class weights of unknown classes, or below 0."""
    outputs = class_weight if isinstance(class_weight, list) else [class_weight]
    for weights, classes in zip(outputs, known, strict=False):
        for name, weight in weights.items() if isinstance(weights, dict) else ():
            if name not in classes.tolist():
                raise InvalidData(
                    f"class_weight: expected classes of y ({', '.join(map(repr, classes.tolist()))}); got {name!r}."
                )
            if not is_number(weight) or not 0 <= float(weight) < np.inf:
                raise InvalidData(f"class_weight: expected a number from 0 on for {name!r}; got {weight!r}.")


def _stack_columns(columns: list[np.ndarray]) -> np.ndarray:
    """Return columns as [n, columns], each value as it is: numbers beside texts stay numbers."""
    kinds = {column.dtype.kind for column in columns}
    return np.stack([column if len(kinds) == 1 else column.astype(object) for column in columns], axis=1)


def weights_to_json(weight: Any) -> Any:
    """Return class weights as JSON: pairs, since its keys are texts only."""
    if not isinstance(weight, dict):
        return weight
    return {"weights": [[np.asarray(name).item(), float(value)] for name, value in weight.items()]}


def weights_from_json(data: Any) -> Any:
    if data is None or isinstance(data, str):
        return data
    pairs = data.get("weights") if isinstance(data, dict) and set(data) == {"weights"} else None
    is_sound = isinstance(pairs, list) and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    is_sound = is_sound and all(type(n) in (str, bool, int, float) and type(w) is float for n, w in pairs or ())
    require(is_sound, "class_weight", "weights of classes", short(data))
    return dict(pairs or ())


def _type_of(classes: np.ndarray) -> str:
    return type(classes.flat[0]).__name__ if classes.dtype.kind == "O" else str(classes.dtype)


def _refuse_nan(labels: np.ndarray) -> None:
    is_none = np.array([label is None for label in labels.ravel().tolist()], bool).reshape(labels.shape)
    is_nan = is_missing(labels) & ~is_none
    if is_nan.any():
        rows = np.flatnonzero(is_nan.reshape(len(labels), -1).any(axis=1))
        raise InvalidData(
            f"y holds NaN (missing) in {len(rows)} row{'s' if len(rows) > 1 else ''} (first: {rows[0]}): drop them, or "
            "write -1, or None beside texts, for a row without a label."
        )


def _place_among(labels: np.ndarray, classes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as places in the classes that are known already, and these."""
    may_lack = classes.dtype.kind in "iuf" and -1 not in known  # then −1 is no class
    places = [np.flatnonzero(known == c) if c in known else [-1 if may_lack and c == -1 else -2] for c in classes]
    place = np.array([*(matches[0] for matches in places), -1], np.int32)
    labels = place[labels]
    if (labels == -2).any():
        row = int(np.flatnonzero(labels == -2)[0])
        unknown = classes[place[:-1] == -2].tolist()[0]
        raise InvalidData(
            f"y: expected classes of the fit ({', '.join(map(repr, known.tolist()[:12]))}"
            f"{', …' if len(known) > 12 else ''}); got {unknown!r} (row {row})."
        )
    return labels, known


def _ends(outputs: Sequence[Any]) -> list[str]:
    """Return what the names of answers end in, for one output nothing."""
    return [f".{place}" for place in range(len(outputs))] if len(outputs) > 1 else [""]


def _normalize(share: np.ndarray) -> np.ndarray:
    total = share.sum(axis=1, keepdims=True)
    return np.where(total > 0, share / np.maximum(total, np.finfo(float).tiny), 1 / share.shape[1])
