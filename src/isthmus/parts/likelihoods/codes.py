"""One categorical distribution for each column."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, where_observed
from isthmus.errors import InvalidPart


@dataclass(frozen=True)
class Codes(Likelihood):
    """A softmax for each column, which holds one of the codes 0, 1, … V_j − 1, with the log-loss −log p_j(x_j).

    It explains tokens of texts and categories. The expected row is the most probable code of each column.

    Examples
    --------
    >>> outcome = CodesOutcome(jnp.log(jnp.array([[[[1.0], [3.0]]]])))  # one column of two codes
    >>> round(float(outcome.log_prob(jnp.array([[1.0]]))[0, 0]), 4), outcome.mean().tolist()  # log 0.75
    (-0.2877, [[[1.0]]])
    """

    is_bounded_below = False  # −log p of a category has no upper bound, so minus it has no lower one
    explains = "categories"

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        counts = row.categories or (0,) * row.size
        if 0 in counts:
            raise InvalidPart(
                f"the likelihood codes explains codes 0, 1, …, and {row.column(counts.index(0))} holds numbers: use "
                "likelihood='squared_error', or read texts as tokens, by text='tokens' or the encoder 'text'."
            )
        return CodesHead(output_layer(max(counts) * row.size), None if len(set(counts)) == 1 else counts, row.size)


class CodesHead(Head):
    affine: Callable[[Array], Array]
    counts: tuple[int, ...] | None = eqx.field(static=True)  # by column, None where all have as many
    columns: int = eqx.field(static=True)

    def __call__(self, features: Array) -> Outcome:
        logit = self.affine(features).reshape(features.shape[0], -1, self.columns)
        if self.counts is not None:
            is_code = np.arange(logit.shape[1])[:, None] < np.array(self.counts)
            logit = jnp.where(is_code, logit, -jnp.inf)
        return CodesOutcome(logit)


class CodesOutcome(Outcome):
    logit: Array  # [k, n, most codes, d], −inf for a code that a column does not have

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(self._log_prob, x, observed)

    def _log_prob(self, x: Array) -> Array:
        code = jnp.broadcast_to(x.astype(jnp.int32), (*self.logit.shape[:-2], x.shape[-1]))
        chosen = jnp.take_along_axis(self.logit, code[..., None, :], axis=-2, mode="clip")[..., 0, :]
        return chosen - jax.scipy.special.logsumexp(self.logit, axis=-2)

    def mean(self) -> Array:
        return jnp.argmax(self.logit, axis=-2).astype(self.logit.dtype)

    def sample(self, key: Array) -> Array:
        return jax.random.categorical(key, self.logit, axis=-2).astype(self.logit.dtype)
