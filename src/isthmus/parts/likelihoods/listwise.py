"""The order of rows, group by group."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, OutputLayer, Row
from isthmus.distributions.ranking import RankingHead, RankingOutcome, together


@dataclass(frozen=True)
class Listwise(Likelihood):
    """A score s, with the loss −Σ p log softmax(s) over each group, p the softmax of the relevance: which row is first.

    A row of weight w counts, in both softmaxes too, as w rows. Each row bears its own share of the loss.

    References
    ----------
    Cao et al. (2007), Learning to rank: from pairwise approach to listwise approach.

    Examples
    --------
    >>> outcome = ListwiseOutcome(jnp.array([[[0.0], [0.0]]]))
    >>> [round(v, 4) for v in outcome.log_prob(jnp.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))[0].tolist()]
    [-0.5067, -0.1864]
    """

    explains = "order"

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return RankingHead(output_layer(1), ListwiseLoss())


class ListwiseLoss(eqx.Module):
    """From scores to their outcome."""

    def __call__(self, score: Array) -> ListwiseOutcome:
        return ListwiseOutcome(score)


class ListwiseOutcome(RankingOutcome):
    def log_prob_of_targets(self, x: Array) -> Array:
        relevance, group, weight = x[:, 0], x[:, 1], x[:, 2]
        counts = jnp.where(together(group), weight, 0)  # [n, n]
        is_weighted = jnp.sum(counts, axis=-1) > 0
        counts = jnp.where(is_weighted[:, None], counts, jnp.eye(len(group), dtype=x.dtype))  # no softmax is of nothing
        share = jnp.exp(relevance - logsumexp(relevance, axis=-1, b=counts))
        score = self.score[..., 0]
        log_share = score - logsumexp(score[..., None, :], axis=-1, b=counts)
        return jnp.where(is_weighted, share * log_share, 0)[..., None]
