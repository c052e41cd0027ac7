"""The model: encoder, code, decoder, outcome. It names no variant."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import (
    LAST_STEP,
    Backbone,
    BackboneModule,
    Bottleneck,
    Code,
    Head,
    Likelihood,
    Neck,
    Outcome,
    Row,
)
from isthmus.errors import InvalidPart
from isthmus.model.mixed_input import mixed_input


class Noise(IntEnum):
    """By which number the key of a step is folded for each of its uses."""

    ENCODER = 0
    NECK = 1
    DECODER = 2
    CORRUPTION = 3
    NECK_TERMS = 4
    PENALTIES = 5  # and for each of them by its place


class Model(eqx.Module):
    """A network around a code: rows are explained by it, or a target is, or both. With `key=None` it has no noise."""

    encoder: BackboneModule
    neck: Neck
    decoder: BackboneModule | None  # None where rows are not explained
    head: Head | None
    target: Head | None = None  # None where no target is explained
    shape: tuple[int, ...] = eqx.field(static=True, default=())  # of a row
    size: int = eqx.field(static=True, default=0)  # of the code
    condition: tuple[int, ...] = eqx.field(static=True, default=())  # columns that the decoder knows beside the code
    may_be_missing: bool = eqx.field(static=True, default=False)  # rows may hold NaN
    target_may_be_missing: bool = eqx.field(static=True, default=False)
    categories: tuple[int, ...] | None = eqx.field(static=True, default=None)  # of rows of a table: how many by column
    counts: tuple[int, ...] | None = eqx.field(static=True, default=None)  # the same of any rows; None for numbers only

    def encode(
        self, x: Array, key: Array | None = None, step: Array = LAST_STEP, *, has_layer_noise: bool = True
    ) -> Code:
        """Return the code of `x` [n, d]; the noise of a key is that of the encoder's layers too, if they have it."""
        rows = jnp.nan_to_num(x) if self.may_be_missing and not self.encoder.reads_missing else x
        layers_key = fold(key, Noise.ENCODER) if has_layer_noise else None
        code = self.neck(self.encoder(rows, layers_key), fold(key, Noise.NECK), step)
        if not self.condition:
            return code
        return code._replace(condition=x.reshape(x.shape[0], -1)[:, np.array(self.condition)])

    @property
    def explanation(self) -> tuple[BackboneModule, Head]:
        """Return the decoder and the head of rows, or raise `InvalidPart` where they are not explained."""
        if self.decoder is None or self.head is None:
            raise InvalidPart("this network explains a target only: it reconstructs no rows.")
        return self.decoder, self.head

    def decode(self, draws: Array, key: Array | None = None, condition: Array | None = None) -> Outcome:
        """Return the outcome of rows, arrays [k, n, d], of codes `draws` [k, n, size] and their condition [n, c]."""
        decoder, head = self.explanation
        k, n, _ = draws.shape
        return _by_draw(head(decoder(append_condition(draws, condition), fold(key, Noise.DECODER))), k, n)

    def answer(self, draws: Array, condition: Array | None = None) -> Outcome:
        """Return the outcome of targets, arrays [k, n, t], of codes `draws` [k, n, size] and their condition [n, c]."""
        if self.target is None:
            raise InvalidPart("this network explains no target.")
        k, n, _ = draws.shape
        return _by_draw(self.target(append_condition(draws, condition)), k, n)


def append_condition(draws: Array, condition: Array | None) -> Array:
    """Return draws [k, n, size] as rows [k · n, size + c], each followed by its condition."""
    k, n, _ = draws.shape
    if condition is not None:
        draws = jnp.concatenate([draws, jnp.broadcast_to(condition, (k, *condition.shape))], axis=-1)
    return draws.reshape(k * n, -1)


def _by_draw(outcome: Outcome, k: int, n: int) -> Outcome:
    return jax.tree.map(lambda array: array.reshape(k, n, *array.shape[1:]), outcome)


def build(row: Row, encoder: Backbone, bottleneck: Bottleneck, decoder: Backbone, likelihood: Likelihood) -> Model:
    """Return the model of these parts, its weights still parameter specs."""
    condition = tuple(sorted({*encoder.condition(row), *decoder.condition(row)}))
    if decoder.condition(row) not in ((), condition):
        raise InvalidPart(
            f"the decoder must know what the encoder knows beside the code: {_named(row, condition)}. It is made for "
            f"{_named(row, decoder.condition(row))}."
        )
    down, width = build_encoder(row, encoder)
    up, end = decoder.decoder(row, bottleneck.size + len(condition))
    head = likelihood.build(row, partial(decoder.output_layer, row, end))
    neck = bottleneck.build(width)
    categories = category_counts(row)
    return Model(
        down,
        neck,
        up,
        head,
        None,
        row.shape,
        bottleneck.size,
        condition,
        row.may_be_missing,
        categories=categories,
        counts=row.categories,
    )


def category_counts(row: Row) -> tuple[int, ...] | None:
    """Return how many categories each column of a table may hold, 0 where it holds numbers; None for other rows."""
    return (row.categories or (0,) * row.size) if row.is_table else None


def build_encoder(row: Row, encoder: Backbone) -> tuple[BackboneModule, int]:
    """Return the encoder, behind a `MixedInput` where rows are those of a table, and its width."""
    if not row.is_table:
        return encoder.encoder(row)
    entry, inner = mixed_input(row, encoder.categories(row), encoder.rank_quantiles())
    known = [row.column(column) for column in encoder.condition(row)]
    if known != [inner.column(column) for column in encoder.condition(inner)]:
        raise InvalidPart(f"in a table of numbers and categories the encoder {encoder.name} must name its column.")
    module, width = encoder.encoder(inner)
    return replace(entry, road=module), width


def _named(row: Row, columns: tuple[int, ...]) -> str:
    return " and ".join(map(row.column, columns))


def fold(key: Array | None, number: int) -> Array | None:
    """Return the key for one use of those that a key has, None for None."""
    return None if key is None else jax.random.fold_in(key, number)
