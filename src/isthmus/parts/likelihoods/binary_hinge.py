"""The hinge loss of each column by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, where_observed
from isthmus.errors import require


@dataclass(frozen=True)
class BinaryHinge(Likelihood):
    """A linear output g, with the loss Σ [α − y g]₊ over columns, y = 1 where x is 1 and −1 where it is 0.

    Each column is a support vector machine of its own: a class against the rest, or one label of several. Between 0
    and 1, x is the share of the loss for 1. The mean has p ∝ exp(−loss), and is above 1/2 where g is above 0.

    Parameters
    ----------
    margin : α, above 0: how far from 0 the output is to be.

    References
    ----------
    Cortes and Vapnik (1995), Support-vector networks.

    Examples
    --------
    >>> outcome = BinaryHingeOutcome(jnp.array([[[2.0, 0.5]]]), jnp.array([[1.0]]))
    >>> outcome.log_prob_by_column(jnp.array([[1.0, 0.0]])).tolist()
    [[[-0.0, -1.5]]]
    """

    margin: float = 1.0

    explains = "bits"

    def __post_init__(self) -> None:
        require(self.margin > 0, "BinaryHinge.margin", "above 0", self.margin)

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return BinaryHingeHead(output_layer(row.size), self.margin)


class BinaryHingeHead(Head):
    affine: Callable[[Array], Array]
    margin: float

    def __call__(self, features: Array) -> Outcome:
        score = self.affine(features)
        return BinaryHingeOutcome(score, jnp.broadcast_to(self.margin, score.shape[:1]))


class BinaryHingeOutcome(Outcome):
    score: Array  # [k, n, d]
    margin: Array  # [k, n], the same everywhere

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        of_one, of_zero = self._losses()
        return where_observed(lambda x: -(x * of_one + (1 - x) * of_zero), x, observed)

    def log_density_by_column(self, x: Array, observed: Array | None = None) -> Array:
        of_one, of_zero = self._losses()
        logit = of_zero - of_one
        return where_observed(lambda x: x * logit - jax.nn.softplus(logit), x, observed)

    def mean(self) -> Array:
        of_one, of_zero = self._losses()
        return jax.nn.sigmoid(of_zero - of_one)

    def sample(self, key: Array) -> Array:
        return jax.random.bernoulli(key, self.mean()).astype(self.score.dtype)

    def _losses(self) -> tuple[Array, Array]:
        margin = jnp.asarray(self.margin)[..., None]
        return jax.nn.relu(margin - self.score), jax.nn.relu(margin + self.score)
