"""The multi-class hinge loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, where_observed
from isthmus.errors import require


@dataclass(frozen=True)
class Hinge(Likelihood):
    """A linear output g, one number a class, with the loss Σ_{c ≠ y} [α + g_c − g_y]₊ of a support vector machine.

    Rows are one-hot: g_y is Σ x g, and the loss of class c counts as far as x is not c. The mean is the
    distribution with p_c ∝ exp(−loss if the class were c), whose order is that of g.

    Parameters
    ----------
    margin : α, above 0: how far the right class is to stand before the others.
    form : `"sum"` adds up over the wrong classes, as above; `"max"` takes the nearest of them alone,
        [max_{c ≠ y} g_c + α − g_y]₊.

    References
    ----------
    Weston and Watkins (1999), Support vector machines for multi-class pattern recognition.
    Crammer and Singer (2001), On the algorithmic implementation of multiclass kernel-based vector machines.

    Examples
    --------
    >>> HingeOutcome(jnp.array([[[2.0, 0.5, 1.5]]]), 1.0).log_prob(jnp.array([[1.0, 0.0, 0.0]])).tolist()
    [[-0.5]]
    """

    margin: float = 1.0
    form: Literal["sum", "max"] = "sum"

    explains = "classes"
    is_bounded_below = False  # minus the loss has no lower bound

    def __post_init__(self) -> None:
        require(self.margin > 0, "Hinge.margin", "above 0", self.margin)

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        return HingeHead(output_layer(row.size), self.margin, self.form)


class HingeHead(Head):
    affine: Callable[[Array], Array]
    margin: float
    form: str = eqx.field(static=True)

    def __call__(self, features: Array) -> Outcome:
        score = self.affine(features)
        return HingeOutcome(score, jnp.broadcast_to(self.margin, score.shape[:1]), self.form)


class HingeOutcome(Outcome):
    score: Array  # [k, n, d]
    margin: Array  # [k, n], the same everywhere
    form: str = eqx.field(static=True, default="sum")

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(self._log_prob, x, observed)

    def _log_prob(self, x: Array) -> Array:
        right = jnp.sum(x * self.score, axis=-1, keepdims=True)
        losses = (1 - x) * jax.nn.relu(jnp.asarray(self.margin)[..., None] + self.score - right)
        return -self._counted(losses)

    def log_density_by_column(self, x: Array, observed: Array | None = None) -> Array:
        return where_observed(lambda x: x * jax.nn.log_softmax(self._log_share(), axis=-1), x, observed)

    def mean(self) -> Array:
        return jax.nn.softmax(self._log_share(), axis=-1)

    def sample(self, key: Array) -> Array:
        classes = jax.random.categorical(key, self._log_share(), axis=-1)
        return jax.nn.one_hot(classes, self.score.shape[-1], dtype=self.score.dtype)

    def _log_share(self) -> Array:
        """Return minus the loss if the class were c, by c."""
        distance = self.score[..., None, :] - self.score[..., :, None]  # [k, n, class, other]
        losses = jax.nn.relu(jnp.asarray(self.margin)[..., None, None] + distance)
        return -jnp.sum(self._counted(losses * (1 - jnp.eye(losses.shape[-1]))), axis=-1)

    def _counted(self, losses: Array) -> Array:
        """Return the losses against the other classes, [..., d], of which all count or the largest one."""
        if self.form == "sum":
            return losses
        return losses * jax.nn.one_hot(jnp.argmax(losses, axis=-1), losses.shape[-1], dtype=losses.dtype)
