"""Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import Corruption
from isthmus.errors import require


@dataclass(frozen=True)
class Gaussian(Corruption):
    """Add N(0, deviation²) to every entry.

    Parameters
    ----------
    deviation : standard deviation in scaled units, at least 0.

    References
    ----------
    Vincent et al. (2010), Stacked denoising autoencoders.

    Examples
    --------
    >>> Gaussian(0.1)(jnp.ones((1, 4)), jax.random.key(0)).shape
    (1, 4)
    """

    deviation: float = 0.3

    def __post_init__(self) -> None:
        require(self.deviation >= 0, "Gaussian.deviation", "at least 0", self.deviation)

    def __call__(self, x: Array, key: Array) -> Array:
        return x + self.deviation * jax.random.normal(key, x.shape, x.dtype)
