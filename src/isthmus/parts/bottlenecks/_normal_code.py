"""Codes that are normal distributions: what the bottlenecks with an evidence bound share."""

from __future__ import annotations

import abc
import math
from typing import cast

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Code, Neck, Posterior
from isthmus.core.affine import Affine, affine
from isthmus.core.parameter_specs import constant

MOST_DRAWS = 10_000  # of the code of a row
MOST = 20.0  # of a log-variance either way: a standard deviation is within 5e-5 and 2e4
FIRST = -1.0  # the log-variance that training begins near: a standard deviation of 0.6
NARROW = 0.1  # the gain of the layer that gives it


class NormalPosterior(Posterior):
    """N(mean, diag exp(log_variance)) for each row, under the prior N(0, I)."""

    mean: Array  # [n, size]
    log_variance: Array  # [n, size]

    def sample(self, key: Array, count: int) -> Array:
        """Return mean + sd · ε with ε ~ N(0, I), [count, n, size]: the gradient flows to both."""
        noise = jax.random.normal(key, (count, *self.mean.shape), self.mean.dtype)
        return self.mean + jnp.exp(0.5 * self.log_variance) * noise

    def log_prob(self, z: Array) -> Array:
        """Return the log-density of `z` [k, n, size], [k, n]."""
        terms = (z - self.mean) ** 2 * jnp.exp(-self.log_variance) + self.log_variance + math.log(2 * math.pi)
        return -0.5 * jnp.sum(terms, axis=-1)

    def prior_log_prob(self, z: Array) -> Array:
        return -0.5 * jnp.sum(z**2 + math.log(2 * math.pi), axis=-1)

    def kl(self) -> Array:
        """Return KL(N(mean, variance) ‖ N(0, 1)) = (mean² + variance − 1 − log variance) / 2 by unit, [n, size]."""
        return 0.5 * (self.mean**2 + jnp.expm1(self.log_variance) - self.log_variance)


class NormalNeck(Neck):
    """A code that is normal, under the prior N(0, I). The variant says what is minimised."""

    is_random = True

    mean: Affine
    log_variance: Affine

    def posterior(self, hidden: Array) -> NormalPosterior:
        """Return q(z | x); the log-variance stays within ±20 by 20 tanh(·/20), which never loses its gradient."""
        return NormalPosterior(self.mean(hidden), MOST * jnp.tanh(self.log_variance(hidden) / MOST))

    @abc.abstractmethod
    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code: ...

    def code(self, hidden: Array, key: Array | None, count: int) -> Code:
        """Return the code with `count` draws; without a key its one draw is the mean."""
        posterior = self.posterior(hidden)
        draws = posterior.mean[None] if key is None else posterior.sample(key, count)
        return Code(draws, posterior.mean, posterior)

    def sample(self, key: Array, n: int, label: Array | None = None) -> Array | None:
        if label is not None:
            return None
        return jax.random.normal(key, (n, self.mean.bias.shape[0]), self.mean.bias.dtype)


def posterior_of(code: Code) -> Posterior:
    """Return the posterior of a code that is a distribution."""
    return cast(Posterior, code.posterior)


def layers(width: int, size: int) -> tuple[Affine, Affine]:
    """Return the layers of mean and log-variance, their weights specs; the latter starts nearly the same for all."""
    return affine(width, size), Affine(affine(width, size, NARROW).matrix, constant((size,), FIRST))
