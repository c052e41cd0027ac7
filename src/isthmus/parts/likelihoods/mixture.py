"""A mixture of normal distributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, constant
from isthmus.distributions.normal import deviation_of
from isthmus.distributions.normal_mixture import NormalMixtureOutcome
from isthmus.distributions.quantiles import quantiles
from isthmus.errors import require


@dataclass(frozen=True)
class Mixture(Likelihood):
    """A mixture of normal distributions over rows, with the loss −log Σ_c π_c Π_j N(x_j; μ_cj, σ_cj²): a true density.

    Shares π (softmax), means and deviations all come from the decoder, for each row: targets with several likely values
    keep them apart. Means start spread over the quantiles of each column, σ = least + softplus(· + 0.54).

    Parameters
    ----------
    components : of the mixture, at least 1.
    least : the smallest σ, above 0.

    References
    ----------
    Bishop (1994), Mixture density networks.

    Examples
    --------
    >>> one, two = jnp.log(jnp.array([[0.5, 0.5]])), jnp.ones((1, 2, 1))
    >>> outcome = NormalMixtureOutcome(one, jnp.array([[[-1.0], [1.0]]]), two)
    >>> round(float(outcome.log_prob(jnp.array([[0.0]]))[0]), 4), outcome.variance().tolist()
    (-1.4189, [[2.0]])
    """

    components: int = 5
    least: float = 1e-3

    is_bounded_below = False  # minus the loss has no lower bound

    def __post_init__(self) -> None:
        require(self.components >= 1, "Mixture.components", "at least 1", self.components)
        require(self.least > 0, "Mixture.least", "above 0", self.least)

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        total = self.components * row.size
        return MixtureHead(
            output_layer(total),
            output_layer(total),
            output_layer(total),
            constant((total,)),
            self.least,
            self.components,
        )

    def start(self, row: Row, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        return {"start": self._spread(x, weight).ravel()}

    def link(self, x: np.ndarray) -> np.ndarray:
        spread = self._spread(x, np.ones(len(x)))
        return np.tile(x - spread.mean(axis=0), self.components)

    def _spread(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return quantiles(x, weight, (np.arange(self.components) + 0.5) / self.components)


class MixtureHead(Head):
    center: Callable[[Array], Array]  # before the others: a start from PCA fills the first
    spread: Callable[[Array], Array]
    share: Callable[[Array], Array]  # an output layer gives d numbers for each purpose: the logit is their mean
    start: Array  # [components · d], of the means
    least: float
    components: int = eqx.field(static=True)

    def __call__(self, features: Array) -> Outcome:
        center, spread, share = (
            flat.reshape(flat.shape[0], self.components, -1)
            for flat in (self.center(features) + self.start, self.spread(features), self.share(features))
        )
        log_share = jax.nn.log_softmax(jnp.mean(share, axis=-1), axis=-1)
        return NormalMixtureOutcome(log_share, center, deviation_of(spread, self.least))
