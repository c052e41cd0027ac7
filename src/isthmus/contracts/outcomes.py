"""The distributions that modules answer with: outcomes over rows, posteriors over codes.

n rows, d columns, k draws of a code, its size.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

HALVINGS = 80  # of the bracket of a quantile: more than float64 can tell


class Outcome(eqx.Module):
    """A distribution over rows; its arrays are [k, n, d]."""

    @abc.abstractmethod
    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        """Return the log-likelihood of `x` [n, d] by column, [k, n, d]; its sum over columns is that of the row.

        Where `observed` [n, d] is given, it is that of the entries where it is True, the others integrated out: these
        give 0, and what they hold does not matter. Where columns are independent, `where_observed` does that.
        """

    def log_prob(self, x: Array, observed: Array | None = None) -> Array:
        """Return the log-likelihood of each row, [k, n], of the entries `observed` [n, d] only where it is given."""
        return jnp.sum(self.log_prob_by_column(x, observed), axis=-1)

    log_constant: ClassVar[float] = 0.0  # by column, what a log-density has beside minus the loss

    def log_density_by_column(self, x: Array, observed: Array | None = None) -> Array:
        """Return the log-density of numbers, the log-probability of all else, as `log_prob_by_column`; what rows score.

        It differs from that where training maximises something else, as a smoothed or a balanced likelihood. It leaves
        out the constants `log_constants`: where the loss is an error the score is minus that.
        """
        return self.log_prob_by_column(x, observed)

    def log_constants(self) -> Array:
        """Return what is to be added to `log_density_by_column` by column, [d] or a scalar, so that it has mass 1."""
        return jnp.asarray(self.log_constant)

    @abc.abstractmethod
    def mean(self) -> Array:
        """Return the expected row, [k, n, d]."""

    @abc.abstractmethod
    def sample(self, key: Array) -> Array:
        """Return one draw of every row, [k, n, d]."""

    def conditional_mean(self, x: Array, observed: Array) -> Array:
        """Return the expected row given the entries of `x` [n, d] that are `observed` [n, d], [k, n, d].

        Those entries are themselves. The others are expected as in `mean` where columns are independent.
        """
        return jnp.where(observed, x, self.mean())

    def toward_shares(self, trust: Array, log_shares: Array) -> Outcome:
        """Return the outcome with the probabilities of categories p as pᵃ s¹⁻ᵃ over their sum; numbers are as before.

        Parameters
        ----------
        trust : a of each column, [d].
        log_shares : log s of the categories of all columns, column after column.
        """
        return self

    def uncertainty(self) -> Array | None:
        """Return how uncertain each entry is, [k, n, d], or None where that is not known.

        It is the standard deviation of a number, NaN where that is not known, and of a category the chance that another
        than the most probable one is true.
        """
        return None


def where_observed(log_prob: Callable[[Array], Array], x: Array, observed: Array | None) -> Array:
    """Return `log_prob(x)` [k, n, d] of columns that are independent: 0 for entries that are not `observed`.

    Examples
    --------
    >>> where_observed(lambda x: -x, jnp.array([[1.0, 2.0]]), jnp.array([[True, False]])).tolist()
    [[-1.0, 0.0]]
    """
    if observed is None:
        return log_prob(x)
    return jnp.where(observed, log_prob(jnp.where(observed, x, 0)), 0)


class Density(Outcome):
    """An outcome over numbers that has a density. What it tells of each column by itself is [k, n, d].

    `log_prob` is what is maximised in training, and not always a density: a histogram maximises a smoothed one.
    `marginal_log_prob` and `joint_log_prob` always are the logarithms of densities.
    """

    @abc.abstractmethod
    def variance(self) -> Array:
        """Return the variance of each entry."""

    def std(self) -> Array:
        """Return the standard deviation of each entry."""
        return jnp.sqrt(self.variance())

    def uncertainty(self) -> Array | None:
        return self.std()

    @abc.abstractmethod
    def marginal_log_prob(self, x: Array) -> Array:
        """Return the log-density of each entry of `x` [n, d] by itself, whatever the others are.

        It differs from `log_prob_by_column` where columns go together: that is of each given those before it.
        """

    def joint_log_prob(self, x: Array, observed: Array) -> Array:
        """Return the log-density of the entries `observed` [n, d] of each row of `x` [n, d] together, [k, n]."""
        return self.log_prob(x, observed)

    @abc.abstractmethod
    def cdf(self, x: Array) -> Array:
        """Return how probable it is that an entry is at most that of `x` [n, d]."""

    @abc.abstractmethod
    def crps(self, x: Array) -> Array:
        """Return the continuous ranked probability score of `x` [n, d], ∫ (F(t) − [t ≥ x])² dt: lower is better."""

    def quantile(self, q: Array) -> Array:
        """Return what each entry stays below with probability `q`, between 0 and 1, by bisection.

        No quantile is further from the mean than σ √((1 − q) / q) down and σ √(q / (1 − q)) up (Cantelli).
        """
        middle, deviation = self.mean(), self.std()
        down, up = jnp.sqrt((1 - q) / q), jnp.sqrt(q / (1 - q))

        def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            center = (low + high) / 2
            is_below = self.cdf(center) < q
            return jnp.where(is_below, center, low), jnp.where(is_below, high, center)

        low, high = jax.lax.fori_loop(0, HALVINGS, halve, (middle - down * deviation, middle + up * deviation))
        return (low + high) / 2


class Posterior(eqx.Module):
    """q(z | x), the distribution of the code of each row, under a prior p(z)."""

    @abc.abstractmethod
    def sample(self, key: Array, count: int) -> Array:
        """Return `count` draws of each code, [count, n, size]."""

    @abc.abstractmethod
    def log_prob(self, z: Array) -> Array:
        """Return log q(z | x) of codes `z` [k, n, size], [k, n]."""

    @abc.abstractmethod
    def prior_log_prob(self, z: Array) -> Array:
        """Return log p(z) of codes `z` [k, n, size], [k, n]."""

    @abc.abstractmethod
    def kl(self) -> Array:
        """Return KL(q(z | x) ‖ p(z)) by unit, [n, size], in nats."""

    def log_weights(self, log_likelihood: Array, z: Array) -> Array:
        """Return log p(x | z) + log p(z) − log q(z | x) of codes `z` [k, n, size], [k, n].

        The mean of their exponentials over many draws of z comes near p(x).
        """
        return log_likelihood + self.prior_log_prob(z) - self.log_prob(z)
