"""Nonlinear conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from isthmus.contracts import Optimizer
from isthmus.errors import require


@dataclass(frozen=True)
class Cg(Optimizer):
    """Nonlinear conjugate gradients (Polak-Ribière) over all rows at once, through SciPy.

    One epoch is one round of at most `iterations` iterations, so that a fit can be watched, stopped and resumed
    between rounds. Noise (corruption, dropout) is drawn once and stays, so that the objective is deterministic.

    Parameters
    ----------
    iterations : at most, in one round.
    tolerance : largest entry of the gradient below which the weights count as settled.

    References
    ----------
    Polak and Ribière (1969); Nocedal and Wright (2006), Numerical optimization, chapter 5.

    Examples
    --------
    >>> str(Cg(50))
    'cg(50)'
    """

    iterations: int = 100
    tolerance: float = 1e-6
    full_batch = True

    def __post_init__(self) -> None:
        require(self.iterations >= 1, "Cg.iterations", "at least 1", self.iterations)
        require(self.tolerance >= 0, "Cg.tolerance", "at least 0", self.tolerance)

    def round(
        self, value_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray
    ) -> tuple[np.ndarray, bool]:
        options = {"maxiter": self.iterations, "gtol": self.tolerance}
        # SciPy's vectors are short for several threads, which would only get into the way of the gradient's.
        with threadpool_limits(1, user_api="blas"):
            result = minimize(value_and_gradient, start, jac=True, method="CG", options=options)
        return result.x, result.nit < self.iterations
