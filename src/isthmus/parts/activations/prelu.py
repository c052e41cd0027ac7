"""The parametric rectifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation, constant


@dataclass(frozen=True)
class Prelu(Activation):
    """The parametric rectifier: a(x) = x for x > 0, else slope · x, one learned slope for each unit.

    Parameters
    ----------
    start : slope before training.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers.

    Examples
    --------
    >>> Prelu(0.25)(jnp.array([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    start: float = 0.25
    gain = 2**0.5

    def build(self, width: int) -> Callable[[Array], Array]:
        return Slopes(slope=constant((width,), self.start))

    def __call__(self, x: Array) -> Array:
        return jnp.where(x > 0, x, self.start * x)


class Slopes(eqx.Module):
    slope: Array  # [width]

    def __call__(self, x: Array) -> Array:
        return jnp.where(x > 0, x, self.slope * x)
