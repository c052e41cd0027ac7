"""The parts of a network, resolved once for a fit, and the model that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import (
    LAST_STEP,
    Arrays,
    Backbone,
    BackboneModule,
    Bottleneck,
    Code,
    Corruption,
    Head,
    Likelihood,
    Neck,
    Neighborhood,
    Optimizer,
    Penalty,
    Row,
    Scaling,
    Stop,
    Text,
)
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart, require
from isthmus.model.model import Model, build, build_encoder, category_counts
from isthmus.model.stack import rescale, stack_models
from isthmus.model.tying import tie
from isthmus.training.objective import Plan


@dataclass(frozen=True)
class AutoencoderParts:
    """What an autoencoder is made of."""

    bottleneck: Bottleneck
    encoder: Backbone
    decoder: Backbone | None  # None for one of the encoder's layers in reverse
    likelihood: Likelihood
    corruption: Corruption | None
    penalties: tuple[Penalty, ...]
    neighborhood: Neighborhood | None
    tied: bool
    scaling: Scaling | None
    text: Text | None
    optimizer: Optimizer
    stops: tuple[Stop, ...]

    @property
    def default_text(self) -> str | None:
        """How texts become rows where nobody says so: as the encoder reads them."""
        return "tokens" if self.encoder.reads_tokens else "tfidf"

    def read_categories(self, row: Row) -> Mapping[int, int]:
        """Return the columns that the network reads as categories 0, 1, …, and how many each may hold."""
        backbones = [self.encoder] if self.decoder is None else [self.encoder, self.decoder]
        return {column: count for backbone in backbones for column, count in backbone.categories(row).items()}

    def row_likelihood(self, row: Row) -> Likelihood:
        """Return what explains rows: the likelihood, that of their numbers only where categories stand beside them."""
        return with_categories(self.likelihood, row)

    def build(self, row: Row, bottleneck: Bottleneck | None = None) -> Model:
        """Return the model of rows, its weights still parameter specs."""
        if self.tied and row.is_table:
            raise InvalidPart("tied weights need rows of numbers, none of them NaN (missing): use tied=False.")
        decoder = self.decoder or self.encoder.reversed
        model = build(row, self.encoder, bottleneck or self.bottleneck, decoder, self.row_likelihood(row))
        return tie(model) if self.tied else model

    def learns(self, path: str) -> bool:
        """Say whether the weights at a path of the model learn."""
        return self.encoder.learns(path) and (self.decoder or self.encoder).learns(path)

    def check_facts(self, facts: Mapping[str, Any]) -> Arrays:
        """Return what the bottleneck has learned in a fit, from a file, or raise `InvalidPart`."""
        names = self.bottleneck.fact_names
        rest = {name: fact for name, fact in facts.items() if name not in names}
        require(not rest, "facts", "empty", rest)
        return self.bottleneck.check_facts({name: facts.get(name) for name in names})

    def plan(self) -> Plan:
        """Return how the model is trained."""
        return Plan(self.corruption, self.penalties, self.optimizer, self.bottleneck.discriminator_optimizer)


@dataclass(frozen=True)
class StackParts:
    """What autoencoders on top of each other are made of; the input is that of the bottom layer."""

    layers: tuple[AutoencoderParts, ...]
    optimizer: Optimizer
    stops: tuple[Stop, ...]
    text: Text | None = None
    default_text: str | None = None  # a stack reads no texts

    @property
    def scaling(self) -> Scaling | None:
        """The scaling of the input."""
        return self.layers[0].scaling

    @property
    def bottleneck(self) -> Bottleneck:
        """The bottleneck of the whole."""
        return self.layers[-1].bottleneck

    def read_categories(self, row: Row) -> Mapping[int, int]:
        """Return the columns that the network reads as categories, and how many each may hold."""
        return self.layers[0].read_categories(row)

    def row_likelihood(self, row: Row) -> Likelihood:
        """Return what explains rows."""
        return self.layers[0].row_likelihood(row)

    def is_scaled(self, layer: int) -> bool:
        """Say whether the codes are scaled before they go into a layer above the first."""
        scaling = self.layers[layer].scaling
        return scaling is not None and bool(scaling.learned)

    def build(self, row: Row) -> Model:
        """Return the model of the whole."""
        models, scales = [], []
        for layer in self.layers:
            models.append(layer.build(row))
            row = Row((models[-1].size,))
            scales.append(rescale(models[-1].size))
        return stack_models(models, [s if self.is_scaled(i) else None for i, s in enumerate(scales[:-1], 1)])

    def check_facts(self, facts: Mapping[str, Any]) -> Arrays:
        """Return what a fit has learned besides, from a file: nothing, or raise `InvalidPart`."""
        require(not facts, "facts", "empty", facts)
        return {}

    def plan(self) -> Plan:
        """Return how the whole is fine-tuned."""
        return Plan(None, (), self.optimizer, self.bottleneck.discriminator_optimizer)


@dataclass(frozen=True)
class SupervisedParts:
    """What a network is made of whose code explains a target."""

    encoder: Backbone
    target: Likelihood
    base: AutoencoderParts | StackParts | None  # of the pretrained autoencoder, whose layers it then has
    corruption: Corruption | None
    penalties: tuple[Penalty, ...]
    scaling: Scaling | None
    own_text: Text | None
    optimizer: Optimizer
    stops: tuple[Stop, ...]
    reconstruction: float  # weight of explaining rows beside the target

    @property
    def text(self) -> Text | None:
        """How texts become rows."""
        return self.own_text if self.base is None else self.base.text

    @property
    def default_text(self) -> str | None:
        """How texts become rows where nobody says so."""
        if self.base is not None:
            return self.base.default_text
        return "tokens" if self.encoder.reads_tokens else "tfidf"

    def read_categories(self, row: Row) -> Mapping[int, int]:
        """Return the columns that the network reads as categories, and how many each may hold."""
        return self.encoder.categories(row) if self.base is None else self.base.read_categories(row)

    def row_likelihood(self, row: Row) -> Likelihood | None:
        """Return what explains rows, or None where they are not explained."""
        if not self.reconstruction:
            return None
        if self.base is not None:
            return self.base.row_likelihood(row)
        is_text = row.categories and all(row.categories) and not row.is_table
        return with_categories(resolve(Likelihood, "codes" if is_text else "squared_error"), row)

    def learns(self, path: str) -> bool:
        """Say whether the weights at a path of the model learn."""
        parts = self.encoder if self.base is None else self.base
        return isinstance(parts, StackParts) or parts.learns(path)

    def build(self, row: Row, head_of: Callable[[Any], Head], target_may_be_missing: bool) -> Model:
        """Return the model; `head_of(target_layer)` gives the head of the target."""
        if self.base is None:
            encoder, size = build_encoder(row, self.encoder)
            condition = self.encoder.condition(row)
            neck: Neck = Identity()
            target_layer = partial(self.encoder.target_layer, row, size + len(condition))
            decoder: BackboneModule | None = None
            head: Head | None = None
            likelihood = self.row_likelihood(row)
            if likelihood is not None:
                decoder, end = self.encoder.reversed.decoder(row, size + len(condition))
                head = likelihood.build(row, partial(self.encoder.output_layer, row, end))
        else:
            model = self.base.build(row)
            encoder, size, condition, neck = model.encoder, model.size, model.condition, WithoutNoise(model.neck)
            decoder, head = (model.decoder, model.head) if self.reconstruction else (None, None)
            backbone = self.base.layers[0].encoder if isinstance(self.base, StackParts) else self.base.encoder
            target_layer = partial(backbone.target_layer, row, size + len(condition))
        return Model(
            encoder,
            neck,
            decoder,
            head,
            head_of(target_layer),
            row.shape,
            size,
            condition,
            row.may_be_missing,
            target_may_be_missing,
            categories=category_counts(row),
            counts=row.categories,
        )

    def plan(self) -> Plan:
        """Return how the network is trained."""
        return Plan(self.corruption, self.penalties, self.optimizer, reconstruction=self.reconstruction)


NetworkParts = AutoencoderParts | StackParts | SupervisedParts


class Identity(Neck):
    """The code is what the encoder gives."""

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        return Code(hidden[None], hidden)


class WithoutNoise(Neck):
    """The code of a neck without its noise and its terms."""

    inner: Neck

    @property
    def span(self) -> tuple[float, float]:
        return self.inner.span

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        point = self.inner(hidden, None).point
        return Code(jnp.asarray(point)[None], point)


def with_categories(part: Likelihood, row: Row) -> Likelihood:
    """Return what explains a row: the likelihood, that of its numbers only where categories stand beside them."""
    if not row.is_table or row.categories is None or part.explains == "categories":
        return part
    return resolve(Likelihood, "columns").replace(numbers=part)
