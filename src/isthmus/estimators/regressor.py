"""A regressor: an encoder whose code explains numbers, or their distribution."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Array
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from isthmus.contracts import Head, Likelihood, Row
from isthmus.core.coercion import short
from isthmus.core.parameter_specs import as_data
from isthmus.data.rows import scaled_blocks
from isthmus.data.validation import check_targets, check_weight
from isthmus.errors import InvalidData, InvalidPart, require
from isthmus.estimators._device import on_device
from isthmus.estimators._supervised import Answers, Supervised
from isthmus.estimators.predictive_distribution import Distribution
from isthmus.model import inference


class NetworkRegressor(RegressorMixin, Supervised):
    """An encoder whose code explains one number or several, by any likelihood over numbers.

    Targets are brought to mean 0 and deviation 1 for training, and answers come in the units of `y`. With `pretrained`,
    training has three stages, as in `NetworkClassifier`.

    Parameters
    ----------
    encoder : the road from a row to the code, of `isthmus.backbones`; not used with `pretrained`.
    target : how the code explains `y`, of `isthmus.likelihoods`: `"squared_error"`, `"absolute_error"`; or a density,
        for `predict_dist`: `"gaussian(diagonal)"`, `"gaussian(full)"`, `"mixture"`, `"histogram"`. A likelihood over
        [0, 1], as `"bernoulli"`, takes `y` as it is.
    pretrained, frozen_epochs, corruption, scaling, text, columns : as in `NetworkClassifier`.
    reconstruction : weight of explaining the row beside the target, at least 0.
    combine : what is made of several starts: `"best"`, or `"average"` of the predictions of all.
    penalties, optimizer, batch_size, max_epochs, stops, validation_fraction, n_starts, warm_start, random_state,
    device, verbose : as in `Autoencoder`; rows are held out from 200 on, and max_epochs counts
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

    def __init__(
        self,
        encoder: Any = "mlp",
        *,
        target: Any = "squared_error",
        pretrained: Any = None,
        frozen_epochs: int = 0,
        reconstruction: float = 0.0,
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
        """Train on a table and its targets.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : numbers [n], or [n, outputs]. Of several outputs some may be NaN in a row: the others teach.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress of the last stage in.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table or the targets cannot be used as they are; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self._check_settings()
        continues = self._continues
        source = self._open(X, reset=not continues)
        if continues:
            target = self._targets(y, source.n_rows)
        else:
            target = check_targets(y, source.n_rows, type(self).__name__)
            self._learn_scale(target, check_weight(sample_weight, source.n_rows), np.asarray(y).ndim == 1)
        target = (target - self._center) / self._spread
        self._check_range(target)
        self._target_may_be_missing = bool(np.isnan(target).any())
        self._fit(X, source, Answers(target, np.ones(len(target))), sample_weight, checkpoint)
        return self

    @on_device
    def predict(self, X: Any) -> np.ndarray:
        """Return the expected target of each row in the units of `y`, [n], or [n, outputs]."""
        check_is_fitted(self)
        source = self._open(X, reset=False)
        found = (self._center + self._spread * self._expected(source, self.n_outputs_)).astype(source.dtype)
        return found[:, 0] if self._is_flat else found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², of several outputs the mean of theirs, each over the rows in which it is known.

        Raises
        ------
        InvalidData
            If the targets are none that `fit` takes, or other outputs than those of the fit.
        """
        predicted = self.predict(X)
        predicted = predicted.reshape(len(predicted), self.n_outputs_)
        target = self._targets(y, len(predicted))
        weight = check_weight(sample_weight, len(predicted))
        there = ~np.isnan(target) & (weight[:, None] > 0)
        found = [
            r2_score(target[rows, output], predicted[rows, output], sample_weight=weight[rows])
            for output, rows in enumerate(there.T)
            if rows.any()
        ]
        return float(np.mean(found))

    @on_device
    def predict_dist(self, X: Any) -> Distribution:
        """Return the distribution of each row's target in the units of `y`: mean, quantiles, intervals, densities.

        Raises
        ------
        InvalidPart
            If the target's likelihood is no density, as `squared_error`, or starts are averaged.
        """
        check_is_fitted(self)
        if self._others is not None:
            raise InvalidPart("predict_dist answers for one network, and combine='average' keeps several: use 'best'.")
        source = self._open(X, reset=False)
        answer = partial(inference.answer, jax.device_put(self._weights), as_data(self._skeleton))
        blocks = scaled_blocks(source, self._scaling, self._learned)
        outcome = jax.tree.map(lambda *arrays: np.concatenate(arrays), *inference.blockwise(answer, blocks))
        return Distribution(outcome, self._center, self._spread, self._is_flat)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _targets(self, y: Any, rows: int) -> np.ndarray:
        """Return targets [n, outputs] as `fit` takes them, with the outputs of the last fit."""
        target = check_targets(y, rows, type(self).__name__)
        if target.shape[1] != self.n_outputs_:
            raise InvalidData(f"y has {target.shape[1]} outputs, and the last fit had {self.n_outputs_}.")
        return target

    def _learn_scale(self, target: np.ndarray, weight: np.ndarray, is_flat: bool) -> None:
        """Set what brings targets [n, t] to mean 0 and deviation 1; those over a range stay as they are."""
        self.n_outputs_, self._is_flat = target.shape[1], is_flat
        self._center, self._spread = np.zeros(self.n_outputs_), np.ones(self.n_outputs_)
        if np.isfinite(self.part("target").support).any():
            return
        there = np.where(np.isnan(target), 0.0, weight[:, None])
        values, total = np.nan_to_num(target), np.maximum(there.sum(axis=0), np.finfo(float).tiny)
        self._center = (there * values).sum(axis=0) / total
        spread = np.sqrt((there * (values - self._center) ** 2).sum(axis=0) / total)
        is_constant = spread <= 10 * np.finfo(float).eps * np.abs(self._center)
        self._spread = np.where(is_constant, 1.0, spread)

    def _check_range(self, target: np.ndarray) -> None:
        low, high = self.part("target").support
        is_out = (target < low) | (target > high)
        if is_out.any():
            row, column = np.argwhere(is_out)[0]
            raise InvalidData(
                f"y holds {target[row, column]:g} (row {row}), and the likelihood {self.part('target').name} needs "
                f"values in [{low:g}, {high:g}]."
            )

    def _check_settings(self) -> None:
        super()._check_settings()
        likelihood = self.part("target")
        is_over_numbers = likelihood.explains in ("numbers", "bits")
        require(is_over_numbers, "target", "a likelihood over numbers, as 'squared_error'", self.target)

    def _target_row(self) -> Row:
        return Row((self.n_outputs_,))

    def _head(self, target_layer: Callable[[int], Callable[[Array], Array]]) -> Head:
        likelihood: Likelihood = self.part("target")
        return likelihood.build(self._target_row(), target_layer)

    def _facts(self) -> dict[str, Any]:
        return {"center": self._center.tolist(), "spread": self._spread.tolist(), "is_flat": self._is_flat}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        center, spread, is_flat = (facts.get(name) for name in ("center", "spread", "is_flat"))
        is_known = set(facts) == {"center", "spread", "is_flat"} and type(is_flat) is bool
        is_scale = _are_floats(center) and _are_floats(spread) and len(center) == len(spread) >= 1  # type: ignore[arg-type]
        is_sound = is_known and is_scale and min(spread) > 0 and (len(center) == 1 or not is_flat)  # type: ignore[arg-type]
        require(is_sound, "facts", "center, spread and is_flat of the targets", short(facts))
        self._center, self._spread, self._is_flat = np.array(center), np.array(spread), bool(is_flat)
        self.n_outputs_ = len(self._center)


def _are_floats(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is float for value in values)
