"""The exponential linear unit."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Elu(Activation):
    """The exponential linear unit: a(x) = x for x > 0, else alpha · (exp(x) - 1).

    Parameters
    ----------
    alpha : the limit far below zero is -alpha.

    References
    ----------
    Clevert et al. (2015), Fast and accurate deep network learning by exponential linear units.

    Examples
    --------
    >>> round(float(Elu()(jnp.array(-1.0))), 4)
    -0.6321
    """

    alpha: float = 1.0
    gain = 2**0.5

    def __call__(self, x: Array) -> Array:
        # Zero in the branch that is not taken keeps it finite, and so its gradient; min(x, 0) would halve it at 0.
        return jnp.where(x > 0, x, self.alpha * jnp.expm1(jnp.where(x > 0, 0, x)))
