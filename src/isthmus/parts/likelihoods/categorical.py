"""The categorical distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, where_observed


@dataclass(frozen=True)
class Categorical(Likelihood):
    """A softmax output p over the columns with the log-loss −Σ x log p: each row is one of d classes, one-hot.

    Values between 0 and 1 count as shares of the classes.

    Examples
    --------
    >>> outcome = CategoricalOutcome(jnp.log(jnp.array([[[1.0, 3.0]]])))
    >>> [round(v, 4) for v in outcome.log_prob(jnp.array([[0.0, 1.0]]))[0].tolist()]  # log 0.75
    [-0.2877]
    """

    explains = "classes"
    is_bounded_below = False  # −log p of a class has no upper bound, so minus it has no lower one

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return CategoricalHead(output_layer(row.size))

    def link(self, x: np.ndarray) -> np.ndarray:
        return np.log(np.clip(x, 0.01, 0.99))


class CategoricalHead(Head):
    affine: Callable[[Array], Array]

    def __call__(self, features: Array) -> Outcome:
        return CategoricalOutcome(self.affine(features))


class CategoricalOutcome(Outcome):
    logit: Array  # [k, n, d]

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(lambda x: x * jax.nn.log_softmax(self.logit, axis=-1), x, observed)

    def mean(self) -> Array:
        return jax.nn.softmax(self.logit, axis=-1)

    def sample(self, key: Array) -> Array:
        classes = jax.random.categorical(key, self.logit, axis=-1)
        return jax.nn.one_hot(classes, self.logit.shape[-1], dtype=self.logit.dtype)
