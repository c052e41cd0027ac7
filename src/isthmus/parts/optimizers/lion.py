"""Lion."""

from __future__ import annotations

from dataclasses import dataclass

import optax

from isthmus.contracts import Optimizer, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion: d = sign(beta1 · m + (1 − beta1) · g) + weight_decay · w, then m ← beta2 · m + (1 − beta2) · g.

    Every weight moves by the same step, so the learning rate is smaller than that of Adam, three to ten times.

    Parameters
    ----------
    learning_rate : step size, above 0, or a schedule.
    beta1 : how much of the running mean is in the step, in [0, 1).
    beta2 : how much of it stays, in [0, 1).
    weight_decay : at least 0: a step takes off learning_rate · weight_decay of every weight.

    References
    ----------
    Chen et al. (2023), Symbolic discovery of optimization algorithms.

    Examples
    --------
    >>> str(Lion(1e-4, weight_decay=0.1))
    'lion(0.0001, weight_decay=0.1)'
    """

    learning_rate: float | Schedule = 3e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.beta1 < 1, "Lion.beta1", "in [0, 1)", self.beta1)
        require(0 <= self.beta2 < 1, "Lion.beta2", "in [0, 1)", self.beta2)
        require(self.weight_decay >= 0, "Lion.weight_decay", "at least 0", self.weight_decay)

    @property
    def decays(self) -> bool:
        return True

    def direction(self) -> optax.GradientTransformation:
        return optax.chain(optax.scale_by_lion(self.beta1, self.beta2), optax.add_decayed_weights(self.weight_decay))
