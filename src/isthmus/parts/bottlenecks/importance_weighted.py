"""A code that is a distribution, its draws weighed by how well they explain the row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Bottleneck, Code, ForwardPass, Neck, Posterior
from isthmus.errors import require, require_within
from isthmus.parts.bottlenecks._normal_code import MOST_DRAWS, NormalNeck, layers, posterior_of


@dataclass(frozen=True)
class ImportanceWeighted(Bottleneck):
    """A code z ~ N(μ(x), diag σ²(x)) of `size` numbers, under the prior N(0, I), with a bound of several draws z_k.

    Minimised is −log (1/K) Σ_k w_k, w_k = p(x | z_k) p(z_k) / q(z_k | x): minus a lower bound of log p(x), the
    tighter the more draws there are.

    With v_k = w_k / Σ w, the plain gradient Σ_k v_k ∇ log w_k tells the encoder the less the more draws there are;
    the doubly reparametrized one, Σ_k v_k² (∂ log w_k / ∂z_k) ∇z_k for the encoder and as before for the decoder, is
    the same on average. Penalties on the draws keep their own gradient.
    Validation rows are judged by the bound too, over the same draws after each epoch.

    Parameters
    ----------
    size : numbers in the code, at least 1.
    draws : K, of the code for each row in training, at least 1.
    gradient : `"doubly_reparametrized"` or `"plain"`.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders.
    Tucker et al. (2018), Doubly reparameterized gradient estimators for Monte Carlo objectives.

    Examples
    --------
    >>> str(ImportanceWeighted(2, draws=50))
    'importance_weighted(2, draws=50)'
    """

    size: int
    draws: int = 5
    gradient: Literal["doubly_reparametrized", "plain"] = "doubly_reparametrized"

    def __post_init__(self) -> None:
        require(self.size >= 1, "ImportanceWeighted.size", "at least 1", self.size)
        require_within(self.draws, 1, MOST_DRAWS, "ImportanceWeighted.draws")

    def can_copy(self, columns: int) -> bool:
        return False

    def build(self, width: int) -> Neck:
        return ImportanceWeightedNeck(*layers(width, self.size), draws=self.draws, gradient=self.gradient)


class GradientChannel(NamedTuple):
    """The zeros of `scaled_backwards`, and the draws as they were before."""

    draws: Array  # [k, n, size]
    channel: Array  # [k, n]
    scale: Array  # [k, n]


class ImportanceWeightedNeck(NormalNeck):
    draws: int = eqx.field(static=True)
    gradient: str = eqx.field(static=True)

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        code = self.code(hidden, key, self.draws)
        if key is None or self.gradient == "plain":
            return code
        draws, channel, scale = scaled_backwards(code.draws)
        return code._replace(draws=draws, own=GradientChannel(code.draws, channel, scale))

    def for_penalties(self, code: Code) -> Code:
        return code if code.own is None else code._replace(draws=code.own.draws)

    def terms(self, log_likelihood: Array, forward: ForwardPass) -> dict[str, Array]:
        code, posterior = forward.code, posterior_of(forward.code)
        if forward.key is None:
            return {"bound": jnp.sum(posterior.kl(), axis=1) - log_likelihood[0]}
        is_plain = self.gradient == "plain"
        held: Posterior = posterior if is_plain else jax.lax.stop_gradient(posterior)
        log_weights = held.log_weights(log_likelihood, code.draws)  # [k, n]
        bound = jax.nn.logsumexp(log_weights - math.log(len(log_weights)), axis=0)
        if is_plain:
            return {"bound": -bound}
        share = jax.lax.stop_gradient(jax.nn.softmax(log_weights, axis=0))
        return {"bound": jnp.sum(code.own.channel * share + code.own.scale, axis=0) - bound}


@jax.custom_vjp
def scaled_backwards(draws: Array) -> tuple[Array, Array, Array]:
    """Return `draws` [k, n, size] and two zeros for each, channel and scale [k, n].

    Backwards the gradient of the draws is multiplied by that of the channel over that of the scale: a loss that adds
    c (channel v + scale), which is zero, lets v times the gradient reach the draws. So v may come from decoding them.
    """
    zeros = jnp.zeros(draws.shape[:2], draws.dtype)
    return draws, zeros, zeros


def _backward(_: None, slopes: tuple[Array, Array, Array]) -> tuple[Array]:
    draws, channel, scale = slopes
    is_idle = scale == 0  # a row of weight 0
    factor = jnp.where(is_idle, 0, channel / jnp.where(is_idle, 1, scale))
    return (draws * factor[..., None],)


scaled_backwards.defvjp(lambda draws: (scaled_backwards(draws), None), _backward)
