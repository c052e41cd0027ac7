"""The compiled steps of use: encode, decode, explain, in blocks of one size.

Every row is computed by the same program whatever its company, so a row alone, in a batch or in another order
gives the same number to the bit, and another number of rows compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from isthmus.weights import assemble

BLOCK = 512  # rows


@jax.jit
def encode(weights: Array, model: Any, x: Array) -> Array:
    """Return the point code [n, size] of `x` [n, d]."""
    return assemble(model, weights).encode(x).point


@jax.jit
def decode(weights: Array, model: Any, code: Array) -> Array:
    """Return the expected rows [n, d] of `code` [n, size]."""
    return assemble(model, weights).decode(code[None]).mean()[0]


@jax.jit
def reconstruct(weights: Array, model: Any, x: Array) -> Array:
    """Return the expected rows [n, d] of `x` [n, d]."""
    network = assemble(model, weights)
    return network.decode(network.encode(x).draws).mean()[0]


@jax.jit
def explain(weights: Array, model: Any, x: Array) -> Array:
    """Return the log-likelihood of `x` [n, d] by column, [n, d]."""
    network = assemble(model, weights)
    return network.decode(network.encode(x).draws).by_column(x)[0]


@jax.jit
def error(weights: Array, model: Any, x: Array) -> Array:
    """Return the squared difference between `x` [n, d] and its expected rows, [n, d]."""
    return (reconstruct(weights, model, x) - x) ** 2


def blockwise(function: Callable[[np.ndarray], Any], blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield `function` of the rows, `BLOCK` at a time, the last ones filled up and cut again."""
    for rows in blocks:
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            count = len(block)
            if count < BLOCK:
                block = np.concatenate([block, np.zeros((BLOCK - count, *block.shape[1:]), block.dtype)])
            yield np.asarray(function(block))[:count]
