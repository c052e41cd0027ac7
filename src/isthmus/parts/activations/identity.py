"""The unit as it is."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Identity(Activation):
    """The unit as it is: a(x) = x.

    Examples
    --------
    >>> Identity()(jnp.array([-1.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    gain = 1.0

    def __call__(self, x: Array) -> Array:
        return x
