"""The heat kernel."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Affinity
from isthmus.errors import require
from isthmus.layers.pairs import mean_over_pairs, squared_distances


@dataclass(frozen=True)
class HeatKernel(Affinity):
    """φ_ij = exp(−‖x_i − x_j‖² / t), of the scaled rows: 1 where they are equal.

    Parameters
    ----------
    temperature : t, above 0, in squared units of the scaled rows. None takes the mean of ‖x_i − x_j‖² over the
        pairs of the batch, so that the scale of the rows does not matter.

    References
    ----------
    Belkin and Niyogi (2003), Laplacian eigenmaps for dimensionality reduction and data representation.

    Examples
    --------
    >>> x = jnp.array([[0.0], [1.0], [3.0]])
    >>> [round(v, 4) for v in HeatKernel(2.0)(x, jnp.ones(3), None)[0].tolist()]
    [1.0, 0.6065, 0.0111]
    """

    temperature: float | None = None

    def __post_init__(self) -> None:
        is_allowed = self.temperature is None or self.temperature > 0
        require(is_allowed, "HeatKernel.temperature", "above 0, or None", self.temperature)

    def __call__(self, x: Array, weight: Array, label: Array | None) -> Array:
        square = squared_distances(x)
        t = mean_over_pairs(square, weight) if self.temperature is None else self.temperature
        return jnp.exp(-square / jnp.where(t > 0, t, 1))
