"""Adam."""

from __future__ import annotations

from dataclasses import dataclass

import optax

from isthmus.contracts import Optimizer, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: d = m̂ / (√v̂ + epsilon), with m̂ and v̂ the bias-corrected running means of g and g².

    Parameters
    ----------
    learning_rate : step size, above 0, or a schedule.
    beta1, beta2 : how much of the running means stays at a step, in [0, 1).
    epsilon : keeps the division finite.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization.

    Examples
    --------
    >>> str(Adam(0.01))
    'adam(0.01)'
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        require(0 <= self.beta1 < 1, "Adam.beta1", "in [0, 1)", self.beta1)
        require(0 <= self.beta2 < 1, "Adam.beta2", "in [0, 1)", self.beta2)
        require(self.epsilon > 0, "Adam.epsilon", "above 0", self.epsilon)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_adam(self.beta1, self.beta2, self.epsilon)
