"""The pairs of a batch's rows: their distances, how they go together, and means over them."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Affinity, ForwardPass
from isthmus.layers.points import row_points

Over = Literal["pairs", "rows"]
"""What a sum over pairs is divided by."""


def squared_distances(points: Array) -> Array:
    """Return ‖p_i − p_j‖² [..., n, n] of `points` [..., n, d], from their products: fast, also backwards.

    Points nearer than rounding can tell apart are 0 apart, and so is the slope there.

    Examples
    --------
    >>> squared_distances(jnp.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    centered = points - jax.lax.stop_gradient(jnp.mean(points, axis=-2, keepdims=True))
    square = jnp.sum(jnp.square(centered), axis=-1)
    both = square[..., :, None] + square[..., None, :]
    product = jnp.matmul(centered, jnp.swapaxes(centered, -1, -2), precision="highest")
    apart = both - 2 * product
    return jnp.where(apart > 16 * jnp.finfo(points.dtype).eps * both, apart, 0)


def root(square: Array) -> Array:
    """Return the square root, with slope 0 at 0."""
    is_zero = square <= 0
    return jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, square)))


def pair_weights(weight: Array) -> Array:
    """Return how much each pair counts, [n, n]: the product of its rows' weights, and 0 for a row with itself."""
    return jnp.outer(weight, weight) * (1 - jnp.eye(len(weight), dtype=weight.dtype))


def mean_over_pairs(terms: Array, weight: Array, over: Over = "pairs") -> Array:
    """Return the weighted mean of `terms` [..., n, n] over the pairs of rows, and over what stands before.

    With `over="rows"` the sum over the pairs i < j is divided by the number of rows.
    """
    counts = pair_weights(weight)
    total = jnp.sum(counts) if over == "pairs" else 2 * jnp.sum(weight)
    return jnp.mean(jnp.sum(counts * terms, axis=(-2, -1))) / jnp.where(total > 0, total, 1)


def related(forward: ForwardPass, affinity: Affinity) -> tuple[Array, Array]:
    """Return φ [n, n] of a batch, and the rows' weights [n], 0 where the affinity needs a label and there is none.

    The affinity is given rows as points: see `layers/points.py`.
    """
    batch, weight = forward.batch, forward.batch.weight
    if affinity.needs_labels:
        weight = weight if batch.label is None else jnp.where(batch.label >= 0, weight, 0)
        return affinity(batch.x, weight, batch.label), weight
    points = batch.x
    if forward.counts is not None or forward.observed is not None:
        points = row_points(forward.rows, forward.counts, weight, is_table=forward.is_table)
    return affinity(points, weight, batch.label), weight
