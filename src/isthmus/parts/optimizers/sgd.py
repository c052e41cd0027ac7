"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import optax
from jaxtyping import Array

from isthmus.contracts import Optimizer, Schedule
from isthmus.errors import require


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Gradient descent on batches, plain, with momentum, or with Nesterov momentum.

    v ← γ v + η ∇L(W), W ← W − v, with η the learning rate of the step and γ the momentum; with Nesterov the gradient is
    taken at W − γ v, and the weights kept are W.

    Parameters
    ----------
    learning_rate : step size, above 0, or a schedule.
    momentum : how much of the last direction stays, in [0, 1).
    nesterov : look ahead along the momentum.

    References
    ----------
    Nesterov (1983); Sutskever et al. (2013), On the importance of initialization and momentum.

    Examples
    --------
    >>> str(Sgd(0.1, momentum=0.9))
    'sgd(0.1, momentum=0.9)'
    """

    learning_rate: float | Schedule = 1e-2
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.momentum < 1, "Sgd.momentum", "in [0, 1)", self.momentum)

    def direction(self) -> optax.GradientTransformation:
        return optax.trace(self.momentum)  # v / η

    def look_ahead(self, weights: Array, memory: Any, rate: Array) -> Array:
        if not self.nesterov:
            return weights
        return jax.tree.map(lambda weights, trace: weights - rate * self.momentum * trace, weights, memory.trace)

    def rescale(self, memory: Any, ratio: Array) -> Any:
        return memory._replace(trace=jax.tree.map(lambda trace: ratio * trace, memory.trace))
