"""Exponential decay."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import LAST_STEP
from isthmus.errors import require
from isthmus.parts.schedules._timed import Timed


@dataclass(frozen=True)
class Exponential(Timed):
    """start · rate^(step / length).

    Parameters
    ----------
    start : the first value.
    rate : factor after each length, above 0.
    steps, epochs : how many steps (batches) or epochs one factor takes, one of them; 1000 steps where none is given.

    Examples
    --------
    >>> float(Exponential(1.0, rate=0.5, steps=10)(jnp.array(10)))
    0.5
    """

    start: float
    rate: float = 0.5
    steps: int | None = None
    epochs: int | None = None

    is_endless = True

    def __post_init__(self) -> None:
        require(self.rate > 0, "Exponential.rate", "above 0", self.rate)

    @property
    def last_step(self) -> int:
        if self.rate >= 1:
            return 0 if self.rate == 1 else int(LAST_STEP)
        return min(math.ceil(self.length * math.log(0.01) / math.log(self.rate)), int(LAST_STEP))

    def __call__(self, step: Array) -> Array:
        return self.start * self.rate ** (step / self.length)
