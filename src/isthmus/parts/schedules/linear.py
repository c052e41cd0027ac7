"""A straight line."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Linear(Schedule):
    """From `start` to `end` in a straight line over `steps` steps, then `end`.

    Parameters
    ----------
    start, end : the first and the last value.
    steps : how many steps (batches) the way takes.

    Examples
    --------
    >>> float(Linear(1.0, 0.0, steps=10)(jnp.array(5)))
    0.5
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        require(self.steps >= 1, "Linear.steps", "at least 1", self.steps)

    @property
    def last_step(self) -> int:
        return self.steps

    def __call__(self, step: Array) -> Array:
        done = jnp.minimum(step / self.steps, 1)
        return self.start + (self.end - self.start) * done
