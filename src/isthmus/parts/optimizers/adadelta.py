"""AdaDelta."""

from __future__ import annotations

from dataclasses import dataclass

import optax

from isthmus.contracts import Optimizer, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """AdaDelta: d = √(u + epsilon) / √(v + epsilon) · g, with running means v of g² and u of d².

    Parameters
    ----------
    learning_rate : step size, above 0, or a schedule.
    decay : how much of the running means stays at a step, in [0, 1).
    epsilon : keeps the division finite, and sets the first steps' size.

    References
    ----------
    Zeiler (2012), ADADELTA: an adaptive learning rate method.

    Examples
    --------
    >>> str(Adadelta(0.5))
    'adadelta(0.5)'
    """

    learning_rate: float | Schedule = 1.0
    decay: float = 0.9
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        require(0 <= self.decay < 1, "Adadelta.decay", "in [0, 1)", self.decay)
        require(self.epsilon > 0, "Adadelta.epsilon", "above 0", self.epsilon)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_adadelta(self.decay, self.epsilon)
