"""A histogram of each column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, fixed
from isthmus.distributions.histogram import HistogramOutcome
from isthmus.distributions.quantiles import edges
from isthmus.errors import require


@dataclass(frozen=True)
class Histogram(Likelihood):
    """Each column a histogram, q a softmax over its bins, with the loss −Σ_k p_k log(q_k / width_k): a true density.

    The target's shares p of the bins are those of a normal distribution around it, cut to all bins, which tells a near
    miss from a far one; the density itself does not depend on the smoothing. Bins reach a little below the lowest
    training value and above the highest, and do not learn; exponential tails with a probability of 1e-4 lie outside,
    and from values there nothing is learned.

    Parameters
    ----------
    bins : of each column, at least 2.
    edges : `"width"` for bins of one width, `"quantile"` for bins with as many training rows each.
    smoothing : standard deviation of the target in bins, at least 0; with 0 the loss is minus the log-density.
    margin : how far bins reach beyond the training values on either side, as a share of their range, in [0, 1]. With
        the scaling `quantile`, which ends at 0 and 1, take 0: what is drawn beyond them becomes the extremes.

    References
    ----------
    Imani and White (2018), Improving regression performance with distributional losses.

    Examples
    --------
    >>> share, ends = jnp.log(jnp.array([[[0.25, 0.75]]])), jnp.array([[[0.0, 1.0, 2.0]]])
    >>> outcome = HistogramOutcome(share, ends, jnp.zeros(1))
    >>> [round(v, 3) for v in jnp.exp(outcome.marginal_log_prob(jnp.array([[0.5], [1.5]]))).ravel().tolist()]
    [0.25, 0.75]
    """

    bins: int = 20
    edges: Literal["width", "quantile"] = "width"
    smoothing: float = 1.0
    margin: float = 0.01

    is_bounded_below = False  # minus the loss has no lower bound

    def __post_init__(self) -> None:
        require(self.bins >= 2, "Histogram.bins", "at least 2", self.bins)
        require(self.smoothing >= 0, "Histogram.smoothing", "at least 0", self.smoothing)
        require(0 <= self.margin <= 1, "Histogram.margin", "in [0, 1]", self.margin)

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return HistogramHead(output_layer(self.bins * row.size), fixed(((self.bins + 1) * row.size,)), self.smoothing)

    def start(self, row: Row, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        return {"edges": self._edges(x, weight).ravel()}

    def link(self, x: np.ndarray) -> np.ndarray:
        # The logits of a normal distribution around x, two bins wide or as the bins there, but for what all share.
        ends = self._edges(x, np.ones(len(x)))
        middle, width = (ends[1:] + ends[:-1]) / 2, np.diff(ends, axis=0)
        variance = (2 * (ends[-1] - ends[0]) / self.bins) ** 2
        logit = (x[:, None, :] * middle - middle**2 / 2) / variance + np.log(width)
        return logit.reshape(len(x), -1)

    def _edges(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return edges(x, weight, self.bins, self.edges == "quantile", self.margin)


class HistogramHead(Head):
    logit: Callable[[Array], Array]
    edges: Array  # [(bins + 1) · d], those of the first place of every column first
    smoothing: float

    def __call__(self, features: Array) -> Outcome:
        logit = self.logit(features)  # [n, bins · d]
        columns = self.edges.shape[0] - logit.shape[-1]
        by_bin = jnp.swapaxes(logit.reshape(logit.shape[0], -1, columns), -1, -2)
        ends = self.edges.reshape(-1, columns).T
        return HistogramOutcome(
            jax.nn.log_softmax(by_bin, axis=-1),
            jnp.broadcast_to(ends, (logit.shape[0], *ends.shape)),
            jnp.broadcast_to(self.smoothing, (logit.shape[0],)),
        )
