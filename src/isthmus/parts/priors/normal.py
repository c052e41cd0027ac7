"""The normal prior."""

from __future__ import annotations

from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import Prior
from isthmus.errors import require


@dataclass(frozen=True)
class Normal(Prior):
    """Independent normal numbers of mean 0, whatever the label.

    Parameters
    ----------
    deviation : standard deviation of each number, above 0.

    Examples
    --------
    >>> Normal(5.0)(jax.random.key(0), n=100, size=2).shape
    (100, 2)
    """

    deviation: float = 1.0

    def __post_init__(self) -> None:
        require(self.deviation > 0, "Normal.deviation", "above 0", self.deviation)

    def __call__(self, key: Array, n: int, size: int, label: Array | None = None) -> Array:
        return self.deviation * jax.random.normal(key, (n, size))
