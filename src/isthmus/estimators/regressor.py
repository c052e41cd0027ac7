"""`NetworkRegressor`: an encoder whose code explains numbers, or their distribution."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import jax
import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import r2_score

from isthmus.contracts import Likelihood
from isthmus.core.constraints import Constraint
from isthmus.data.reader import Reader
from isthmus.data.validation import check_targets, check_weight
from isthmus.errors import InvalidData, InvalidPart, require
from isthmus.estimators._device import on_device
from isthmus.estimators._graphs import add_supervised
from isthmus.estimators._run import FitOptions
from isthmus.estimators._sklearn import RegressorMixin
from isthmus.estimators._supervised import SUPERVISED, Supervised, Targets
from isthmus.estimators._targets import NumberTarget, Target
from isthmus.estimators.predictive_distribution import Distribution
from isthmus.model import inference
from isthmus.onnx.graph import Graph
from isthmus.training.callbacks import Callbacks, check_callbacks

TINY = 1e-140  # of a target: below, squares lose digits


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkRegressor(RegressorMixin, Supervised):
    """An encoder whose code explains one number or several, by any likelihood over numbers.

    Targets are brought to mean 0 and deviation 1 for training, and answers come in the units of `y`. With `pretrained`,
    training has three stages, as in `NetworkClassifier`.

    Parameters
    ----------
    encoder : from a row to the code, of `isthmus.backbones`; not used with `pretrained`.
    target : how the code explains `y`, of `isthmus.likelihoods`: `"squared_error"`, `"absolute_error"`; or a density,
        for `predict_dist`: `"gaussian(diagonal)"`, `"gaussian(full)"`, `"mixture"`, `"histogram"`. A likelihood over
        [0, 1], as `"bernoulli"`, takes `y` as it is.
    pretrained, frozen_epochs, corruption, scaling, text, columns : as in `NetworkClassifier`.
    reconstruction : weight of explaining the row beside the target, at least 0.
    combine : what is made of several starts: `"best"`, or `"average"` of the predictions of all.
    penalties, optimizer, batch_size, max_epochs, stops, validation_fraction, n_starts, warm_start, random_state,
    device, verbose : as in `Autoencoder`; a tenth of the rows is kept for validation from 200 on, and max_epochs counts
    the epochs in which all layers learn.

    Attributes
    ----------
    n_outputs_ : numbers in a target.
    pretrained_ : the fitted autoencoder, where one was given; not kept in a model file.
    n_components_, n_features_in_, feature_names_in_, history_, n_iter_, stop_reason_, model_ : as in `Autoencoder`;
        losses are those of the scaled targets.

    References
    ----------
    Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    Bishop (1994), Mixture density networks.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = NetworkRegressor(target="gaussian(diagonal)", max_epochs=60).fit(X, 5 + X[:, 0])
    >>> model.predict(X).shape, model.score(X, 5 + X[:, 0]) > 0.9
    ((200,), True)
    """

    target: str | Likelihood = "squared_error"

    target_type: ClassVar[type[Target]] = NumberTarget
    constraints: ClassVar[Mapping[str, Constraint]] = SUPERVISED

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
        """Train on a table and its targets.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : numbers [n], or [n, outputs]. Of several outputs some may be NaN in a row: the others teach.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress of the last stage in.
        validation_data : rows that are judged in place of some kept from `X`: `(X, y)`, or `(X, y, sample_weight)`.
        callbacks : as in `Autoencoder.fit`, of each stage.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table or the targets cannot be used as they are; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self.check_parameters()
        options = FitOptions(checkpoint, check_callbacks(callbacks))
        former = self._fitted if self.warm_start else None
        reader, source = self._open(X, former)
        likelihood: Likelihood = self.part("target")
        if former is not None:
            known = _numbers_of(former.target)
            values = _targets(y, source.n_rows, known)
        else:
            values = check_targets(y, source.n_rows, type(self).__name__)
            weight = check_weight(sample_weight, source.n_rows)
            known = _learn_target(likelihood, values, weight, is_flat=np.asarray(y).ndim == 1)
        values = known.scale(values)
        _check_range(likelihood, values)
        target = replace(known, may_be_missing=bool(np.isnan(values).any()))
        targets, validation = Targets(values, np.ones(len(values))), None
        if (apart := self._open_validation(validation_data, reader)) is not None:
            data, own = apart
            judged = known.scale(_targets(data.y, own.n_rows, known))
            _check_range(likelihood, judged)
            target = replace(target, may_be_missing=target.may_be_missing or bool(np.isnan(judged).any()))
            validation = *apart, Targets(judged, np.ones(len(judged)))
        self._fitted = self._train(X, source, reader, target, targets, sample_weight, options, former, validation)
        return self

    @property
    def n_outputs_(self) -> int:
        """Numbers in a target."""
        return len(_numbers_of(self.fitted_.target).center)

    @on_device
    def predict(self, X: Any) -> np.ndarray:
        """Return the expected target of each row in the units of `y`, [n], or [n, outputs]."""
        fitted, target = self.fitted_, _numbers_of(self.fitted_.target)
        source = self.open_rows(X)
        expected = target.unscale(fitted.expect(source, len(target.center))).astype(source.dtype)
        return expected[:, 0] if target.is_flat else expected

    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, and return what is known of its tables."""
        _, expected = add_supervised(graph, self.fitted_)
        target = _numbers_of(self.fitted_.target)
        predicted: Any = target.unscale(expected)
        graph.output("prediction", predicted[:, 0] if target.is_flat else predicted, "what `predict` returns")
        return self.fitted_.reader

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods answer, by the names of the outputs of the graph."""
        return {"code": self.transform(X), "prediction": self.predict(X)}

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return R², of several outputs the mean of theirs, each over the rows in which it is known.

        Raises
        ------
        InvalidData
            If `fit` would not take the targets, or they are other outputs than those of the fit.
        """
        predicted = self.predict(X)
        target = _numbers_of(self.fitted_.target)
        predicted = target.scale(predicted.reshape(len(predicted), self.n_outputs_))  # R² has no unit, and digits here
        values = target.scale(_targets(y, len(predicted), target))
        weight = check_weight(sample_weight, len(predicted))
        is_known = ~np.isnan(values) & (weight[:, None] > 0)
        scores = [
            r2_score(values[rows, output], predicted[rows, output], sample_weight=weight[rows])
            for output, rows in enumerate(is_known.T)
            if rows.any()
        ]
        return float(np.mean(scores))

    @on_device
    def predict_dist(self, X: Any) -> Distribution:
        """Return the distribution of each row's target in the units of `y`: mean, quantiles, intervals, densities.

        Raises
        ------
        InvalidPart
            If the target's likelihood is no density, as `squared_error`, or starts are averaged.
        """
        fitted, target = self.fitted_, _numbers_of(self.fitted_.target)
        if fitted.others is not None:
            raise InvalidPart("predict_dist answers for one network, and combine='average' keeps several: use 'best'.")
        blocks = fitted.reader.scale(self.open_rows(X))
        outcomes = inference.blockwise(fitted.bind(inference.answer), blocks)
        outcome = jax.tree.map(lambda *arrays: np.concatenate(arrays), *outcomes)
        return Distribution(outcome, target.center, target.spread, target.is_flat)

    def check_combination(self) -> None:
        """Raise `InvalidPart` for a target that does not explain numbers."""
        likelihood = self.part("target")
        is_over_numbers = likelihood.explains in ("numbers", "bits")
        require(is_over_numbers, "target", "a likelihood over numbers, as 'squared_error'", self.target)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


def _numbers_of(target: Target) -> NumberTarget:
    assert isinstance(target, NumberTarget)  # noqa: S101 -- a regressor has no other
    return target


def _targets(y: Any, rows: int, known: NumberTarget) -> np.ndarray:
    """Return targets [n, outputs] as `fit` takes them, with the outputs of the last fit."""
    values = check_targets(y, rows, NetworkRegressor.__name__)
    if values.shape[1] != len(known.center):
        raise InvalidData(f"y has {values.shape[1]} outputs, and the last fit had {len(known.center)}.")
    return values


def _learn_target(likelihood: Likelihood, values: np.ndarray, weight: np.ndarray, *, is_flat: bool) -> NumberTarget:
    """Return what brings targets [n, t] to mean 0 and deviation 1; those over a range stay as they are."""
    outputs = values.shape[1]
    if np.isfinite(likelihood.support).any():
        return NumberTarget(np.zeros(outputs), np.ones(outputs), is_flat)
    mass = np.where(np.isnan(values), 0.0, weight[:, None])
    known, total = np.nan_to_num(values), np.maximum(mass.sum(axis=0), np.finfo(float).tiny)
    center = (mass * known).sum(axis=0) / total
    # Of the largest difference, so that no square is too small to be a number.
    reach = np.where(mass > 0, np.abs(known - center), 0).max(axis=0)
    reach = np.where(reach < TINY, np.maximum(reach, np.finfo(float).tiny), 1.0)
    spread = reach * np.sqrt((mass * ((known - center) / reach) ** 2).sum(axis=0) / total)
    is_constant = spread <= 10 * np.finfo(float).eps * np.abs(center)
    return NumberTarget(center, np.where(is_constant, 1.0, spread), is_flat)


def _check_range(likelihood: Likelihood, values: np.ndarray) -> None:
    low, high = likelihood.support
    is_out = (values < low) | (values > high)
    if is_out.any():
        row, column = np.argwhere(is_out)[0]
        raise InvalidData(
            f"y holds {values[row, column]:g} (row {row}), and the likelihood {likelihood.name} needs values in "
            f"[{low:g}, {high:g}]."
        )
