"""The leaky rectifier."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """The leaky rectifier: a(x) = x for x > 0, else slope · x.

    Parameters
    ----------
    slope : slope below zero.

    Examples
    --------
    >>> LeakyRelu(0.5)(jnp.array([-1.0, 2.0])).tolist()
    [-0.5, 2.0]
    """

    slope: float = 0.01
    gain = 2**0.5

    def __call__(self, x: Array) -> Array:
        return jnp.where(x > 0, x, self.slope * x)
