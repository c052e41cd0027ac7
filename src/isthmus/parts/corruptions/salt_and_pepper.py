"""Salt-and-pepper noise."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Corruption
from isthmus.errors import require


@dataclass(frozen=True)
class SaltAndPepper(Corruption):
    """Set a fraction of each row's entries to the lowest or the highest value there is, each with even chance.

    Where all that is learned from lies in [0, 1], these are 0 and 1; else those of an image are the lowest and the
    highest of all pixels, and those of a table of each column.

    Parameters
    ----------
    fraction : chance of each entry to be struck, in [0, 1].
    low, high : the two values, on a scale on which the lowest is 0 and the highest 1, however rows are scaled.

    References
    ----------
    Vincent et al. (2010), Stacked denoising autoencoders.

    Examples
    --------
    >>> x = SaltAndPepper(1.0)(jnp.full((1, 4), 0.5), jax.random.key(0))
    >>> bool(jnp.all((x == 0) | (x == 1)))
    True
    """

    fraction: float = 0.3
    low: float = 0.0
    high: float = 1.0

    on_range = True

    def __post_init__(self) -> None:
        require(0 <= self.fraction <= 1, "SaltAndPepper.fraction", "in [0, 1]", self.fraction)

    def __call__(self, x: Array, key: Array) -> Array:
        # One uniform draw u an entry: u < fraction/2 is pepper, u < fraction is salt.
        u = jax.random.uniform(key, x.shape, x.dtype)
        struck = jnp.where(u < self.fraction / 2, jnp.asarray(self.low, x.dtype), self.high)
        return jnp.where(u < self.fraction, struck, x)
