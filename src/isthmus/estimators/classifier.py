"""A classifier: an encoder whose code explains the class."""

from __future__ import annotations

import numbers
import os
import warnings
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from sklearn.base import ClassifierMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from isthmus.contracts import Head, Likelihood, Row
from isthmus.core.coercion import short
from isthmus.data.validation import check_labels, check_weight, is_missing
from isthmus.distributions.joint import JointHead
from isthmus.errors import InvalidData, require
from isthmus.estimators._device import on_device
from isthmus.estimators._supervised import Answers, Supervised


class NetworkClassifier(ClassifierMixin, Supervised):
    """An encoder whose code explains the class, by any likelihood over classes.

    With `pretrained`, training has three stages: the autoencoder on all rows, also those without a label; the head
    alone on its codes, for `frozen_epochs`; then all layers together, for `max_epochs`.

    Parameters
    ----------
    encoder : the road from a row to the code, of `isthmus.backbones`; not used with `pretrained`.
    target : how the code explains the class, of `isthmus.likelihoods`: `"categorical"` (softmax), `"bernoulli"`
        (one logistic regression for each class), `"hinge"` (a support vector machine), `"binary_hinge"`.
    pretrained : an autoencoder whose layers are copied, encoder and code without noise, with its scaling. One that is
        fitted is taken as it is, another (also after `clone`) is fitted on the rows first.
    frozen_epochs : epochs at the start in which only the head learns.
    reconstruction : weight of explaining the row beside the class, at least 0: by the decoder and the likelihood of
        `pretrained`, else by the mirrored encoder and the squared error. Rows without a label then count too.
    class_weight : `"balanced"` (inverse to how often a class comes), a dictionary from classes to weights, or None; for
        several outputs a list of such.
    corruption : noise on the input in training, of `isthmus.corruptions`; None for none.
    scaling : of the columns; not used with `pretrained`, which has its own.
    text, columns : how texts become rows, and what the columns of a table hold, as in `Autoencoder`; not used with
        `pretrained`, which has its own.
    combine : what is made of several starts: `"best"` keeps the one with the lowest loss, held out where rows are;
        `"average"` averages the probabilities of all.
    penalties, optimizer, batch_size, max_epochs, stops, validation_fraction, n_starts, warm_start, random_state,
    device, verbose : as in `Autoencoder`; rows are held out from 200 on, and max_epochs counts
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

    _classes: list[np.ndarray] = []  # noqa: RUF012 -- never changed in place

    def __init__(
        self,
        encoder: Any = "mlp",
        *,
        target: Any = "categorical",
        pretrained: Any = None,
        frozen_epochs: int = 0,
        reconstruction: float = 0.0,
        class_weight: Any = None,
        corruption: Any = None,
        penalties: Any = (),
        scaling: Any = "standard",
        text: Any = None,
        columns: dict[str, Any] | None = None,
        optimizer: Any = "adam",
        batch_size: int | None = None,
        max_epochs: int = 100,
        stops: Any = "patience(10)",
        validation_fraction: float | None = None,
        n_starts: int = 1,
        combine: str = "best",
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
        self._store(locals())

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
        y : classes [n], numbers or texts, or [n, outputs] for several. Of one output, None and, beside two other
            classes, -1 mark a row without a label: only the pretraining, and the reconstruction, learn from it.
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
        continues = self._continues
        source = self._open(X, reset=not continues)
        places, classes = self._places(y, source.n_rows)
        if not continues:
            self._classes = classes
        self.n_labelled_ = int((places[:, 0] >= 0).sum())
        answers = Answers(places.astype(np.float64), self._factors(y, places), places[:, 0])
        self._fit(X, source, answers, sample_weight, checkpoint)
        return self

    @property
    def classes_(self) -> Any:
        """The classes, in order; for several outputs a list, one for each."""
        if not self._classes:
            raise AttributeError("classes_ is known once the classifier is fitted.")
        return self._classes if len(self._classes) > 1 else self._classes[0]

    @on_device
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, [n, classes], rows summing to one; for several outputs a list."""
        source = self._open(X, reset=False)
        widths = [len(classes) for classes in self._classes]
        share = self._expected(source, sum(widths)).astype(np.float64)
        found = [_summing_to_one(part) for part in np.split(share, np.cumsum(widths)[:-1], axis=1)]
        return found if len(found) > 1 else found[0]

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, [n], or [n, outputs]."""
        check_is_fitted(self)
        share = self.predict_proba(X)
        if len(self._classes) == 1:
            return self._classes[0][share.argmax(axis=1)]
        return _beside([c[each.argmax(axis=1)] for c, each in zip(self._classes, share, strict=True)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows whose class is right, for several outputs all of them.

        Rows without a label, as in `fit`, do not count.

        Raises
        ------
        InvalidData
            If `y` holds a class that `fit` has not seen.
        """
        check_is_fitted(self)
        predicted = self.predict(X)
        places, _ = self._places(y, len(predicted), self._classes)
        weight = np.where((places < 0).any(axis=1), 0, check_weight(sample_weight, len(places)))
        right = _beside([c[p] for c, p in zip(self._classes, places.T, strict=True)])
        is_right = (right == predicted.reshape(right.shape)).all(axis=1)
        return float(np.average(is_right, weights=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        return tags

    def _check_settings(self) -> None:
        super()._check_settings()
        allowed = "'categorical', 'bernoulli', 'hinge' or 'binary_hinge'"
        is_over_classes = self.part("target").explains in ("bits", "classes")
        require(is_over_classes, "target", allowed, self.target)
        weight = self.class_weight
        is_allowed = weight is None or isinstance(weight, dict | list) or weight == "balanced"
        require(is_allowed, "class_weight", "None, 'balanced', or a dictionary from classes to weights", weight)

    def _places(self, y: Any, rows: int, known: list[np.ndarray] | None = None) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the places of labels in the classes, [n, outputs] int32, -1 for none, and the classes."""
        known = known or (self._classes if self._continues else None)
        array = np.asarray(y)
        is_several = array.ndim == 2 and array.shape[1] > 1
        if array.ndim == 2 and array.shape[1] == 1 and known is None:
            told = "A column-vector y was passed when a 1d array was expected: it is taken as one class for each row."
            warnings.warn(told, DataConversionWarning, stacklevel=4)
        _refuse_nan(array)
        found = [check_labels(column, rows, type(self).__name__) for column in (array.T if is_several else [y])]
        for labels, classes in found if known is None else ():
            if len(classes) < 2:
                raise InvalidData(f"y holds one class only, {classes.tolist()[0]!r}: two classes are due.")
            if not _are_classes(_plain(classes)):
                raise InvalidData(
                    f"y holds classes of type {_type_of(classes)}, which no model file can hold: numbers or texts are "
                    "due, as np.asarray(y).astype(str) makes them."
                )
            if is_several and (labels < 0).any():
                raise InvalidData("y has several outputs and rows without a label (-1): every output needs its class.")
        if known is not None:
            found = [_among(*each, classes) for each, classes in zip(found, known, strict=True)]
        return np.stack([labels for labels, _ in found], axis=1), [classes for _, classes in found]

    def _factors(self, y: Any, places: np.ndarray) -> np.ndarray:
        """Return what each row's class weighs, [n]; 0 where there is none."""
        is_known = (places >= 0).all(axis=1)
        factor = np.array(is_known, np.float64)
        if self.class_weight is not None:
            several = [classes[column] for classes, column in zip(self._classes, places[is_known].T, strict=True)]
            self._check_weights()
            try:
                found = compute_sample_weight(self.class_weight, _beside(several) if len(several) > 1 else several[0])
                factor[is_known] = found
            except ValueError as error:
                raise InvalidData(f"class_weight does not fit the classes: {error}") from error
        return factor

    def _check_weights(self) -> None:
        """Raise `InvalidData` for class weights of unknown classes, or below 0."""
        several = self.class_weight if isinstance(self.class_weight, list) else [self.class_weight]
        for weights, classes in zip(several, self._classes, strict=False):
            for name, weight in weights.items() if isinstance(weights, dict) else ():
                if name not in classes.tolist():
                    raise InvalidData(
                        f"class_weight names the class {name!r}, and y holds {', '.join(map(repr, classes.tolist()))}."
                    )
                if not isinstance(weight, numbers.Real) or not 0 <= float(weight) < np.inf:
                    raise InvalidData(f"class_weight gives the class {name!r} {weight!r}: a number from 0 on is due.")

    def to_json(self) -> dict[str, Any]:
        several = self.class_weight if isinstance(self.class_weight, list) else [self.class_weight]
        told = [_told(each) for each in several]
        return super().to_json() | {"class_weight": told if isinstance(self.class_weight, list) else told[0]}

    @classmethod
    def from_json(cls, data: dict[str, Any], depth: int = 0) -> Self:
        made = super().from_json({k: v for k, v in data.items() if k != "class_weight"}, depth)
        weight: Any = data.get("class_weight")
        is_several = isinstance(weight, list)
        made.class_weight = [_taken(each) for each in weight] if is_several else _taken(weight)
        return made

    def _target_row(self) -> Row:
        return Row((sum(len(classes) for classes in self._classes),))

    def _head(self, target_layer: Callable[[int], Callable[[Array], Array]]) -> Head:
        likelihood: Likelihood = self.part("target")
        heads = tuple(likelihood.build(Row((len(classes),)), target_layer) for classes in self._classes)
        return heads[0] if len(heads) == 1 else JointHead(heads, tuple(len(classes) for classes in self._classes))

    def _encoded(self, target: np.ndarray, weight: np.ndarray) -> Any:
        one_hot = [
            jax.nn.one_hot(column.astype(np.int32), len(classes))
            for column, classes in zip(target.T, self._classes, strict=True)
        ]
        return jnp.concatenate(one_hot, axis=1)

    def _facts(self) -> dict[str, Any]:
        several = [_plain(classes) for classes in self._classes]
        return {"classes": several if len(several) > 1 else several[0]}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        classes: Any = facts.get("classes")
        is_list = set(facts) == {"classes"} and isinstance(classes, list) and len(classes) >= 2
        several = classes if is_list and isinstance(classes[0], list) else [classes]
        is_sound = is_list and all(_are_classes(each) for each in several)
        require(is_sound, "classes", "at least two, in order", classes)
        self._classes = [np.array(each) for each in several]


def _beside(columns: list[np.ndarray]) -> np.ndarray:
    """Return columns as [n, columns], each value as it is: numbers beside texts stay numbers."""
    kinds = {column.dtype.kind for column in columns}
    return np.stack([column if len(kinds) == 1 else column.astype(object) for column in columns], axis=1)


def _told(weight: Any) -> Any:
    """Return class weights as JSON: pairs, since its keys are texts only."""
    if not isinstance(weight, dict):
        return weight
    return {"weights": [[np.asarray(name).item(), float(value)] for name, value in weight.items()]}


def _taken(told: Any) -> Any:
    if told is None or isinstance(told, str):
        return told
    pairs = told.get("weights") if isinstance(told, dict) and set(told) == {"weights"} else None
    is_sound = isinstance(pairs, list) and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    is_sound = is_sound and all(type(n) in (str, bool, int, float) and type(w) is float for n, w in pairs or ())
    require(is_sound, "class_weight", "weights of classes", short(told))
    return dict(pairs or ())


def _are_classes(found: Any) -> bool:
    is_list = isinstance(found, list) and len(found) >= 2
    is_of_one_type = is_list and {type(each) for each in found} in ({str}, {bool}, {int}, {float})
    return is_of_one_type and sorted(set(found)) == found


def _plain(classes: np.ndarray) -> list[Any]:
    """Return classes as plain values of Python; those of other types as they are."""
    if classes.dtype.kind in "mM":  # NumPy would make whole numbers of some
        return list(classes)
    return [each.item() if isinstance(each, np.generic) else each for each in classes.tolist()]


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


def _among(labels: np.ndarray, found: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as places in the classes that are known already, and these."""
    none = found.dtype.kind in "iuf" and -1 not in known  # then −1 is no class
    places = [np.flatnonzero(known == c) if c in known else [-1 if none and c == -1 else -2] for c in found]
    place = np.array([*(each[0] for each in places), -1], np.int32)
    labels = place[labels]
    if (labels == -2).any():
        row = int(np.flatnonzero(labels == -2)[0])
        unseen = found[place[:-1] == -2].tolist()[0]
        raise InvalidData(
            f"y holds the class {unseen!r} (row {row}), which fit has not seen: it has seen "
            f"{', '.join(map(repr, known.tolist()[:12]))}{', …' if len(known) > 12 else ''}."
        )
    return labels, known


def _summing_to_one(share: np.ndarray) -> np.ndarray:
    total = share.sum(axis=1, keepdims=True)
    return np.where(total > 0, share / np.maximum(total, np.finfo(float).tiny), 1 / share.shape[1])
