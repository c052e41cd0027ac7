"""The rectifier."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Relu(Activation):
    """The rectifier: a(x) = max(x, 0).

    Examples
    --------
    >>> Relu()(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    gain = 2**0.5
    span = (0.0, math.inf)

    def __call__(self, x: Array) -> Array:
        return jax.nn.relu(x)
