"""The squared size of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import ForwardPass, Penalty, Schedule


@dataclass(frozen=True)
class WeightDecay(Penalty):
    """weight · Σ ‖W‖² over the weight matrices of the whole model, never over biases or slopes.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.

    Examples
    --------
    >>> str(WeightDecay(1e-05))
    'weight_decay(1e-05)'
    """

    weight: float | Schedule = 1e-4

    def __call__(self, forward: ForwardPass) -> Array:
        matrices = [leaf for leaf in jax.tree.leaves(forward.model) if jnp.ndim(leaf) >= 2]
        return sum((jnp.sum(jnp.square(matrix)) for matrix in matrices), start=jnp.zeros(()))
