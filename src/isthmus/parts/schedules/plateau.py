"""Lower on a plateau."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Record, Schedule, watched
from isthmus.errors import require


@dataclass(frozen=True)
class Plateau(Schedule):
    """`start`, times `rate` whenever the loss has not fallen for `epochs` epochs.

    The validation loss is watched where there is one, else the training loss.

    Parameters
    ----------
    start : the first value.
    rate : the factor, in (0, 1).
    epochs : how many epochs without a new lowest loss are a plateau.

    Examples
    --------
    >>> Plateau(0.1, rate=0.5, epochs=2).factor([{"loss": 3.0}, {"loss": 3.0}, {"loss": 3.0}])
    0.5
    """

    start: float
    rate: float = 0.5
    epochs: int = 5

    def __post_init__(self) -> None:
        require(0 < self.rate < 1, "Plateau.rate", "in (0, 1)", self.rate)
        require(self.epochs >= 1, "Plateau.epochs", "at least 1", self.epochs)

    def __call__(self, step: Array) -> Array:
        return jnp.asarray(self.start)

    def factor(self, history: Sequence[Record]) -> float:
        factor, lowest, waited = 1.0, float("inf"), 0
        for loss in watched(history):
            waited = 0 if loss < lowest else waited + 1
            lowest = min(lowest, loss)
            if waited == self.epochs:
                factor, waited = factor * self.rate, 0
        return factor
