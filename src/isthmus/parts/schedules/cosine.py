"""Half a cosine."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.parts.schedules._timed import Timed


@dataclass(frozen=True)
class Cosine(Timed):
    """From `start` to `end` along half a cosine over some steps or epochs, then `end`.

    value = end + (start − end) · (1 + cos(π · step / length)) / 2.

    Parameters
    ----------
    start, end : the first and the last value.
    steps, epochs : how many steps (batches) or epochs the way takes, one of them; 1000 steps where none is given.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts.

    Examples
    --------
    >>> round(float(Cosine(1.0, steps=10)(jnp.array(5))), 4)
    0.5
    """

    start: float
    steps: int | None = None
    end: float = 0.0
    epochs: int | None = None

    @property
    def last_step(self) -> int:
        return self.length

    def __call__(self, step: Array) -> Array:
        done = jnp.minimum(step / self.length, 1)
        return self.end + (self.start - self.end) * (1 + jnp.cos(jnp.pi * done)) / 2
