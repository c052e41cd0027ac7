"""Scores that explain the order of rows within groups: what the ranking losses share.

A target is three columns: the relevance of a row, the number of its group, and its weight among the others of the
group. A group of −1 is none: such rows only fill the batch up.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Outcome


class RankingOutcome(Outcome):
    """A score for each row. Gumbel noise on it makes one order of the group, with P(i before j) = σ(s_i − s_j)."""

    score: Array  # [k, n, 1]

    @abc.abstractmethod
    def log_prob_of_targets(self, x: Array) -> Array:
        """Return minus the share of each row in the loss, [k, n, 1], under the target `x` [n, 3]."""

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        if observed is not None:
            nothing = jnp.array([0, -1, 0], x.dtype)  # a row whose target lacks an entry belongs to no group
            x = jnp.where(jnp.all(observed, axis=-1, keepdims=True), x, nothing)
        return self.log_prob_of_targets(x)

    def mean(self) -> Array:
        return self.score

    def sample(self, key: Array) -> Array:
        return self.score + jax.random.gumbel(key, self.score.shape, self.score.dtype) - np.euler_gamma


class RankingHead(Head):
    score: Callable[[Array], Array]
    loss: Callable[[Array], RankingOutcome]

    def __call__(self, features: Array) -> Outcome:
        return self.loss(self.score(features))


def together(group: Array) -> Array:
    """Return which rows are of one group, [n, n].

    Examples
    --------
    >>> together(jnp.array([0, 0, -1])).astype(int).tolist()
    [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    """
    return (group[:, None] == group) & (group[:, None] >= 0)
