"""Half a cosine."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Cosine(Schedule):
    """From `start` to `end` along half a cosine over `steps` steps, then `end`.

    value = end + (start − end) · (1 + cos(π · step / steps)) / 2.

    Parameters
    ----------
    start, end : the first and the last value.
    steps : how many steps (batches) the way takes.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts.

    Examples
    --------
    >>> round(float(Cosine(1.0, steps=10)(jnp.array(5))), 4)
    0.5
    """

    start: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        require(self.steps >= 1, "Cosine.steps", "at least 1", self.steps)

    @property
    def last_step(self) -> int:
        return self.steps

    def __call__(self, step: Array) -> Array:
        done = jnp.minimum(step / self.steps, 1)
        return self.end + (self.start - self.end) * (1 + jnp.cos(jnp.pi * done)) / 2
