"""A loss low enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.contracts import Record, Stop, watched
from isthmus.errors import require


@dataclass(frozen=True)
class Target(Stop):
    """Stop when the loss is at most `loss`: of validation rows where there are some, else in training.

    Parameters
    ----------
    loss : mean over rows, summed over columns.

    Examples
    --------
    >>> Target(0.5)([{"loss": 0.4}])
    'the loss reached 0.5'
    """

    loss: float

    def __post_init__(self) -> None:
        require(self.loss >= 0, "Target.loss", "at least 0", self.loss)

    def __call__(self, history: Sequence[Record]) -> str | None:
        losses = watched(history)
        return f"the loss reached {self.loss:g}" if losses and losses[-1] <= self.loss else None
