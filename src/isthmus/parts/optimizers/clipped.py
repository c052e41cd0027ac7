"""Gradient clipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import optax
from jaxtyping import Array

from isthmus.contracts import Optimizer, Schedule
from isthmus.core.spelling import spelling
from isthmus.errors import InvalidPart, require


@dataclass(frozen=True)
class Clipped(Optimizer):
    """Another optimizer, given gradients of limited size: g · min(1, limit / ‖g‖), or each entry within ±limit.

    The norm is that of the gradient of the whole network, of the mean loss of a batch.

    Parameters
    ----------
    optimizer : what the gradient is given to, one that goes step by step.
    limit : the largest norm, or the largest size of an entry, above 0.
    by : `"norm"` or `"value"`.

    References
    ----------
    Pascanu et al. (2013), On the difficulty of training recurrent neural networks.

    Examples
    --------
    >>> str(Clipped("adam(0.01)", 5.0))
    'clipped(adam(0.01), limit=5.0)'
    """

    optimizer: Optimizer = spelling("adam")
    limit: float = 1.0
    by: Literal["norm", "value"] = "norm"

    def __post_init__(self) -> None:
        require(self.limit > 0, "Clipped.limit", "above 0", self.limit)
        if self.optimizer.full_batch:
            raise InvalidPart(
                f"clipped needs an optimizer that goes step by step, as 'adam': {self.optimizer.name} searches along "
                "its direction, whatever its size."
            )

    @property
    def learning_rate(self) -> float | Schedule:  # type: ignore[override]
        return self.optimizer.learning_rate

    @property
    def takes_blocks(self) -> bool:  # type: ignore[override]
        return self.optimizer.takes_blocks

    @property
    def decays(self) -> bool:
        return self.optimizer.decays

    def direction(self) -> optax.GradientTransformation:
        clip = optax.clip_by_global_norm if self.by == "norm" else optax.clip
        return optax.chain(clip(self.limit), self.optimizer.direction())

    def look_ahead(self, weights: Array, memory: Any, rate: Array) -> Array:
        return self.optimizer.look_ahead(weights, memory[1], rate)

    def rescale(self, memory: Any, ratio: Array) -> Any:
        return memory[0], self.optimizer.rescale(memory[1], ratio)
