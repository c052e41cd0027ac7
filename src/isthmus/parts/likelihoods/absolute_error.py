"""The absolute error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import (
    Activation,
    Explained,
    Head,
    Likelihood,
    Outcome,
    OutputLayer,
    Row,
    spelling,
    where_observed,
)
from isthmus.distributions.quantiles import quantiles


@dataclass(frozen=True)
class AbsoluteError(Likelihood):
    """A linear output with the loss Σ |x − x̂|, summed over columns: log_prob is minus that, no constant added.

    A Laplace distribution with scale 1, up to a constant.

    Parameters
    ----------
    output : activation of the output, linear by default, so that no scale is asked of the rows. With `"sigmoid"` they
        must lie in [0, 1], with `"tanh"` in [-1, 1], with `"relu"` and `"softplus"` from 0 on.

    Examples
    --------
    >>> outcome = AbsoluteErrorOutcome(jnp.array([[[1.0, 2.0]]]))
    >>> outcome.log_prob(jnp.array([[4.0, 2.0]])).tolist()
    [[-3.0]]
    """

    output: Activation = spelling("identity")

    is_bounded_below = True

    @property
    def explains(self) -> Explained:
        return "bits" if self.support == (0.0, 1.0) else "numbers"

    @property
    def support(self) -> tuple[float, float]:
        return self.output.span

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return AbsoluteErrorHead(output_layer(row.size), self.output.build(row.size))

    def unit(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        counts = ~np.isnan(x) * weight[:, None]
        median = quantiles(x, weight, np.array([0.5]))[0]
        totals: np.ndarray = (np.abs(np.nan_to_num(x) - median) * counts).sum(axis=0)
        return totals / np.maximum(counts.sum(axis=0), 1e-12)


class AbsoluteErrorHead(Head):
    affine: Callable[[Array], Array]
    output: Callable[[Array], Array]

    def __call__(self, features: Array) -> Outcome:
        return AbsoluteErrorOutcome(self.output(self.affine(features)))


class AbsoluteErrorOutcome(Outcome):
    log_constant = -math.log(2)  # of a Laplace distribution

    center: Array  # [k, n, d], the median

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(lambda x: -jnp.abs(x - self.center), x, observed)

    def mean(self) -> Array:
        return self.center

    def sample(self, key: Array) -> Array:
        return self.center + jax.random.laplace(key, self.center.shape)
