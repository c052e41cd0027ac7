"""Inverse decay."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class InverseTime(Schedule):
    """start / (1 + step / steps): its sum diverges and the sum of its squares does not, as SGD asks for.

    Parameters
    ----------
    start : the first value.
    steps : after how many steps (batches) half of it is left.

    References
    ----------
    Robbins and Monro (1951), A stochastic approximation method.

    Examples
    --------
    >>> float(InverseTime(1.0, steps=10)(jnp.array(10)))
    0.5
    """

    start: float
    steps: int = 1000

    is_endless = True

    def __post_init__(self) -> None:
        require(self.steps >= 1, "InverseTime.steps", "at least 1", self.steps)

    @property
    def last_step(self) -> int:
        return 99 * self.steps

    def __call__(self, step: Array) -> Array:
        return self.start / (1 + step / self.steps)
