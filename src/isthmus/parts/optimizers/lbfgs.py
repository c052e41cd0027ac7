"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from isthmus.contracts import Optimizer
from isthmus.errors import require, require_within

MOST_MEMORY = 1000  # steps that are remembered


@dataclass(frozen=True)
class Lbfgs(Optimizer):
    """Limited-memory BFGS over all rows at once, through SciPy.

    One epoch is one round of at most `iterations` iterations, so that a fit can be watched, stopped and resumed
    between rounds. Noise (corruption, dropout) is drawn once and stays, so that the objective is deterministic.

    Parameters
    ----------
    iterations : at most, in one round.
    memory : pairs of steps and gradients kept.
    tolerance : relative fall of the loss below which the weights count as settled.

    References
    ----------
    Liu and Nocedal (1989), On the limited memory BFGS method.

    Examples
    --------
    >>> str(Lbfgs(50))
    'lbfgs(50)'
    """

    iterations: int = 100
    memory: int = 20
    tolerance: float = 1e-9
    full_batch = True

    def __post_init__(self) -> None:
        require(self.iterations >= 1, "Lbfgs.iterations", "at least 1", self.iterations)
        require(self.tolerance >= 0, "Lbfgs.tolerance", "at least 0", self.tolerance)
        require_within(self.memory, 1, MOST_MEMORY, "Lbfgs.memory")

    def round(
        self, value_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray
    ) -> tuple[np.ndarray, bool]:
        options = {
            "maxiter": self.iterations,
            "maxcor": self.memory,
            "ftol": self.tolerance,
            "gtol": 0.0,
            "maxfun": 20 * self.iterations,
        }
        # SciPy's vectors are short for several threads, which would only get into the way of the gradient's.
        with threadpool_limits(1, user_api="blas"):
            result = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        return result.x, result.nit < self.iterations
