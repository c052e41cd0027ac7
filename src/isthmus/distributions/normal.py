"""Normal distributions, each column by itself."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array

from isthmus.contracts import Density, where_observed

UNIT = math.log(math.e - 1)  # softplus(UNIT) = 1: training begins near a standard deviation of 1
HALF_LOG = 0.5 * math.log(2 * math.pi)


def deviation_of(spread: Array, least: float) -> Array:
    """Return a standard deviation above `least` for a number without bounds: about 1 for 0."""
    return least + jax.nn.softplus(spread + UNIT)


def log_normal(x: Array, center: Array, deviation: Array) -> Array:
    """Return the log-density of N(center, deviation²) at `x`."""
    return -0.5 * ((x - center) / deviation) ** 2 - jnp.log(deviation) - HALF_LOG


def distance(gap: Array, deviation: Array) -> Array:
    """Return E |u| of u from N(gap, deviation²)."""
    z = gap / deviation
    return 2 * deviation * jnp.exp(-0.5 * z**2 - HALF_LOG) + gap * (2 * ndtr(z) - 1)


class NormalOutcome(Density):
    center: Array  # [k, n, d], the mean
    deviation: Array  # [k, n, d]

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(lambda x: log_normal(x, self.center, self.deviation), x, observed)

    def marginal_log_prob(self, x: Array) -> Array:
        return self.log_prob_by_column(x)

    def mean(self) -> Array:
        return self.center

    def variance(self) -> Array:
        return self.deviation**2

    def cdf(self, x: Array) -> Array:
        return ndtr((x - self.center) / self.deviation)

    def quantile(self, q: Array) -> Array:
        return self.center + self.deviation * ndtri(q)

    def crps(self, x: Array) -> Array:
        # E |X − x| − E |X − X'| / 2, and X − X' is N(0, 2σ²) (Gneiting and Raftery 2007).
        return distance(x - self.center, self.deviation) - self.deviation / math.sqrt(math.pi)

    def sample(self, key: Array) -> Array:
        return self.center + self.deviation * jax.random.normal(key, self.center.shape, self.center.dtype)
