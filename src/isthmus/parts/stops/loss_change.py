"""The loss has settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.contracts import Record, Stop
from isthmus.errors import require


@dataclass(frozen=True)
class LossChange(Stop):
    """Stop when the training loss changes by less than a share of itself from one epoch to the next.

    Parameters
    ----------
    tolerance : that share, above 0.

    Examples
    --------
    >>> LossChange(0.01)([{"loss": 3.0}, {"loss": 2.99}])
    'the loss changed by less than 0.01 of itself'
    """

    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        require(self.tolerance > 0, "LossChange.tolerance", "above 0", self.tolerance)

    def __call__(self, history: Sequence[Record]) -> str | None:
        if len(history) < 2:
            return None
        before, now = history[-2]["loss"], history[-1]["loss"]
        is_settled = before == now or abs(before - now) < self.tolerance * abs(before)
        return f"the loss changed by less than {self.tolerance:g} of itself" if is_settled else None
