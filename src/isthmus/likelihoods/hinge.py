"""The multi-class hinge loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Likelihood, Outlet
from isthmus.errors import require
from isthmus.flow import Head, Outcome, Row


@dataclass(frozen=True)
class Hinge(Likelihood):
    """A linear output g, one number a class, with the loss Σ_{c ≠ y} [α + g_c − g_y]₊ of a support vector machine.

    Rows are one-hot: g_y is Σ x g, and the loss of class c counts as far as x is not c. The mean is the
    distribution with p_c ∝ exp(−loss if the class were c), whose order is that of g.

    Parameters
    ----------
    margin : α, above 0: how far the right class is to stand before the others.

    References
    ----------
    Weston and Watkins (1999), Support vector machines for multi-class pattern recognition.

    Examples
    --------
    >>> HingeOutcome(jnp.array([[[2.0, 0.5, 1.5]]]), 1.0).log_prob(jnp.array([[1.0, 0.0, 0.0]])).tolist()
    [[-0.5]]
    """

    margin: float = 1.0

    bears_repulsion = False  # minus the loss has no lower bound

    def __post_init__(self) -> None:
        require(self.margin > 0, "Hinge.margin", "above 0", self.margin)

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def build(self, row: Row, outlet: Outlet) -> Head:
        return HingeHead(outlet(row.size), self.margin)


class HingeHead(Head):
    affine: Callable[[Array], Array]
    margin: float

    def __call__(self, features: Array) -> Outcome:
        score = self.affine(features)
        return HingeOutcome(score, jnp.broadcast_to(self.margin, score.shape[:1]))


class HingeOutcome(Outcome):
    score: Array  # [k, n, d]
    margin: Array  # [k, n], the same everywhere

    def by_column(self, x: Array) -> Array:
        right = jnp.sum(x * self.score, axis=-1, keepdims=True)
        return -(1 - x) * jax.nn.relu(jnp.asarray(self.margin)[..., None] + self.score - right)

    def mean(self) -> Array:
        return jax.nn.softmax(self._log_share(), axis=-1)

    def sample(self, key: Array) -> Array:
        classes = jax.random.categorical(key, self._log_share(), axis=-1)
        return jax.nn.one_hot(classes, self.score.shape[-1], dtype=self.score.dtype)

    def _log_share(self) -> Array:
        """Return minus the loss if the class were c, by c; the d terms of each include α for the class itself."""
        distance = self.score[..., None, :] - self.score[..., :, None]  # [k, n, class, other]
        return -jnp.sum(jax.nn.relu(jnp.asarray(self.margin)[..., None, None] + distance), axis=-1)
