"""AdaGrad."""

from __future__ import annotations

from dataclasses import dataclass

import optax

from isthmus.contracts import Optimizer, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """AdaGrad: d = g / √(Σ g² + epsilon), the sum over all steps so far.

    Parameters
    ----------
    learning_rate : step size, above 0, or a schedule.
    epsilon : keeps the division finite.

    References
    ----------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods.

    Examples
    --------
    >>> str(Adagrad(0.1))
    'adagrad(0.1)'
    """

    learning_rate: float | Schedule = 1e-2
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        require(self.epsilon > 0, "Adagrad.epsilon", "above 0", self.epsilon)

    def direction(self) -> optax.GradientTransformation:
        return optax.scale_by_rss(initial_accumulator_value=0.0, eps=self.epsilon)
