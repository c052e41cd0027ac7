"""A warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Record, Schedule, at
from isthmus.parts.schedules._timed import Timed


@dataclass(frozen=True)
class Warmup(Timed):
    """Up to `value` in a straight line over some steps or epochs: min((step + 1) / length, 1) · value.

    Parameters
    ----------
    value : what is reached, a number or a schedule; the steps of that count from 0 too, so `cosine(0.01, 1000)` ends at
        step 1000 whatever the warm-up.
    steps, epochs : how many steps (batches) or epochs the way up takes, one of them; 1000 steps where none is given.
        The last of them has all of the value.

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
    steps: int | None = None
    epochs: int | None = None

    @property
    def is_endless(self) -> bool:  # type: ignore[override]
        return isinstance(self.value, Schedule) and self.value.is_endless

    @property
    def last_step(self) -> int:
        return max(self.length - 1, self.value.last_step if isinstance(self.value, Schedule) else 0)

    def __call__(self, step: Array) -> Array:
        return jnp.minimum((step + 1.0) / self.length, 1) * at(self.value, step)

    def in_steps(self, steps_per_epoch: int) -> Warmup:
        value = self.value.in_steps(steps_per_epoch) if isinstance(self.value, Schedule) else self.value
        own = self.length if self.epochs is None else self.epochs * steps_per_epoch
        return replace(self, value=value, steps=own, epochs=None)

    def factor(self, history: Sequence[Record]) -> float:
        return self.value.factor(history) if isinstance(self.value, Schedule) else 1.0
