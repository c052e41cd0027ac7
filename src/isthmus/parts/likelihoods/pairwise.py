"""The order of rows, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, OutputLayer, Row
from isthmus.distributions.ranking import RankingHead, RankingOutcome, together
from isthmus.errors import require


@dataclass(frozen=True)
class Pairwise(Likelihood):
    """A score s, with the loss Σ log(1 + exp(−(s_i − s_j))) over the pairs of a group in which i is more relevant.

    The loss of a pair stands with its more relevant row, and counts by the product of the weights of both. Pairs as
    relevant as each other do not count.

    Parameters
    ----------
    form : of the loss of a pair: `"logistic"`, as above, or `"hinge"`, [α − (s_i − s_j)]₊.
    margin : α of the hinge, above 0: how far the more relevant row is to stand before the other.

    References
    ----------
    Burges et al. (2005), Learning to rank using gradient descent.
    Herbrich, Graepel and Obermayer (2000), Large margin rank boundaries for ordinal regression.

    Examples
    --------
    >>> outcome = PairwiseOutcome(jnp.array([[[2.0], [0.0]]]), jnp.array([[1.0, 1.0]]), "logistic")
    >>> [round(v, 4) for v in outcome.log_prob(jnp.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))[0].tolist()]
    [-0.1269, -0.0]
    """

    form: Literal["logistic", "hinge"] = "logistic"
    margin: float = 1.0

    explains = "order"

    def __post_init__(self) -> None:
        require(self.margin > 0, "Pairwise.margin", "above 0", self.margin)

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return RankingHead(output_layer(1), PairwiseLoss(self.margin, self.form))


class PairwiseLoss(eqx.Module):
    margin: float
    form: str = eqx.field(static=True)

    def __call__(self, score: Array) -> RankingOutcome:
        return PairwiseOutcome(score, jnp.broadcast_to(self.margin, score.shape[:1]), self.form)


class PairwiseOutcome(RankingOutcome):
    margin: Array  # [k, n], the same everywhere
    form: str = eqx.field(static=True)

    def log_prob_of_targets(self, x: Array) -> Array:
        relevance, group, weight = x[:, 0], x[:, 1], x[:, 2]
        counts = jnp.where(together(group) & (relevance[:, None] > relevance), weight, 0)  # [n, n], by i and j
        lead = self.score - jnp.swapaxes(self.score, -1, -2)  # [k, n, n]
        is_logistic = self.form == "logistic"
        losses = jax.nn.softplus(-lead) if is_logistic else jax.nn.relu(jnp.asarray(self.margin)[..., None] - lead)
        return -jnp.sum(counts * losses, axis=-1, keepdims=True)
