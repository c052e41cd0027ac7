"""A straight line."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.parts.schedules._timed import Timed


@dataclass(frozen=True)
class Linear(Timed):
    """From `start` to `end` in a straight line over some steps or epochs, then `end`.

    Parameters
    ----------
    start, end : the first and the last value.
    steps, epochs : how many steps (batches) or epochs the way takes, one of them; 1000 steps where none is given.

    Examples
    --------
    >>> float(Linear(1.0, 0.0, steps=10)(jnp.array(5)))
    0.5
    """

    start: float
    end: float
    steps: int | None = None
    epochs: int | None = None

    @property
    def last_step(self) -> int:
        return self.length

    def __call__(self, step: Array) -> Array:
        done = jnp.minimum(step / self.length, 1)
        return self.start + (self.end - self.start) * done
