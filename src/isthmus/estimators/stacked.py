"""`StackedAutoencoder`: autoencoders on top of each other, trained layer by layer, then as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from isthmus.core.constraints import Constraint
from isthmus.core.parameter_specs import join_weights, spec_arrays
from isthmus.data.reader import TableOptions
from isthmus.data.rows import Rows, support_of
from isthmus.data.split import ValidationSplit
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidPart, require
from isthmus.estimators._autoencoder_training import LEAST_COLUMNS, NO_VALIDATION, VALIDATION_FROM
from isthmus.estimators._code_sampler import sampler_of_training
from isthmus.estimators._device import on_device
from isthmus.estimators._encoder import learn_reader
from isthmus.estimators._estimator import Estimators
from isthmus.estimators._fitted_autoencoder import FittedAutoencoder, category_mask
from isthmus.estimators._network_parts import StackParts
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._run import FitOptions, run_training
from isthmus.estimators._seeds import seed_of
from isthmus.estimators._training import (
    TRAINING,
    TrainingParameters,
    build_job,
    known_categories,
    validation_share,
    warn_of_schedules,
)
from isthmus.estimators._validation import check_categories, check_part_labels, check_size
from isthmus.estimators._validation_data import ValidationData
from isthmus.estimators.autoencoder import STEP_BY_STEP, Autoencoder
from isthmus.model.model import Model
from isthmus.model.stack import Rescale, stack_models
from isthmus.training import loop
from isthmus.training.callbacks import Callback, Callbacks, check_callbacks

SVM_PENALTY = "weight_decay(0.001, on=target)"  # a support vector machine of C = 1 on 500 rows


@dataclass(frozen=True)
class FittedStack(FittedAutoencoder):
    """The fitted state of a stack."""

    layers: tuple[Autoencoder, ...] = ()  # as they were before the fine-tuning; a model file does not hold them


@dataclass(kw_only=True, eq=False, repr=False)
class StackedAutoencoder(Reconstructor, TrainingParameters):
    """Autoencoders trained greedily, each on the clean codes of the one below, then fine-tuned as a whole.

    Each layer is an `Autoencoder` of any kind: its corruption, penalties, likelihood, epochs and stops hold while it
    is trained. Codes are fed up without noise. Fine-tuning trains the whole, down to the likelihood of the bottom
    layer, with the terms of the top layer's code (a KL, a discriminator); noise and penalties of the layers are not in
    it. Ctrl-C while a layer is trained leaves the layers so far in `layers_`; in the fine-tuning it keeps the whole.

    Parameters
    ----------
    layers : a list of autoencoders, from the bottom to the top. Layers above the first are scaled by `"standard"`,
        `"minmax"` or `None`.
    optimizer, batch_size, max_epochs, stops, validation_fraction : of the fine-tuning, as in `Autoencoder`;
        `max_epochs=0` leaves the layers as they were trained one by one.
    random_state : seed of the fine-tuning; the layers have their own.
    device, verbose : as in `Autoencoder`.

    Attributes
    ----------
    layers_ : the fitted autoencoders as they were before the fine-tuning; not kept in a model file.
    history_, n_iter_, stop_reason_ : of the fine-tuning.
    n_components_, n_features_in_, feature_names_in_, model_ : as in `Autoencoder`, of the whole.

    References
    ----------
    Bengio et al. (2007), Greedy layer-wise training of deep networks. Vincent et al. (2010), Stacked denoising
    autoencoders.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) @ np.ones((2, 6))
    >>> stack = StackedAutoencoder([Autoencoder(4, max_epochs=9), Autoencoder(1, max_epochs=9)], max_epochs=9).fit(X)
    >>> stack.transform(X).shape, stack.reconstruct(X).shape
    ((200, 1), (200, 6))
    """

    layers: Sequence[Autoencoder] = field(default=(), kw_only=False)

    _unfinished = cast("tuple[Autoencoder, ...]", ())  # the layers so far, where Ctrl-C has ended their training
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "layers": Estimators(Autoencoder, "a list of at least one Autoencoder", "list"),
        **TRAINING,
    }

    @on_device
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        validation_data: Any = None,
        callbacks: Callbacks = None,
    ) -> Self:
        """Train the layers one by one, then the whole.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : labels [n], where a part of a layer needs them.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress of the fine-tuning in.
        validation_data, callbacks : as in `Autoencoder.fit`, of each layer and of the whole.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed, or the layers do not fit on each other.
        InvalidData
            If the table cannot be used as it is; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self.check_parameters()
        listed, apart = check_callbacks(callbacks), ValidationData.of(validation_data, self.validation_fraction)
        parts = self.resolve_parts()
        reader, source = learn_reader(X, self.table_options())
        weight = check_weight(sample_weight, source.n_rows)
        layers = self._fit_layers(X, y, sample_weight, listed, apart)
        check_size(source, weight, LEAST_COLUMNS)
        needing = [*self.layers[-1].labelled_parts()] if parts.bottleneck.needs_labels else []
        rows = Rows(source, weight, check_part_labels(needing, y, source.n_rows))
        reader = reader.with_categories(parts.read_categories(reader.row))
        check_categories(reader.row, parts.row_likelihood(reader.row))
        reader = reader.fit_scaling(parts.scaling, rows, source.dtype)
        skeleton, row = parts.build(reader.row), reader.row
        split = ValidationSplit(self._validation_share(rows, parts, apart), seed_of(self.random_state))
        likelihood = parts.row_likelihood(row)
        validation = None if apart is None else apart.rows(reader, list(needing), y)
        plan, stops = parts.plan(), parts.stops
        job = build_job(skeleton, plan, rows, reader, likelihood, self, split, stops=stops, validation=validation)
        warn_of_schedules(job)
        start = loop.start(job, _join_layers(parts, layers, skeleton)[None])
        result = run_training(job, start, row, self.to_json(), self, FitOptions(checkpoint, listed))
        self._fitted = FittedStack(
            settings=self.to_json(),
            reader=reader.with_known(known_categories(job, list(parts.read_categories(row)))),
            skeleton=skeleton,
            weights=result.weights,
            history=result.history,
            stop_reason=result.stop_reason,
            n_samples=source.n_rows,
            progress=result.progress,
            sampler=sampler_of_training(rows, y, job, reader),
            is_category=category_mask(parts, row),
            support=support_of(likelihood, row),
            layers=layers,
        )
        return self

    def to_classifier(self, head: str = "softmax", **settings: Any) -> Any:
        """Return a `NetworkClassifier` on the codes; its `fit` trains the head, then all layers.

        Parameters
        ----------
        head : `"softmax"`, `"logistic"` (a regression for each class, one for two), `"svm"` (the hinge loss, and beside
            it ‖w‖² of the head), or a likelihood over classes.
        settings : of the classifier; by default the head learns alone for 50 epochs at first.

        Examples
        --------
        >>> stack = StackedAutoencoder([Autoencoder(4), Autoencoder(2)])
        >>> stack.to_classifier("svm").target
        'hinge'
        """
        from isthmus.estimators.classifier import NetworkClassifier  # it knows all autoencoders

        target = {"softmax": "categorical", "logistic": "bernoulli", "svm": "hinge"}.get(head, head)
        own: dict[str, Any] = {"frozen_epochs": 50} | ({"penalties": SVM_PENALTY} if head == "svm" else {})
        return NetworkClassifier(target=target, pretrained=self, **(own | settings))

    @property
    def layers_(self) -> list[Autoencoder]:
        """The autoencoders as they were before the fine-tuning; those so far, where Ctrl-C ended their training."""
        if isinstance(self._fitted, FittedStack) and self._fitted.layers:
            return list(self._fitted.layers)
        if not self._unfinished:
            raise AttributeError("layers_ is known once a stack is fitted; a model file does not hold it.")
        return list(self._unfinished)

    def resolve_parts(self) -> StackParts:
        """Return what the parameters describe, every part resolved."""
        layers = tuple(layer.resolve_parts() for layer in self.layers)
        return StackParts(layers, self.part("optimizer"), self.part("stops"))

    def table_options(self) -> TableOptions:
        """Return what the parameters say of tables: what those of the bottom layer say."""
        return TableOptions(self.layers[0].columns)

    def check_combination(self) -> None:
        """Raise `InvalidPart` for layers that do not go together."""
        parts = self.resolve_parts()
        for i, layer in enumerate(parts.layers[1:], 2):
            if layer.scaling is not None and not layer.scaling.is_affine:
                raise InvalidPart(
                    f"the scaling {layer.scaling.name} of layer {i} cannot become a layer of the whole: use "
                    "'standard', 'minmax' or None above the first layer."
                )
        if parts.bottleneck.discriminator_optimizer is not None and parts.optimizer.full_batch:
            raise InvalidPart(STEP_BY_STEP)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        bottom = self.layers[0] if isinstance(self.layers, list | tuple) and self.layers else None
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = not isinstance(bottom, Autoencoder) or not bottom.tied
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _fit_layers(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        callbacks: tuple[Callback, ...],
        apart: ValidationData | None,
    ) -> tuple[Autoencoder, ...]:
        """Return the layers, each trained on the codes of the one below."""
        layers: list[Autoencoder] = []
        codes = X
        for layer in self.layers:
            # Parts that are left open are those of the whole, whatever the table is.
            whole = {name: layer.part(name) for name in ("scaling", "likelihood")}
            layer = clone(layer).set_params(**whole)
            layers.append(layer.fit(codes, y, sample_weight, validation_data=apart, callbacks=callbacks))
            if layers[-1].is_interrupted_:
                self._fitted, self._unfinished = None, tuple(layers)
                raise KeyboardInterrupt  # what was learned is in `layers_`, and no whole can be made of it
            codes = layers[-1].transform(codes)
            apart = None if apart is None else apart._replace(X=layers[-1].transform(apart.X))
        return tuple(layers)

    def _validation_share(self, rows: Rows, parts: StackParts, apart: ValidationData | None) -> float:
        if parts.bottleneck.discriminator_optimizer is None:
            return validation_share(self.validation_fraction, rows, VALIDATION_FROM)
        require(not self.validation_fraction, "validation_fraction", NO_VALIDATION, self.validation_fraction)
        require(apart is None, "validation_data", NO_VALIDATION, "a table")
        return 0.0


def _join_layers(parts: StackParts, layers: tuple[Autoencoder, ...], skeleton: Model) -> np.ndarray:
    """Return the weights of the whole that computes what the fitted layers compute, [weights]."""
    models = [layer.fitted_.model for layer in layers]
    scales = [_rescale(layer) if parts.is_scaled(i) else None for i, layer in enumerate(layers[1:], 1)]
    return np.asarray(join_weights(spec_arrays(skeleton, stack_models(models, scales))), np.float32)


def _rescale(layer: Autoencoder) -> Rescale:
    """Return the scaling that a layer has learned, as a layer of its own."""
    fitted = layer.fitted_
    center = fitted.reader.unscale(np.zeros((1, fitted.row.size)))[0]
    spread = fitted.reader.unscale(np.ones((1, fitted.row.size)))[0] - center
    return Rescale(center.astype(np.float32), spread.astype(np.float32))
