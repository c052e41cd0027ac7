"""The normal distribution, its variance learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Outcome, OutputLayer, Row, constant
from isthmus.distributions.multivariate_normal import MultivariateNormalOutcome
from isthmus.distributions.normal import NormalOutcome, deviation_of
from isthmus.errors import require

Covariance = Literal["shared", "diagonal", "full"]


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Each column normal, N(μ, σ²), with the loss Σ (x − μ)² / 2σ² + log σ + log(2π) / 2: a true density.

    The mean is a linear output, and σ = least + softplus(· + 0.54). The floor keeps the density finite where a
    column can be predicted exactly. To compare with other densities, mind that it is one of scaled rows.

    Parameters
    ----------
    covariance : `"shared"` learns one σ for each column, the same for every row; `"diagonal"` has the decoder
        give one for each row and column; `"full"` lets columns go together, with a covariance L Lᵀ for each row. Its
        d² numbers are how column j follows those before it, and σ, the diagonal of L, given those.
    least : the smallest σ, above 0.

    References
    ----------
    Rybkin, Daniilidis and Levine (2021), Simple and effective VAE training with calibrated decoders.
    Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    Williams (1996), Using neural networks to model conditional multivariate densities.

    Examples
    --------
    >>> outcome = NormalOutcome(jnp.array([[[1.0, 2.0]]]), jnp.array([[[1.0, 2.0]]]))
    >>> [[round(v, 4) for v in row] for row in outcome.log_prob(jnp.array([[4.0, 2.0]])).tolist()]
    [[-7.031]]
    """

    is_bounded_below = False  # with −(x − μ)² left over the loss falls as σ does, and only the floor ends it

    covariance: Covariance = "shared"
    least: float = 1e-3

    def __post_init__(self) -> None:
        require(self.least > 0, "Gaussian.least", "above 0", self.least)

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        mean = output_layer(row.size)
        if self.covariance == "shared":
            return SharedHead(mean, constant((row.size,)), least=self.least)
        if self.covariance == "diagonal":
            return DiagonalHead(mean, output_layer(row.size), least=self.least)
        return FullHead(mean, output_layer(row.size**2), least=self.least)


class SharedHead(Head):
    mean: Callable[[Array], Array]
    spread: Array  # [d]
    least: float

    def __call__(self, features: Array) -> Outcome:
        mean = self.mean(features)
        return NormalOutcome(mean, jnp.broadcast_to(deviation_of(self.spread, self.least), mean.shape))


class DiagonalHead(Head):
    mean: Callable[[Array], Array]  # before the other: a start from PCA fills the first
    spread: Callable[[Array], Array]
    least: float

    def __call__(self, features: Array) -> Outcome:
        return NormalOutcome(self.mean(features), deviation_of(self.spread(features), self.least))


class FullHead(Head):
    mean: Callable[[Array], Array]
    factor: Callable[[Array], Array]  # d² numbers: σ from the diagonal, slopes from below it
    least: float

    def __call__(self, features: Array) -> Outcome:
        mean = self.mean(features)
        factor = self.factor(features).reshape(*mean.shape, mean.shape[-1])
        spread = jnp.diagonal(factor, axis1=-2, axis2=-1)
        return MultivariateNormalOutcome(mean, jnp.tril(factor, -1), deviation_of(spread, self.least))
