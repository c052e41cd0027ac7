"""The Gaussian error linear unit."""

from __future__ import annotations

from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Gelu(Activation):
    """The Gaussian error linear unit: a(x) = x · Φ(x), Φ the normal distribution function.

    References
    ----------
    Hendrycks and Gimpel (2016), Gaussian error linear units.

    Examples
    --------
    >>> round(float(Gelu()(jnp.array(1.0))), 4)
    0.8413
    """

    gain = 2**0.5

    def __call__(self, x: Array) -> Array:
        return jax.nn.gelu(x, approximate=False)
