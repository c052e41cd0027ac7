"""Mixtures of normal distributions over rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp, ndtr
from jaxtyping import Array

from isthmus.contracts import Density
from isthmus.distributions.normal import distance, log_normal


class NormalMixtureOutcome(Density):
    """Σ_c π_c Π_j N(x_j; μ_cj, σ_cj²): within a component columns are independent, all in all they are not."""

    log_share: Array  # [k, n, components], log π
    center: Array  # [k, n, components, d]
    deviation: Array  # [k, n, components, d]

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        if observed is None:
            return self._in_turn(self._by_component(x))
        by_component = jnp.where(observed[..., None, :], self._by_component(jnp.where(observed, x, 0)), 0)
        return jnp.where(observed, self._in_turn(by_component), 0)

    def conditional_mean(self, x: Array, observed: Array) -> Array:
        by_component = jnp.where(observed[..., None, :], self._by_component(jnp.where(observed, x, 0)), 0)
        share = jax.nn.softmax(self.log_share + jnp.sum(by_component, axis=-1), axis=-1)  # given what is observed
        return jnp.where(observed, x, jnp.sum(share[..., None] * self.center, axis=-2))

    def marginal_log_prob(self, x: Array) -> Array:
        return logsumexp(self.log_share[..., None] + self._by_component(x), axis=-2)

    def mean(self) -> Array:
        return jnp.sum(self._share() * self.center, axis=-2)

    def variance(self) -> Array:
        apart = self.center - self.mean()[..., None, :]
        return jnp.sum(self._share() * (self.deviation**2 + apart**2), axis=-2)

    def cdf(self, x: Array) -> Array:
        return jnp.sum(self._share() * ndtr((x[..., None, :] - self.center) / self.deviation), axis=-2)

    def crps(self, x: Array) -> Array:
        # E |X − x| − E |X − X'| / 2 (Grimit, Gneiting, Berrocal and Johnson 2006).
        share = self._share()
        away = jnp.sum(share * distance(x[..., None, :] - self.center, self.deviation), axis=-2)
        gap = self.center[..., :, None, :] - self.center[..., None, :, :]
        both = jnp.hypot(self.deviation[..., :, None, :], self.deviation[..., None, :, :])
        apart = jnp.sum(share[..., :, None, :] * share[..., None, :, :] * distance(gap, both), axis=(-3, -2))
        return away - apart / 2

    def sample(self, key: Array) -> Array:
        component_key, noise_key = jax.random.split(key)
        which = jax.random.categorical(component_key, self.log_share, axis=-1)[..., None, None]
        center, deviation = (
            jnp.take_along_axis(array, which, axis=-2)[..., 0, :] for array in (self.center, self.deviation)
        )
        return center + deviation * jax.random.normal(noise_key, center.shape, center.dtype)

    def _share(self) -> Array:
        return jnp.exp(self.log_share)[..., None]  # [k, n, components, 1]

    def _by_component(self, x: Array) -> Array:
        """Return the log-density of every column in every component, [k, n, components, d]."""
        return log_normal(x[..., None, :], self.center, self.deviation)

    def _in_turn(self, by_component: Array) -> Array:
        """Return the log-density of each column given those before it, [k, n, d], of that in each component."""
        sums = jnp.cumsum(by_component[..., :-1], axis=-1)
        before = self.log_share[..., None] + jnp.concatenate([jnp.zeros_like(by_component[..., :1]), sums], axis=-1)
        return logsumexp(jax.nn.log_softmax(before, axis=-2) + by_component, axis=-2)
