"""The weights have settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.contracts import Record, Stop
from isthmus.errors import require


@dataclass(frozen=True)
class WeightChange(Stop):
    """Stop when an epoch moves the weights by less than a share of their length: ‖w − w₀‖ < tolerance · ‖w₀‖.

    Parameters
    ----------
    tolerance : that share, above 0.

    Examples
    --------
    >>> WeightChange(0.01)([{"weight_change": 0.005}])
    'the weights moved by less than 0.01 of their length'
    """

    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        require(self.tolerance > 0, "WeightChange.tolerance", "above 0", self.tolerance)

    def __call__(self, history: Sequence[Record]) -> str | None:
        is_settled = bool(history) and history[-1]["weight_change"] < self.tolerance
        return f"the weights moved by less than {self.tolerance:g} of their length" if is_settled else None
