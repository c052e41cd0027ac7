"""Encoders over tokens in order, as texts are: a vector for each code, layers over the steps, one row in the end."""

from __future__ import annotations

import math
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import BackboneModule
from isthmus.core.affine import Affine
from isthmus.core.parameter_specs import uniform
from isthmus.layers.recurrence.layers import POOLINGS, States
from isthmus.layers.recurrence.windows import Windows


class TokenEmbedding(BackboneModule):
    """From codes [n, steps], NaN behind the end of a row, to what layers over their vectors give, pooled."""

    vectors: Array  # [values, width]
    layers: Callable[[Array, Array, Array | None], States]
    pooling: str = eqx.field(static=True)

    def __call__(self, x: Array, key: Array | None) -> Array:
        x = x.reshape(x.shape[0], -1)
        mask = ~jnp.isnan(x)
        code = jnp.where(mask, x, 0).astype(jnp.int32)
        vectors = jnp.take(self.vectors, code, axis=0, mode="clip")
        states = self.layers(jnp.where(mask[:, :, None], vectors, 0), mask, key)
        if self.pooling == "none":
            return jnp.where(mask[:, :, None], states.every, 0).reshape(x.shape[0], -1)
        return POOLINGS[self.pooling](states, mask)

    @property
    def reads_missing(self) -> bool:
        return True


class TokenOutput(BackboneModule):
    """From a code [n, size] by an affine layer to as many steps, then convolutions over them, flat."""

    affine: Affine
    activation: Callable[[Array], Array]
    layers: Windows
    steps: int = eqx.field(static=True)

    def __call__(self, x: Array, key: Array | None) -> Array:
        hidden = self.activation(self.affine(x).reshape(x.shape[0], self.steps, -1))
        return self.layers(hidden, None, key).every.reshape(x.shape[0], -1)


def vectors(values: int, width: int) -> Array:
    """Return the parameter spec of a vector for each code, that starts uniform with variance 1 / width."""
    spec: Array = uniform((values, width), math.sqrt(3 / width))
    return spec
