"""What error a codec may make: a number for all columns, or one by column, in one of three units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.core.constraints import Constraint, is_finite, is_number, is_whole

KINDS = ("absolute", "range", "value")


@dataclass(frozen=True)
class Tolerance:
    """The error that is allowed in one column."""

    error: float
    kind: str  # absolute, or relative to the range of the column, or to each value


class Errors(Constraint):
    """None, a number above 0, or numbers by column."""

    @property
    def allowed(self) -> str:
        return (
            "None for a lossless codec, a number above 0, or a dict from columns to such, or to pairs as "
            '(0.01, "range") with "absolute", "range" or "value"'
        )

    def holds(self, value: Any) -> bool:
        if isinstance(value, Mapping):
            are_names = all(isinstance(key, str) or is_whole(key) for key in value)
            return are_names and all(is_error(error) for error in value.values())
        return value is None or _is_above_0(value)

    def to_json(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return None if value is None else float(value)
        return {str(column): _plain(error) for column, error in value.items()}

    def from_json(self, name: str, data: Any) -> Any:
        return data  # `check` looks at it


def is_error(value: Any) -> bool:
    """Say whether a value is what a dict of errors may hold for a column."""
    if isinstance(value, list | tuple):
        return len(value) == 2 and _is_above_0(value[0]) and isinstance(value[1], str) and value[1] in KINDS
    return value is None or _is_above_0(value)


def _is_above_0(value: Any) -> bool:
    return is_number(value) and is_finite(value) and value > 0


def _plain(error: Any) -> Any:
    if isinstance(error, list | tuple):
        return [float(error[0]), error[1]]
    return None if error is None else float(error)
