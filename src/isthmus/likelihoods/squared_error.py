"""The squared error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Likelihood, Outlet
from isthmus.flow import Head, Outcome, Row


@dataclass(frozen=True)
class SquaredError(Likelihood):
    """A linear output with the loss ‖x − x̂‖², summed over columns: log_prob is minus that, no constant added.

    A normal distribution with variance 1/2, up to a constant.

    Examples
    --------
    >>> outcome = SquaredErrorOutcome(jnp.array([[[1.0, 2.0]]]))
    >>> outcome.log_prob(jnp.array([[4.0, 2.0]])).tolist()
    [[-9.0]]
    """

    def build(self, row: Row, outlet: Outlet) -> Head:
        return SquaredErrorHead(outlet(row.size))


class SquaredErrorHead(Head):
    affine: Callable[[Array], Array]

    def __call__(self, features: Array) -> Outcome:
        return SquaredErrorOutcome(self.affine(features))


class SquaredErrorOutcome(Outcome):
    center: Array  # [k, n, d], the mean

    def by_column(self, x: Array) -> Array:
        return -jnp.square(x - self.center)

    def mean(self) -> Array:
        return self.center

    def sample(self, key: Array) -> Array:
        return self.center + jax.random.normal(key, self.center.shape) * 0.5**0.5
