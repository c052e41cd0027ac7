"""Masking noise whose strength varies from row to row."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Corruption
from isthmus.errors import require


@dataclass(frozen=True)
class VariedMasking(Corruption):
    """Mask a fraction of each row's entries, the fraction drawn for each row evenly from [least, most].

    What is trained so knows rows with few and with many missing values: it is the noise of an `Imputer`. Masked is what
    `masking` masks: an entry is set to zero, and in a table with missing values or categories to "missing".

    Parameters
    ----------
    least, most : range of the fraction, 0 <= least <= most <= 1.

    References
    ----------
    Gondara and Wang (2018), MIDA: multiple imputation using denoising autoencoders.
    Ivanov, Figurnov and Vetrov (2019), Variational autoencoder with arbitrary conditioning: masks of every size.

    Examples
    --------
    >>> x = VariedMasking(0.5, 0.5)(jnp.ones((1, 4)), jax.random.key(0))
    >>> sorted(set(x.ravel().tolist()))
    [0.0, 1.0]
    """

    least: float = 0.0
    most: float = 0.8

    def __post_init__(self) -> None:
        require(0 <= self.least <= 1, "VariedMasking.least", "in [0, 1]", self.least)
        require(self.least <= self.most <= 1, "VariedMasking.most", "from least to 1", self.most)

    def __call__(self, x: Array, key: Array) -> Array:
        return jnp.where(self._is_masked(x, key), 0, x)

    def on_table(self, x: Array, key: Array, is_category: np.ndarray) -> Array:
        return jnp.where(self._is_masked(x, key), jnp.nan, x)

    def _is_masked(self, x: Array, key: Array) -> Array:
        which, strength = jax.random.split(key)
        share = self.least + (self.most - self.least) * jax.random.uniform(strength, (x.shape[0],))
        share = share.reshape(-1, *(1,) * (x.ndim - 1))
        return jax.random.uniform(which, x.shape) < share
