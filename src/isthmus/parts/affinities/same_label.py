"""The same label."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Affinity
from isthmus.errors import InvalidData


@dataclass(frozen=True)
class SameLabel(Affinity):
    """φ_ij = 1 where rows i and j have the same label, 0 where they have not.

    Pairs with a row that has no label do not count in the penalties.

    Examples
    --------
    >>> SameLabel()(jnp.zeros((3, 2)), jnp.ones(3), jnp.array([0, 1, 0])).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """

    @property
    def needs_labels(self) -> bool:
        return True

    def __call__(self, x: Array, weight: Array, label: Array | None) -> Array:
        if label is None:
            raise InvalidData("the affinity same_label needs labels: call fit(X, y).")
        return (label[:, None] == label[None, :]).astype(x.dtype)
