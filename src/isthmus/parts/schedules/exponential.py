"""Exponential decay."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Exponential(Schedule):
    """start · rate^(step / steps).

    Parameters
    ----------
    start : the first value.
    rate : factor after each `steps` steps, above 0.
    steps : how many steps (batches) one factor takes.

    Examples
    --------
    >>> float(Exponential(1.0, rate=0.5, steps=10)(jnp.array(10)))
    0.5
    """

    start: float
    rate: float = 0.5
    steps: int = 1000

    is_endless = True

    def __post_init__(self) -> None:
        require(self.rate > 0, "Exponential.rate", "above 0", self.rate)
        require(self.steps >= 1, "Exponential.steps", "at least 1", self.steps)

    @property
    def last_step(self) -> int:
        if self.rate >= 1:
            return 0 if self.rate == 1 else int(LAST_STEP)
        return min(math.ceil(self.steps * math.log(0.01) / math.log(self.rate)), int(LAST_STEP))

    def __call__(self, step: Array) -> Array:
        return self.start * self.rate ** (step / self.steps)
