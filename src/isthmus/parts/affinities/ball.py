"""The ball around each row."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Affinity
from isthmus.errors import require
from isthmus.layers.pairs import pair_weights, squared_distances

HALVINGS = 32


@dataclass(frozen=True)
class Ball(Affinity):
    """φ_ij = 1 where ‖x_i − x_j‖ ≤ ε, else 0, of the scaled rows; where ‖x_i − x_j‖² ≤ ε is asked for, it is ball(√ε).

    Parameters
    ----------
    radius : ε, above 0, in units of the scaled rows. None takes the smallest that holds the share of the pairs.
    share : of the pairs of the batch that are near, in (0, 1]; only where `radius` is None.

    References
    ----------
    Belkin and Niyogi (2003), Laplacian eigenmaps for dimensionality reduction and data representation.

    Examples
    --------
    >>> Ball(2.0)(jnp.array([[0.0], [1.0], [3.0]]), jnp.ones(3), None).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """

    radius: float | None = None
    share: float = 0.1

    def __post_init__(self) -> None:
        require(self.radius is None or self.radius > 0, "Ball.radius", "above 0, or None", self.radius)
        require(0 < self.share <= 1, "Ball.share", "in (0, 1]", self.share)

    def __call__(self, x: Array, weight: Array, label: Array | None) -> Array:
        square = squared_distances(x)
        limit = self._limit(square, weight) if self.radius is None else jnp.square(self.radius)
        return (square <= limit).astype(x.dtype)

    def _limit(self, square: Array, weight: Array) -> Array:
        """Return the squared radius; halving takes a tenth of the time of sorting."""
        counts = pair_weights(weight)
        needed = self.share * jnp.sum(counts)

        def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bounds
            middle = (low + high) / 2
            is_enough = jnp.sum(counts * (square <= middle)) >= needed
            return jnp.where(is_enough, low, middle), jnp.where(is_enough, middle, high)

        most = jnp.max(jnp.where(counts > 0, square, 0))
        return jax.lax.fori_loop(0, HALVINGS, halve, (jnp.zeros_like(most), most))[1]
