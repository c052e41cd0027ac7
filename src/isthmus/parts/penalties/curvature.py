"""How fast the Jacobian of the code changes with the row."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import ForwardPass, Penalty, Schedule
from isthmus.errors import require, require_within
from isthmus.parts.penalties._jacobian import Form, norm

MOST_DRAWS = 10_000


@dataclass(frozen=True)
class Curvature(Penalty):
    """weight · E ‖J(x) − J(x + e)‖²_F for each row, J the Jacobian of the code, e normal noise.

    For small noise it is the squared deviation times the squared norm of the code's second derivatives. It stands
    beside `contractive`: the two together are the higher-order contractive autoencoder.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    deviation : of the noise, in the units of the scaled columns.
    draws : of the noise, for each row and step.
    form : as of `contractive`: `"closed"`, `"exact"`, `"estimate"` or `"auto"`.

    References
    ----------
    Rifai et al. (2011), Higher order contractive auto-encoder.

    Examples
    --------
    >>> str(Curvature(0.5, draws=2))
    'curvature(0.5, draws=2)'
    """

    weight: float | Schedule = 0.1
    deviation: float = 0.1
    draws: int = 4
    form: Form = "auto"

    is_random = True

    def __post_init__(self) -> None:
        require(self.deviation > 0, "Curvature.deviation", "greater than 0", self.deviation)
        require_within(self.draws, 1, MOST_DRAWS, "Curvature.draws")

    def __call__(self, forward: ForwardPass) -> Array:
        x = forward.rows
        # Without a key the noise is the same every time, so that losses without noise can be compared.
        noise, *probes = jax.random.split(jax.random.key(0) if forward.key is None else forward.key, 1 + self.draws)
        away = self.deviation * jax.random.normal(noise, (self.draws, *x.shape), x.dtype)
        others = x + jnp.where(forward.is_measured, away, 0)  # a category stays
        norms = jax.vmap(
            lambda other, probe: norm(self.form, forward.model, x, other, probe, 1, is_round=forward.is_round)
        )(others, jnp.stack(probes))
        return jnp.mean(norms, axis=0)
