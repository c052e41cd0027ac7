"""Models on top of each other: each encodes the codes of the one below; the whole is one model again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import equinox as eqx
import jax
from jaxtyping import Array

from isthmus.contracts import BackboneModule, Head, Neck
from isthmus.core.parameter_specs import ParameterSpec, TransposedSpec, constant, is_leaf, is_spec, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.model.model import Model


class Rescale(eqx.Module):
    """The scaling between two levels, (x − center) / spread by unit; it learns on with the rest."""

    center: Array  # [size]
    spread: Array  # [size]

    def __call__(self, x: Array) -> Array:
        return (x - self.center) / self.spread

    def undo(self, x: Array) -> Array:
        return x * self.spread + self.center


def rescale(size: int) -> Rescale:
    """Return a scaling of parameter specs that starts as the identity."""
    return Rescale(constant((size,)), constant((size,), 1.0))


class EncoderLevel(eqx.Module):
    """One level of the encoder: from rows of the model below to its codes without noise, scaled."""

    encoder: BackboneModule
    neck: Neck
    scale: Rescale | None

    def __call__(self, x: Array, key: Array | None) -> Array:
        code = self.neck(self.encoder(x, key), None).point
        return code if self.scale is None else self.scale(code)


class DecoderLevel(eqx.Module):
    """One level of the decoder: from a code to the expected row of its model, unscaled."""

    decoder: BackboneModule
    head: Head
    scale: Rescale | None

    def __call__(self, code: Array, key: Array | None) -> Array:
        row = self.head(self.decoder(code, key)).mean()
        return row if self.scale is None else self.scale.undo(row)


class StackedEncoder(BackboneModule):
    storeys: tuple[EncoderLevel, ...]
    top: BackboneModule

    def __call__(self, x: Array, key: Array | None) -> Array:
        for i, level in enumerate(self.storeys):
            x = level(x, None if key is None else jax.random.fold_in(key, i))
        return self.top(x, key)

    @property
    def reads_missing(self) -> bool:
        return (self.storeys[0].encoder if self.storeys else self.top).reads_missing


class StackedDecoder(BackboneModule):
    stairs: tuple[DecoderLevel, ...]  # from the top
    bottom: BackboneModule

    def __call__(self, x: Array, key: Array | None) -> Array:
        for i, level in enumerate(self.stairs):
            x = level(x, None if key is None else jax.random.fold_in(key, i))
        return self.bottom(x, key)


def stack_models(models: Sequence[Model], scales: Sequence[Rescale | None]) -> Model:
    """Return the models, from the bottom to the top, as one.

    Parameters
    ----------
    models : skeletons of parameter specs, or filled models; the rows of each are the codes of the one before.
    scales : of the codes between them, one fewer than models.
    """
    if any(model.condition for model in models):
        raise InvalidPart("a stack cannot hand a condition on from level to level: use backbones without one.")
    # Where a parameter spec of one model stands in the whole is found in a whole of numbered specs.
    numbered = _join([_number_specs(model, number) for number, model in enumerate(models)], scales)
    order = [spec.shape for spec in parameter_specs(numbered).values()]
    return _join([_renumber_tied(model, number, order) for number, model in enumerate(models)], scales)


def _join(models: Sequence[Model], scales: Sequence[Rescale | None]) -> Model:
    bottom, top = models[0], models[-1]
    storeys = [EncoderLevel(m.encoder, m.neck, s) for m, s in zip(models, scales, strict=False)]
    stairs = [DecoderLevel(*m.explanation, s) for m, s in zip(models[1:], scales, strict=True)]
    up = StackedEncoder(tuple(storeys), top.encoder)
    decoder, head = bottom.explanation
    down = StackedDecoder(tuple(reversed(stairs)), decoder)
    return Model(
        up,
        top.neck,
        down,
        head,
        None,
        bottom.shape,
        top.size,
        (),
        bottom.may_be_missing,
        categories=bottom.categories,
        counts=bottom.counts,
    )


def _number_specs(model: Model, number: int) -> Model:
    """Return the model with its parameter specs numbered: their shapes are (model, place, 0)."""
    places = count()
    return jax.tree.map(
        lambda leaf: ParameterSpec((number, next(places), 0)) if is_spec(leaf) else leaf, model, is_leaf=is_leaf
    )


def _renumber_tied(model: Model, number: int, order: list[tuple[int, ...]]) -> Model:
    """Return the model with its tied matrices pointing to where their parameter specs stand in the whole."""
    return jax.tree.map(
        lambda leaf: TransposedSpec(order.index((number, leaf.index, 0))) if isinstance(leaf, TransposedSpec) else leaf,
        model,
        is_leaf=is_leaf,
    )
