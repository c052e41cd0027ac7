"""The absolute error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Likelihood, Outlet
from isthmus.flow import Head, Outcome, Row


@dataclass(frozen=True)
class AbsoluteError(Likelihood):
    """A linear output with the loss Σ |x − x̂|, summed over columns: log_prob is minus that, no constant added.

    A Laplace distribution with scale 1, up to a constant.

    Examples
    --------
    >>> outcome = AbsoluteErrorOutcome(jnp.array([[[1.0, 2.0]]]))
    >>> outcome.log_prob(jnp.array([[4.0, 2.0]])).tolist()
    [[-3.0]]
    """

    def build(self, row: Row, outlet: Outlet) -> Head:
        return AbsoluteErrorHead(outlet(row.size))


class AbsoluteErrorHead(Head):
    affine: Callable[[Array], Array]

    def __call__(self, features: Array) -> Outcome:
        return AbsoluteErrorOutcome(self.affine(features))


class AbsoluteErrorOutcome(Outcome):
    center: Array  # [k, n, d], the median

    def by_column(self, x: Array) -> Array:
        return -jnp.abs(x - self.center)

    def mean(self) -> Array:
        return self.center

    def sample(self, key: Array) -> Array:
        return self.center + jax.random.laplace(key, self.center.shape)
