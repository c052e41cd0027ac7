"""The smooth rectifier."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Softplus(Activation):
    """The smooth rectifier: a(x) = log(1 + exp(x)).

    Examples
    --------
    >>> round(float(Softplus()(jnp.array(0.0))), 4)
    0.6931
    """

    gain = 2**0.5
    span = (0.0, math.inf)

    def __call__(self, x: Array) -> Array:
        return jax.nn.softplus(x)
