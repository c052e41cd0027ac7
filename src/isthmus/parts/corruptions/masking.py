"""Masking noise."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Corruption
from isthmus.errors import require


@dataclass(frozen=True)
class Masking(Corruption):
    """Set a fraction of each row's entries to zero.

    With `scaling="standard"` zero is the column's mean, with `"minmax"` its minimum. In a table with missing values or
    categories it is masked to "missing", as the encoder sees what is not there.

    Parameters
    ----------
    fraction : chance of each entry to be masked, in [0, 1].

    References
    ----------
    Vincent et al. (2008), Extracting and composing robust features with denoising autoencoders.

    Examples
    --------
    >>> Masking(0.5)(jnp.ones((1, 4)), jax.random.key(0)).shape
    (1, 4)
    """

    fraction: float = 0.3

    def __post_init__(self) -> None:
        require(0 <= self.fraction <= 1, "Masking.fraction", "in [0, 1]", self.fraction)

    def __call__(self, x: Array, key: Array) -> Array:
        return jnp.where(jax.random.bernoulli(key, self.fraction, x.shape), 0, x)

    def on_table(self, x: Array, key: Array, is_category: np.ndarray) -> Array:
        return jnp.where(jax.random.bernoulli(key, self.fraction, x.shape), jnp.nan, x)
