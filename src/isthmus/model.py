"""The model: a road down, a code, a road up, an outcome. It names no variant."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array

from isthmus.contracts import Backbone, Bottleneck, Likelihood
from isthmus.errors import InvalidPart
from isthmus.flow import LAST, Code, Head, Module, Neck, Outcome, Row
from isthmus.weights import Mirror, Slot, is_slot, slots


class Model(eqx.Module):
    """An autoencoder. With `key=None` it computes without noise."""

    encoder: Module
    neck: Neck
    decoder: Module
    head: Head
    shape: tuple[int, ...] = eqx.field(static=True)  # of a row
    size: int = eqx.field(static=True)  # of the code

    def encode(self, x: Array, key: Array | None = None, step: Array = LAST) -> Code:
        """Return the code of `x` [n, d]."""
        return self.neck(self.encoder(x, _fold(key, 0)), _fold(key, 1), step)

    def decode(self, draws: Array, key: Array | None = None) -> Outcome:
        """Return the outcome, arrays [k, n, d], of codes `draws` [k, n, size]."""
        k, n, size = draws.shape
        outcome = self.head(self.decoder(draws.reshape(k * n, size), _fold(key, 2)))
        return jax.tree.map(lambda array: array.reshape(k, n, *array.shape[1:]), outcome)


def build(row: Row, encoder: Backbone, bottleneck: Bottleneck, decoder: Backbone, likelihood: Likelihood) -> Model:
    """Return the model of these parts, its weights still slots."""
    down, width = encoder.encoder(row)
    up, end = decoder.decoder(row, bottleneck.size)
    head = likelihood.build(row, partial(decoder.outlet, row, end))
    return Model(down, bottleneck.build(width), up, head, row.shape, bottleneck.size)


def tie(model: Model) -> Model:
    """Return the model with every matrix on the way up the transpose of its mirror image on the way down.

    Raises
    ------
    InvalidPart
        If the way up does not mirror the way down, matrix by matrix.
    """
    placed = [(i, path, slot.shape) for i, (path, slot) in enumerate(slots(model).items()) if len(slot.shape) > 1]
    own = [entry for entry in placed if not entry[1].startswith("neck.rival.")]
    down = [(i, shape) for i, path, shape in own if path.startswith(("encoder.", "neck."))]
    up = {path: shape for _, path, shape in own if path.startswith(("decoder.", "head."))}
    if [shape[::-1] for _, shape in reversed(down)] != list(up.values()):
        raise InvalidPart(
            "tied weights need a decoder that mirrors the encoder, matrix by matrix: here the way down has "
            f"{[shape for _, shape in down]} and the way up {list(up.values())}. Use tied=False."
        )
    found = slots(model)
    paths = list(found)
    changed: dict[str, Any] = {}
    for path, (i, shape) in zip(up, reversed(down), strict=True):
        # Used both ways, a matrix starts between the sizes that each way asks for.
        limit = math.sqrt(found[path].limit * found[paths[i]].limit)
        changed |= {path: Mirror(i), paths[i]: Slot(shape, limit=limit, value=found[paths[i]].value)}

    def tied(path: Any, leaf: Any) -> Any:
        return changed.get(jax.tree_util.keystr(path, simple=True, separator="."), leaf)

    return jax.tree_util.tree_map_with_path(tied, model, is_leaf=is_slot)


def _fold(key: Array | None, number: int) -> Array | None:
    return None if key is None else jax.random.fold_in(key, number)
