"""The largest entries of each row, and all others set to zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

BLOCK = 16  # units of which only the largest is looked at first


def keep_largest(x: Array, k: Array | int, most: int) -> Array:
    """Return `x` [n, size] with all but the k largest entries of each row set to zero; k, at most `most`, may be data.

    A mask, not a scatter: what stays is found from the place and the value of the last of them.
    """
    # XLA computes a slice of top_k, seen as such, by sorting whole rows: 40 times as slow.
    places = jax.lax.optimization_barrier(largest(jax.lax.stop_gradient(x), most))
    last = jax.lax.dynamic_index_in_dim(places, k - 1, axis=1)  # [n, 1]
    least = jnp.take_along_axis(x, last, axis=1)
    falls = (x < least) | ((x == least) & (jnp.arange(x.shape[1]) > last))
    return jnp.where(falls, 0, x)


def largest(x: Array, k: int) -> Array:
    """Return the places [n, k] of the k largest entries of each row, from large to small, the first of equals first.

    They stand in the k blocks with the largest maxima, of equal ones the first: k entries come before any other.
    Where the blocks are many, only those are looked at.
    """
    n, size = x.shape
    if size % BLOCK or size < 8 * BLOCK * k:
        return jax.lax.top_k(x, k)[1]
    blocks = x.reshape(n, -1, BLOCK)
    chosen = jnp.sort(jax.lax.top_k(jnp.max(blocks, axis=2), k)[1], axis=1)  # [n, k]
    candidates = jnp.take_along_axis(blocks, chosen[:, :, None], axis=1).reshape(n, k * BLOCK)
    place = jax.lax.top_k(candidates, k)[1]
    return jnp.take_along_axis(chosen, place // BLOCK, axis=1) * BLOCK + place % BLOCK
