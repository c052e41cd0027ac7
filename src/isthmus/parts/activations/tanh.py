"""The hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent: a(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) = 2 σ(2x) - 1, σ the logistic function.

    Examples
    --------
    >>> float(Tanh()(jnp.array(0.0)))
    0.0
    """

    gain = 1.0
    span = (-1.0, 1.0)

    def __call__(self, x: Array) -> Array:
        return jnp.tanh(x)
