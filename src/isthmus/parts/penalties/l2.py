"""The squared size of the code."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import ForwardPass, Penalty, Schedule


@dataclass(frozen=True)
class L2(Penalty):
    """weight · ‖h‖₂² for each row, h the code. The mean over draws where the code has several.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.

    Examples
    --------
    >>> str(L2(0.01))
    'l2(0.01)'
    """

    weight: float | Schedule = 1e-3

    def __call__(self, forward: ForwardPass) -> Array:
        return jnp.mean(jnp.sum(jnp.square(forward.code.draws), axis=-1), axis=0)
