"""Enough time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.contracts import Record, Stop
from isthmus.errors import require


@dataclass(frozen=True)
class TimeLimit(Stop):
    """Stop after the first epoch that ends later than `seconds` after the start; time before a resume counts.

    Parameters
    ----------
    seconds : of training, above 0.

    Examples
    --------
    >>> TimeLimit(60)([{"seconds": 61.0}])
    '60 seconds have passed'
    """

    seconds: float

    compares = False

    def __post_init__(self) -> None:
        require(self.seconds > 0, "TimeLimit.seconds", "above 0", self.seconds)

    def __call__(self, history: Sequence[Record]) -> str | None:
        is_over = bool(history) and history[-1]["seconds"] >= self.seconds
        return f"{self.seconds:g} seconds have passed" if is_over else None
