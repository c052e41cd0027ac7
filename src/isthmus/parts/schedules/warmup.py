"""A warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Record, Schedule, at
from isthmus.errors import require


@dataclass(frozen=True)
class Warmup(Schedule):
    """Up to `value` in a straight line over `steps` steps: min((step + 1) / steps, 1) · value.

    Parameters
    ----------
    value : what is reached, a number or a schedule; the steps of that count from 0 too, so `cosine(0.01, 1000)` ends at
        step 1000 whatever the warm-up.
    steps : how many steps (batches) the way up takes: the last of them has all of the value.

    References
    ----------
    Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour.

    Examples
    --------
    >>> schedule = Warmup(0.5, steps=10)
    >>> [round(float(schedule(jnp.array(step))), 4) for step in (0, 4, 9, 10)]
    [0.05, 0.25, 0.5, 0.5]
    """

    value: float | Schedule
    steps: int

    def __post_init__(self) -> None:
        require(self.steps >= 1, "Warmup.steps", "at least 1", self.steps)

    @property
    def is_endless(self) -> bool:  # type: ignore[override]
        return isinstance(self.value, Schedule) and self.value.is_endless

    @property
    def last_step(self) -> int:
        return max(self.steps - 1, self.value.last_step if isinstance(self.value, Schedule) else 0)

    def __call__(self, step: Array) -> Array:
        return jnp.minimum((step + 1.0) / self.steps, 1) * at(self.value, step)

    def factor(self, history: Sequence[Record]) -> float:
        return self.value.factor(history) if isinstance(self.value, Schedule) else 1.0
