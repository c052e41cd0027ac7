"""The logistic function."""

from __future__ import annotations

from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Sigmoid(Activation):
    """The logistic function: a(x) = 1 / (1 + exp(-x)).

    Examples
    --------
    >>> float(Sigmoid()(jnp.array(0.0)))
    0.5
    """

    gain = 4.0
    span = (0.0, 1.0)

    def __call__(self, x: Array) -> Array:
        return jax.nn.sigmoid(x)
