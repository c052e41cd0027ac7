"""No new lowest loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.contracts import Record, Stop, watched
from isthmus.errors import require


@dataclass(frozen=True)
class Patience(Stop):
    """Stop when the validation loss has had no new lowest value for some epochs.

    Where there are no validation rows, the training loss is watched.

    Parameters
    ----------
    epochs : how many epochs to wait.
    margin : by what share the loss must fall to count as lower, as 0.001.

    Examples
    --------
    >>> Patience(2)([{"loss": 3.0}, {"loss": 3.5}, {"loss": 3.2}])
    'no lower loss for 2 epochs'
    """

    epochs: int = 10
    margin: float = 0.0

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "Patience.epochs", "at least 1", self.epochs)
        require(0 <= self.margin < 1, "Patience.margin", "in [0, 1)", self.margin)

    def __call__(self, history: Sequence[Record]) -> str | None:
        lowest, waited = float("inf"), 0
        for loss in watched(history):
            is_lower = loss < (lowest - self.margin * abs(lowest) if lowest < float("inf") else lowest)
            lowest, waited = (loss, 0) if is_lower else (lowest, waited + 1)
        return f"no lower loss for {self.epochs} epochs" if waited >= self.epochs else None
