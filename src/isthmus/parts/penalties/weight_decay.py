"""The squared size of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import ForwardPass, Head, Network, Penalty, Schedule
from isthmus.errors import InvalidPart


@dataclass(frozen=True)
class WeightDecay(Penalty):
    """weight · Σ ‖W‖² over the weight matrices of the whole model, never over biases or slopes.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    on : `"all"`, or `"target"` for those of the head of a target alone. With a hinge loss, a mean over n rows, that is
        a support vector machine, ‖W‖² / 2 + C Σ loss, of C = 1 / (2 n weight).

    Examples
    --------
    >>> str(WeightDecay(1e-05))
    'weight_decay(1e-05)'
    """

    weight: float | Schedule = 1e-4
    on: Literal["all", "target"] = "all"

    def __call__(self, forward: ForwardPass) -> Array:
        place: Network | Head | None = forward.model if self.on == "all" else forward.model.target
        if place is None:
            raise InvalidPart("weight_decay(on='target') needs a target, as that of NetworkClassifier: use on='all'.")
        matrices = [leaf for leaf in jax.tree.leaves(place) if jnp.ndim(leaf) >= 2]
        return sum((jnp.sum(jnp.square(matrix)) for matrix in matrices), start=jnp.zeros(()))
