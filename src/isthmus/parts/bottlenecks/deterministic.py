"""A plain code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Activation, Affine, Bottleneck, Code, Neck, affine, spelling
from isthmus.errors import require


@dataclass(frozen=True)
class Deterministic(Bottleneck):
    """A code of `size` numbers, h = a(x W + b): undercomplete where it is smaller than the row.

    Parameters
    ----------
    size : numbers in the code, at least 1.
    activation : of the code; a linear code by default.

    Examples
    --------
    >>> Deterministic(2).build(width=32).affine.matrix.shape
    (32, 2)
    """

    size: int
    activation: Activation = spelling("identity")

    def __post_init__(self) -> None:
        require(self.size >= 1, "Deterministic.size", "at least 1", self.size)

    def build(self, width: int) -> Neck:
        return DeterministicNeck(
            affine(width, self.size, self.activation.gain),
            activation=self.activation.build(self.size),
            span=self.activation.span,
        )


class DeterministicNeck(Neck):
    affine: Affine
    activation: Callable[[Array], Array]
    span: tuple[float, float] = eqx.field(static=True, default=(-jnp.inf, jnp.inf))  # what a unit can give

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        point = self.activation(self.affine(hidden))
        return Code(draws=point[None], point=point)

    def nearest(self, code: Array) -> Array:
        return jnp.clip(code, *self.span)

    def slopes(self, hidden: Array) -> tuple[Array, Array] | None:
        before = self.affine(hidden)
        _, slope = jax.jvp(self.activation, (before,), (jnp.ones_like(before),))
        return slope, self.affine.matrix
