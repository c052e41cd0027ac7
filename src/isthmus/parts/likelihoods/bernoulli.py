"""The Bernoulli distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, where_observed


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """A sigmoid output p with the cross-entropy −Σ x log p + (1 − x) log(1 − p), summed over columns.

    Values must lie in [0, 1] (`scaling="minmax"` brings them there); between 0 and 1 they count as
    probabilities, and the loss is not zero even where p = x.

    Examples
    --------
    >>> outcome = BernoulliOutcome(jnp.array([[[0.0, 0.0]]]))
    >>> [[round(v, 4) for v in row] for row in outcome.log_prob(jnp.array([[1.0, 0.0]])).tolist()]
    [[-1.3863]]
    """

    # Rows that count negatively can bring the weighted mean out of [0, 1]: then p runs to 0 or 1 and the loss to -inf.
    is_bounded_below = False
    explains = "bits"

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return BernoulliHead(output_layer(row.size))

    def link(self, x: np.ndarray) -> np.ndarray:
        share = np.clip(x, 0.01, 0.99)
        return np.log(share / (1 - share))


class BernoulliHead(Head):
    affine: Callable[[Array], Array]

    def __call__(self, features: Array) -> Outcome:
        return BernoulliOutcome(self.affine(features))


class BernoulliOutcome(Outcome):
    logit: Array  # [k, n, d]

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        # log p = -softplus(-logit) and log(1 - p) = -softplus(logit): finite for every logit.
        return where_observed(lambda x: x * self.logit - jax.nn.softplus(self.logit), x, observed)

    def mean(self) -> Array:
        return jax.nn.sigmoid(self.logit)

    def sample(self, key: Array) -> Array:
        return jax.random.bernoulli(key, self.mean()).astype(self.logit.dtype)
