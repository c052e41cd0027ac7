"""Autoencoders on top of each other: trained layer by layer, then as a whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone

from isthmus.contracts import Likelihood, Optimizer, Row, Stop
from isthmus.core.parameter_specs import assemble, join_weights, spec_arrays
from isthmus.core.part import Part
from isthmus.data.rows import Rows
from isthmus.errors import InvalidPart, require
from isthmus.estimators._device import on_device
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators.autoencoder import BESIDE_A_RIVAL, STEP_BY_STEP, Autoencoder
from isthmus.model.model import Model
from isthmus.model.stack import Rescale, rescale, stack_models
from isthmus.training import loop
from isthmus.training.objective import Plan


class StackedAutoencoder(Reconstructor):
    """Autoencoders trained greedily, each on the clean codes of the one below, then fine-tuned as a whole.

    Each layer is an `Autoencoder` of any kind: its corruption, penalties, likelihood, epochs and stops hold while it
    is trained. Codes are fed up without noise. Fine-tuning trains the whole, down to the likelihood of the bottom
    layer, with the terms of the top layer's code (a KL, a rival); noise and penalties of the layers are not in it.
    Ctrl-C while a layer is trained leaves the layers so far in `layers_`; in the fine-tuning it keeps the whole.

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

    one_part: ClassVar[dict[str, type[Part]]] = {"optimizer": Optimizer}
    many_parts: ClassVar[dict[str, type[Part]]] = {"stops": Stop}
    n_starts = 1

    def __init__(
        self,
        layers: Sequence[Autoencoder] = (),
        *,
        optimizer: Any = "adam",
        batch_size: int | None = None,
        max_epochs: int = 100,
        stops: Any = "patience(10)",
        validation_fraction: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.layers = layers
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.stops = stops
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @on_device
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train the layers one by one, then the whole.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : labels [n], where a part of a layer needs them.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress of the fine-tuning in.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed, or the layers do not fit on each other.
        InvalidData
            If the table cannot be used as it is; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self._check_settings()
        source = self._open(X, reset=True)
        self.layers_: list[Autoencoder] = []
        codes = X
        for layer in self.layers:
            self.layers_.append(clone(layer).fit(codes, y, sample_weight))
            if self.layers_[-1].stop_reason_ == "interrupted":
                raise KeyboardInterrupt  # what was learned is in `layers_`, and no whole can be made of it
            codes = self.layers_[-1].transform(codes)
        rows = self._begin(source, y, sample_weight)
        job = self._job(rows, self._validation_share(rows))
        self._train(job, loop.start(job, self._grown()[None]), checkpoint)
        return self

    def to_classifier(self, head: str = "softmax", **settings: Any) -> Any:
        """Return a `NetworkClassifier` on the codes; its `fit` trains the head, then all layers.

        Parameters
        ----------
        head : `"softmax"`, `"logistic"` (one regression for each class), `"svm"`, or a likelihood over classes.
        settings : of the classifier; by default the head learns alone for 50 epochs at first.

        Examples
        --------
        >>> stack = StackedAutoencoder([Autoencoder(4), Autoencoder(2)])
        >>> stack.to_classifier("svm").target
        'hinge'
        """
        from isthmus.estimators.classifier import NetworkClassifier  # it knows all autoencoders

        target = {"softmax": "categorical", "logistic": "bernoulli", "svm": "hinge"}.get(head, head)
        return NetworkClassifier(target=target, pretrained=self, **({"frozen_epochs": 50} | settings))

    @property
    def columns(self) -> Any:
        """What the columns of the table hold, as the bottom layer is told."""
        return self.layers[0].columns

    def part(self, name: str) -> Any:
        """Return the part of the whole: the input is that of the bottom layer."""
        if name in self.one_part:
            return super().part(name)
        return self.layers[0].part(name)

    def parts(self, name: str) -> tuple[Any, ...]:
        """Return the parts of a parameter that lists some; the whole has no penalties."""
        return super().parts(name) if name in self.many_parts else ()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        bottom = self.layers[0] if isinstance(self.layers, list | tuple) and self.layers else None
        tags.input_tags.allow_nan = (
            not isinstance(bottom, Autoencoder) or bottom.__sklearn_tags__().input_tags.allow_nan
        )
        return tags

    def _check_settings(self) -> None:
        is_list = isinstance(self.layers, list | tuple) and len(self.layers) > 0
        is_list = is_list and all(isinstance(layer, Autoencoder) for layer in self.layers)
        require(is_list, "layers", "a list of at least one Autoencoder", self.layers)
        for layer in self.layers:
            layer._check_settings()
        for i, layer in enumerate(self.layers[1:], 2):
            scaling = layer.part("scaling")
            if scaling is not None and not scaling.is_affine:
                raise InvalidPart(
                    f"the scaling {scaling.name} of layer {i} cannot become a layer of the whole: use 'standard', "
                    "'minmax' or None above the first layer."
                )
        super()._check_settings()
        if self.layers[-1].part("bottleneck").discriminator_optimizer is not None and self.part("optimizer").full_batch:
            raise InvalidPart(STEP_BY_STEP)

    def _plan(self) -> Plan:
        return Plan(None, (), self.part("optimizer"), self.layers[-1].part("bottleneck").discriminator_optimizer)

    def _row_likelihood(self) -> Likelihood | None:
        return self.layers[0]._likelihood(self._row)

    def _labels_of(self, y: Any, rows: int) -> np.ndarray | None:
        top = self.layers[-1]
        return top._labels_of(y, rows) if top.part("bottleneck").needs_labels else None

    def _validation_share(self, rows: Rows) -> float:
        if self.layers[-1].part("bottleneck").discriminator_optimizer is None:
            return super()._validation_share(rows)
        require(not self.validation_fraction, "validation_fraction", BESIDE_A_RIVAL, self.validation_fraction)
        return 0.0

    def _build(self, row: Row) -> Model:
        models, scales = [], []
        for layer in self.layers:
            models.append(layer._build(row))
            row = Row((models[-1].size,))
            scales.append(rescale(models[-1].size))
        return stack_models(models, [s if self._is_scaled(i) else None for i, s in enumerate(scales[:-1], 1)])

    def _is_scaled(self, number: int) -> bool:
        scaling = self.layers[number].part("scaling")
        return scaling is not None and bool(scaling.learned)

    def _grown(self) -> np.ndarray:
        """Return the weights of the whole that computes what the fitted layers compute, [weights]."""
        models = [assemble(layer._skeleton, layer._weights) for layer in self.layers_]
        scales = [_scale(layer) if self._is_scaled(i) else None for i, layer in enumerate(self.layers_[1:], 1)]
        return np.asarray(join_weights(spec_arrays(self._skeleton, stack_models(models, scales))), np.float32)


def _scale(layer: Autoencoder) -> Rescale:
    """Return the scaling that a layer has learned."""
    size = layer.n_features_in_
    center = layer._scaling.undo(layer._learned, np.zeros((1, size)))[0]
    spread = layer._scaling.undo(layer._learned, np.ones((1, size)))[0] - center
    return Rescale(center.astype(np.float32), spread.astype(np.float32))
