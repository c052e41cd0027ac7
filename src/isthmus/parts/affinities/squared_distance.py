"""The squared distance."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Affinity
from isthmus.layers.pairs import squared_distances


@dataclass(frozen=True)
class SquaredDistance(Affinity):
    """φ_ij = ‖x_i − x_j‖², of the scaled rows: large where rows are far from each other.

    Examples
    --------
    >>> SquaredDistance()(jnp.array([[0.0, 0.0], [3.0, 4.0]]), jnp.ones(2), None).tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """

    def __call__(self, x: Array, weight: Array, label: Array | None) -> Array:
        return squared_distances(x)
