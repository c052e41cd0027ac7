"""A code that is a distribution, held near a prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Bottleneck, Code, ForwardPass, Neck, Schedule, at
from isthmus.errors import require, require_within
from isthmus.parts.bottlenecks._normal_code import MOST_DRAWS, NormalNeck, layers, posterior_of


@dataclass(frozen=True)
class Variational(Bottleneck):
    """A code z ~ N(μ(x), diag σ²(x)) of `size` numbers, under the prior N(0, I).

    What is minimised is minus the evidence lower bound of log p(x),

        reconstruction = −E log p(x | z),    kl = β KL(q(z | x) ‖ N(0, I)) = β Σ_j (μ_j² + σ_j² − 1 − log σ_j²) / 2,

    the first over `draws` draws z = μ + σ ε, the second in closed form. Without noise z is μ, and so is what
    `transform` answers. The bound is one on a density where the likelihood is one: `gaussian`, or `bernoulli` on bits.

    Validation rows are judged by the bound too, over the same draws after each epoch. `score_samples` is without noise,
    the likelihood at z = μ, which is no bound: `isthmus.log_likelihood` estimates log p(x).

    Parameters
    ----------
    size : numbers in the code, at least 1.
    beta : of the KL, a number of at least 0, or a schedule: `"linear(0.0, 1.0, steps=1000)"` warms up, so that units
        do not collapse onto the prior before they are of use.
    free_bits : nats that each unit may hold without cost, at least 0: above 0 the KL is
        β Σ_j max(free_bits, mean of KL_j over the batch).
    draws : of the code for each row in training, at least 1.
    prior : what `sample` draws from: `"normal"` is N(0, I); `"fitted"` a mixture of few normals, fitted after training
        to draws of the codes of training rows. Below β = 1 these are no longer N(0, I) together, and new rows are more
        like real ones by the second. The KL, and `isthmus.log_likelihood`, are those of N(0, I) all the same.

    References
    ----------
    Kingma and Welling (2013), Auto-encoding variational Bayes.
    Higgins et al. (2017), beta-VAE: learning basic visual concepts with a constrained variational framework.
    Kingma et al. (2016), Improving variational inference with inverse autoregressive flow (free bits).
    Sønderby et al. (2016), Ladder variational autoencoders (warm-up).
    Ghosh et al. (2020), From variational to deterministic autoencoders (a density fitted to codes after training).

    Examples
    --------
    >>> neck = Variational(2).build(width=32)
    >>> neck.mean.matrix.shape, neck.log_variance.matrix.shape
    ((32, 2), (32, 2))
    """

    size: int
    beta: float | Schedule = 1.0
    free_bits: float = 0.0
    draws: int = 1
    prior: Literal["normal", "fitted"] = "normal"

    def __post_init__(self) -> None:
        require(self.size >= 1, "Variational.size", "at least 1", self.size)
        is_weight = isinstance(self.beta, Schedule) or self.beta >= 0
        require(is_weight, "Variational.beta", "at least 0", self.beta)
        require(self.free_bits >= 0, "Variational.free_bits", "at least 0", self.free_bits)
        require_within(self.draws, 1, MOST_DRAWS, "Variational.draws")

    def can_copy(self, columns: int) -> bool:
        return self.beta == 0 and self.size >= columns

    def build(self, width: int) -> Neck:
        return VariationalNeck(
            *layers(width, self.size),
            beta=self.beta,
            free_bits=self.free_bits or None,  # exactly zero is structure: then each row has a KL of its own
            draws=self.draws,
            has_fitted_prior=self.prior == "fitted",
        )


class VariationalNeck(NormalNeck):
    beta: float | Schedule
    free_bits: float | None
    draws: int = eqx.field(static=True)
    has_fitted_prior: bool = eqx.field(static=True)

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        return self.code(hidden, key, self.draws)

    def terms(self, log_likelihood: Array, forward: ForwardPass) -> dict[str, Array]:
        divergences = posterior_of(forward.code).kl()  # [n, size]
        if self.free_bits is None:
            kl = jnp.sum(divergences, axis=1)
        else:
            weight = forward.batch.weight
            mean = weight @ divergences / jnp.maximum(jnp.sum(weight > 0), 1)  # [size]
            kl = jnp.sum(jnp.maximum(mean, self.free_bits))
        return {**super().terms(log_likelihood, forward), "kl": at(self.beta, forward.step) * kl}

    def sample(self, key: Array, n: int, label: Array | None = None) -> Array | None:
        return None if self.has_fitted_prior else super().sample(key, n, label)
