"""The model: a road down, a code, a road up, an outcome. It names no variant."""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array

from isthmus.contracts import Backbone, Bottleneck, Likelihood
from isthmus.flow import Code, Head, Module, Neck, Outcome, Row


class Model(eqx.Module):
    """An autoencoder. With `key=None` it computes without noise."""

    encoder: Module
    neck: Neck
    decoder: Module
    head: Head

    def encode(self, x: Array, key: Array | None = None) -> Code:
        """Return the code of `x` [n, d]."""
        return self.neck(self.encoder(x, _fold(key, 0)), _fold(key, 1))

    def decode(self, draws: Array, key: Array | None = None) -> Outcome:
        """Return the outcome, arrays [k, n, d], of codes `draws` [k, n, size]."""
        k, n, size = draws.shape
        outcome = self.head(self.decoder(draws.reshape(k * n, size), _fold(key, 2)))
        return jax.tree.map(lambda array: array.reshape(k, n, *array.shape[1:]), outcome)


def build(row: Row, encoder: Backbone, bottleneck: Bottleneck, decoder: Backbone, likelihood: Likelihood) -> Model:
    """Return the model of these parts, its weights still slots."""
    down, width = encoder.encoder(row)
    neck = bottleneck.build(width)
    up, end = decoder.decoder(row, bottleneck.size)
    return Model(encoder=down, neck=neck, decoder=up, head=likelihood.build(row, end))


def _fold(key: Array | None, number: int) -> Array | None:
    return None if key is None else jax.random.fold_in(key, number)
