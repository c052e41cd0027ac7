"""Inverse decay."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.parts.schedules._timed import Timed


@dataclass(frozen=True)
class InverseTime(Timed):
    """start / (1 + step / length): its sum diverges and the sum of its squares does not, as SGD asks for.

    Parameters
    ----------
    start : the first value.
    steps, epochs : after how many steps (batches) or epochs half of it is left, one of them; 1000 steps where none is
        given.

    References
    ----------
    Robbins and Monro (1951), A stochastic approximation method.

    Examples
    --------
    >>> float(InverseTime(1.0, steps=10)(jnp.array(10)))
    0.5
    """

    start: float
    steps: int | None = None
    epochs: int | None = None

    is_endless = True

    @property
    def last_step(self) -> int:
        return 99 * self.length

    def __call__(self, step: Array) -> Array:
        return self.start / (1 + step / self.length)
