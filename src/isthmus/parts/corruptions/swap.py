"""Swap noise."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Corruption
from isthmus.errors import require


@dataclass(frozen=True)
class Swap(Corruption):
    """Replace a fraction of each row's entries by the same entry of another row of the batch.

    Every value stays one that its column holds, whatever the column's scale or shape.

    Parameters
    ----------
    fraction : chance of each entry to be replaced, in [0, 1].

    References
    ----------
    Jahrer (2018), first place in the Porto Seguro safe driver prediction: a denoising autoencoder on a table.

    Examples
    --------
    >>> Swap(0.5)(jnp.array([[1.0, 10.0], [1.0, 10.0]]), jax.random.key(0)).tolist()
    [[1.0, 10.0], [1.0, 10.0]]
    """

    fraction: float = 0.15

    def __post_init__(self) -> None:
        require(0 <= self.fraction <= 1, "Swap.fraction", "in [0, 1]", self.fraction)

    def __call__(self, x: Array, key: Array) -> Array:
        which, whose = jax.random.split(key)
        rows = jax.random.randint(whose, x.shape, 0, len(x))
        other = jnp.take_along_axis(x, rows, axis=0)
        return jnp.where(jax.random.bernoulli(which, self.fraction, x.shape), other, x)

    def on_table(self, x: Array, key: Array, is_category: np.ndarray) -> Array:
        return self(x, key)
