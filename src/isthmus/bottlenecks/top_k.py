"""A code of which only the largest units pass."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Bottleneck
from isthmus.errors import require
from isthmus.flow import Code, Neck
from isthmus.weights import Affine, affine


@dataclass(frozen=True)
class TopK(Bottleneck):
    """A linear code of `size` units of which the k largest stay as they are and the others are zero.

    Largest means signed, not by magnitude. Of equal units the first stay, so exactly k do.

    Parameters
    ----------
    size : units in the code.
    k : units that stay, from 1 to size.

    References
    ----------
    Makhzani and Frey (2013), k-sparse autoencoders.

    Examples
    --------
    >>> keep_largest(jnp.array([[1.0, -2.0, 3.0, 3.0]]), 2).tolist()
    [[0.0, 0.0, 3.0, 3.0]]
    """

    size: int
    k: int = 8

    def __post_init__(self) -> None:
        require(self.size >= 1, "TopK.size", "at least 1", self.size)
        require(1 <= self.k <= self.size, "TopK.k", f"from 1 to the size of the code, {self.size}", self.k)

    def room_for_identity(self, columns: int) -> bool:
        return self.k >= columns

    def build(self, width: int) -> Neck:
        return TopKNeck(affine(width, self.size), k=self.k)


class TopKNeck(Neck):
    affine: Affine
    k: int = eqx.field(static=True)

    def __call__(self, hidden: Array, key: Array | None) -> Code:
        point = keep_largest(self.affine(hidden), self.k)
        return Code(draws=point[None], point=point)


def keep_largest(x: Array, k: int) -> Array:
    """Return `x` [n, size] with all but the k largest entries of each row set to zero."""
    _, index = jax.lax.top_k(x, k)  # [n, k]
    rows = jnp.arange(x.shape[0])[:, None]
    return jnp.zeros_like(x).at[rows, index].set(jnp.take_along_axis(x, index, axis=1))
