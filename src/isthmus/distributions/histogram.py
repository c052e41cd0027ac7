"""Histograms as densities, each column by itself: flat within bins, with tails that fall off on both sides."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array

from isthmus.contracts import Density, where_observed

OUTSIDE = 1e-4  # the probability of what lies outside all bins
REACH = 0.1  # how far it lies outside on average, as a share of the range


class HistogramOutcome(Density):
    """(1 − ε) q_k / width_k in bin k, and ε / 2 in each of two exponential tails outside: a density on the whole line.

    `log_prob` is minus the cross-entropy of the bins' densities, under the target's shares of the bins. These are one
    for the bin that holds the target, or, with a smoothing, those of a normal distribution around it.
    """

    log_share: Array  # [k, n, d, bins], log q
    edges: Array  # [k, n, d, bins + 1], increasing
    smoothing: Array  # [k, n], of the target, in bins

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(self._smoothed_log_prob, x, observed)

    def _smoothed_log_prob(self, x: Array) -> Array:
        by_bin = self.log_share - jnp.log(self._width()) + math.log1p(-OUTSIDE)
        inside = jnp.sum(self._target(x) * by_bin, axis=-1)
        return jnp.where(self._beyond(x) > 0, self._log_tail(x), inside)

    def marginal_log_prob(self, x: Array) -> Array:
        by_bin = self.log_share - jnp.log(self._width()) + math.log1p(-OUTSIDE)
        inside = jnp.sum(self._in_bin(x) * by_bin, axis=-1)
        return jnp.where(self._beyond(x) > 0, self._log_tail(x), inside)

    def log_density_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(self.marginal_log_prob, x, observed)

    def joint_log_prob(self, x: Array, observed: Array) -> Array:
        return jnp.sum(self.log_density_by_column(x, observed), axis=-1)

    def mean(self) -> Array:
        ends = (self.edges[..., 0] + self.edges[..., -1]) / 2
        return (1 - OUTSIDE) * jnp.sum(self._share() * self._middle(), axis=-1) + OUTSIDE * ends

    def variance(self) -> Array:
        mean, reach = self.mean(), self._reach()
        inside = jnp.sum(self._share() * (self._width() ** 2 / 12 + (self._middle() - mean[..., None]) ** 2), axis=-1)
        low, high = (self.edges[..., 0] - reach - mean) ** 2, (self.edges[..., -1] + reach - mean) ** 2
        return (1 - OUTSIDE) * inside + OUTSIDE * (reach**2 + (low + high) / 2)

    def cdf(self, x: Array) -> Array:
        inside = OUTSIDE / 2 + (1 - OUTSIDE) * jnp.sum(self._share() * self._passed(x), axis=-1)
        tail = OUTSIDE / 2 * jnp.exp(-self._beyond(x) / self._reach())
        low = jnp.where(x < self.edges[..., 0], tail, inside)
        return jnp.where(x > self.edges[..., -1], 1 - tail, low)

    def quantile(self, q: Array) -> Array:
        half = OUTSIDE / 2
        inside = jnp.maximum(q - half, 0)[..., None] - (1 - OUTSIDE) * self._before()
        content = (1 - OUTSIDE) * self._share()
        passed = jnp.clip(jnp.where(content > 0, inside / jnp.where(content > 0, content, 1), inside > 0), 0, 1)
        down = jnp.log(jnp.minimum(q / half, 1))
        up = jnp.log(jnp.minimum((1 - q) / half, 1))
        return self.edges[..., 0] + jnp.sum(self._width() * passed, axis=-1) + self._reach() * (down - up)

    def crps(self, x: Array) -> Array:
        # (F − [t ≥ x])² is F² and, from x on, 1 − 2 F more; in the right tail the same of 1 − F, seen from there.
        width, passed, reach = self._width(), self._passed(x), self._reach()
        low = OUTSIDE / 2 + (1 - OUTSIDE) * self._before()
        rise = (1 - OUTSIDE) * self._share()
        square = width * (low**2 + low * rise + rise**2 / 3)
        rest = width * (1 - passed) * (1 - 2 * low - rise * (1 + passed))
        beyond = self._beyond(x)
        tails = OUTSIDE**2 / 4 * reach + beyond + OUTSIDE * reach * jnp.expm1(-beyond / reach)
        return jnp.sum(square + rest, axis=-1) + tails

    def sample(self, key: Array) -> Array:
        return self.quantile(jax.random.uniform(key, self.log_share.shape[:-1], self.log_share.dtype, 1e-7, 1 - 1e-7))

    def _share(self) -> Array:
        return jnp.exp(self.log_share)

    def _width(self) -> Array:
        return jnp.diff(self.edges, axis=-1)

    def _middle(self) -> Array:
        return (self.edges[..., 1:] + self.edges[..., :-1]) / 2

    def _before(self) -> Array:
        """Return the shares of all bins to the left of each, [k, n, d, bins]."""
        return jnp.cumsum(self._share(), axis=-1) - self._share()

    def _reach(self) -> Array:
        return REACH * (self.edges[..., -1] - self.edges[..., 0])

    def _beyond(self, x: Array) -> Array:
        """Return how far `x` lies outside all bins, [k, n, d]; 0 within."""
        return jnp.maximum(self.edges[..., 0] - x, 0) + jnp.maximum(x - self.edges[..., -1], 0)

    def _log_tail(self, x: Array) -> Array:
        return jnp.log(OUTSIDE / 2 / self._reach()) - self._beyond(x) / self._reach()

    def _passed(self, x: Array) -> Array:
        """Return the share of each bin that lies left of `x`, [k, n, d, bins]."""
        return jnp.clip((x[..., None] - self.edges[..., :-1]) / self._width(), 0, 1)

    def _in_bin(self, x: Array) -> Array:
        """Return 1 for the bin that holds `x`, the nearest where none does, and 0 for the others, [k, n, d, bins]."""
        bins = self.log_share.shape[-1]
        left = jnp.sum(x[..., None] >= self.edges[..., 1:-1], axis=-1)
        return jax.nn.one_hot(left, bins, dtype=self.log_share.dtype)

    def _target(self, x: Array) -> Array:
        """Return the share of each bin under N(x, smoothing²), cut to all bins, where a bin is one long."""
        smoothing = self.smoothing[..., None, None]
        at = jnp.sum(self._passed(x), axis=-1, keepdims=True)
        below = ndtr((jnp.arange(self.edges.shape[-1]) - at) / jnp.where(smoothing > 0, smoothing, 1))
        smooth = jnp.diff(below, axis=-1) / (below[..., -1:] - below[..., :1])
        return jnp.where(smoothing > 0, smooth, self._in_bin(x))
