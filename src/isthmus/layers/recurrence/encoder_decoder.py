"""Encoders and decoders over sequences: flat rows in, cells over their steps, flat rows out."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import BackboneModule
from isthmus.core.affine import Affine
from isthmus.layers.recurrence.layers import POOLINGS, Stack, Unroll


class RecurrentEncoder(BackboneModule):
    """From rows [n, ...] of steps and features to one state a row."""

    stack: Stack
    shape: tuple[int, int] = eqx.field(static=True)  # steps, features
    pooling: str = eqx.field(static=True)
    may_be_missing: bool = eqx.field(static=True)  # a step that is NaN is none; without such, nothing is masked

    def __call__(self, x: Array, key: Array | None) -> Array:
        x = x.reshape(-1, *self.shape)
        mask = None
        if self.may_be_missing:
            present = ~jnp.isnan(x)
            x, mask = jnp.where(present, x, 0), jnp.any(present, axis=-1)
        return POOLINGS[self.pooling](self.stack(x, mask, key), mask)

    @property
    def reads_missing(self) -> bool:
        return True


class RecurrentDecoder(BackboneModule):
    """From a code [n, size] to the states of all steps, flat."""

    unroll: Unroll

    def __call__(self, x: Array, key: Array | None) -> Array:
        return self.unroll(x, key).reshape(x.shape[0], -1)


class SequenceOutput(eqx.Module):
    """From the flat end of an `Ascent` to rows [n, purposes · d], all d numbers of the first purpose first.

    One affine layer serves all steps: x W + b, columns in the order purposes, features.
    """

    affine: Affine
    steps: int = eqx.field(static=True)
    purposes: int = eqx.field(static=True)

    def __call__(self, features: Array) -> Array:
        n = features.shape[0]
        parameters = self.affine(features.reshape(n, self.steps, -1))
        return parameters.reshape(n, self.steps, self.purposes, -1).swapaxes(1, 2).reshape(n, -1)
