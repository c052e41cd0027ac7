"""RMSprop."""

from __future__ import annotations

from dataclasses import dataclass

import optax

from isthmus.contracts import Optimizer, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Rmsprop(Optimizer):
    """RMSprop: d = g / √(v + epsilon), with v ← decay · v + (1 − decay) · g².

    Parameters
    ----------
    learning_rate : step size, above 0, or a schedule.
    decay : how much of the running mean stays at a step, in [0, 1).
    epsilon : keeps the division finite.

    References
    ----------
    Tieleman and Hinton (2012), Neural networks for machine learning, lecture 6.5.

    Examples
    --------
    >>> str(Rmsprop(0.01))
    'rmsprop(0.01)'
    """

    learning_rate: float | Schedule = 1e-3
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        require(0 <= self.decay < 1, "Rmsprop.decay", "in [0, 1)", self.decay)
        require(self.epsilon > 0, "Rmsprop.epsilon", "above 0", self.epsilon)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_rms(self.decay, self.epsilon)
