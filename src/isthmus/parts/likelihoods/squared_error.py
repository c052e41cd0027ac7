"""The squared error."""

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


@dataclass(frozen=True)
class SquaredError(Likelihood):
    """A linear output with the loss ‖x − x̂‖², summed over columns: log_prob is minus that, no constant added.

    A normal distribution with variance 1/2, up to a constant.

    Parameters
    ----------
    output : activation of the output, linear by default, so that no scale is asked of the rows. With `"sigmoid"` they
        must lie in [0, 1], with `"tanh"` in [-1, 1], with `"relu"` and `"softplus"` from 0 on.

    Examples
    --------
    >>> outcome = SquaredErrorOutcome(jnp.array([[[1.0, 2.0]]]))
    >>> outcome.log_prob(jnp.array([[4.0, 2.0]])).tolist()
    [[-9.0]]
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
        return SquaredErrorHead(output_layer(row.size), self.output.build(row.size))

    def unit(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        counts = ~np.isnan(x) * weight[:, None]
        total = np.maximum(counts.sum(axis=0), 1e-12)
        mean = (np.nan_to_num(x) * counts).sum(axis=0) / total
        variance: np.ndarray = (np.square(np.nan_to_num(x) - mean) * counts).sum(axis=0) / total
        return variance


class SquaredErrorHead(Head):
    affine: Callable[[Array], Array]
    output: Callable[[Array], Array]

    def __call__(self, features: Array) -> Outcome:
        return SquaredErrorOutcome(self.output(self.affine(features)))


class SquaredErrorOutcome(Outcome):
    log_constant = -0.5 * math.log(math.pi)  # of N(x̂, 1/2)

    center: Array  # [k, n, d], the mean

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(lambda x: -jnp.square(x - self.center), x, observed)

    def mean(self) -> Array:
        return self.center

    def sample(self, key: Array) -> Array:
        return self.center + jax.random.normal(key, self.center.shape) * 0.5**0.5
