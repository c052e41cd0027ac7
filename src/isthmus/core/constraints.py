"""Constraints on parameters: what each may be, declared once, checked by one function, and written as JSON."""

from __future__ import annotations

import abc
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.core.coercion import LARGEST
from isthmus.core.part import Part
from isthmus.core.spelling import part_from_json, resolve, unique_names
from isthmus.errors import InvalidPart, require

MOST_PARTS = 100  # in a list
Plain = bool | int | float | str | None


class Constraint(abc.ABC):
    """What a parameter may be."""

    @property
    @abc.abstractmethod
    def allowed(self) -> str:
        """Say what is allowed, as the end of «name must be …»."""

    @abc.abstractmethod
    def holds(self, value: Any) -> bool:
        """Say whether a value is allowed."""

    def check(self, name: str, value: Any) -> None:
        """Raise `InvalidPart` where a value is not allowed."""
        holds = self.holds(value)
        require(holds, name, self.allowed, value, "" if holds else self.hint(value))

    def hint(self, value: Any) -> str:
        """Return what may have been meant by a value that is not allowed, a sentence behind a space, or nothing."""
        return ""

    def to_json(self, value: Any) -> Any:
        """Return a value as plain JSON; what no file can hold, as a generator of random numbers, as None."""
        plain = value.item() if isinstance(value, np.generic) else value
        if is_number(plain) and not isinstance(plain, int | float):  # as a fraction
            plain = int(plain) if is_whole(plain) else float(plain)
        return plain if isinstance(plain, Plain) else None

    def from_json(self, name: str, data: Any) -> Any:
        """Return the value that `to_json` wrote; `data` may be anything.

        Raises
        ------
        InvalidPart
            If it is of another form.
        """
        require(isinstance(data, Plain), name, "a plain value", data)
        return data

    def parts(self, value: Any) -> dict[str, Part]:
        """Return the parts in a value by key, '' for the only one; none where it spells none."""
        return {}


AUTO = "auto"
OPEN = re.compile(r"auto(?:\((\w+)\))?")


def is_auto(value: Any) -> bool:
    """Say whether a parameter is left open: `"auto"`, or `"auto(gaussian)"`, which names what stands for it.

    That is taken where nothing about a table speaks for another part.
    """
    return isinstance(value, str) and OPEN.fullmatch(value) is not None


@dataclass(frozen=True)
class OnePart(Constraint):
    """A part of a kind, its spelling, or what stands for one."""

    contract: type[Part]
    optional: bool = False
    automatic: str | None = None  # what "auto" stands for, where nothing about a table speaks for another part

    @property
    def allowed(self) -> str:
        return f"{self.contract.__name__}, or its spelling"

    def holds(self, value: Any) -> bool:
        return value is not None or self.optional

    def check(self, name: str, value: Any) -> None:
        super().check(name, value)
        self.resolve(value)

    def resolve(self, value: Any) -> Any:
        """Return the part, or None."""
        if self.automatic is not None and isinstance(value, str) and (match := OPEN.fullmatch(value)):
            value = match[1] or self.automatic
        return None if value is None else resolve(self.contract, value)

    def to_json(self, value: Any) -> Any:
        part = self.resolve(value)
        return None if part is None else part.to_json()

    def from_json(self, name: str, data: Any) -> Any:
        return None if data is None else part_from_json(self.contract.kind, data)

    def parts(self, value: Any) -> dict[str, Part]:
        try:
            part = self.resolve(value)
        except InvalidPart:  # `check` says what is wrong with it
            return {}
        return {} if part is None else {"": part}


@dataclass(frozen=True)
class ManyParts(Constraint):
    """A list of parts of a kind; one part counts as a list of it, None as none."""

    contract: type[Part]

    @property
    def allowed(self) -> str:
        return f"a list of {self.contract.__name__}"

    def holds(self, value: Any) -> bool:
        return True

    def check(self, name: str, value: Any) -> None:
        self.resolve(value)

    def resolve(self, value: Any) -> tuple[Any, ...]:
        """Return the parts."""
        if value is None:
            return ()
        values = value if isinstance(value, list | tuple) else [value]
        require(len(values) <= MOST_PARTS, self.contract.kind, f"at most {MOST_PARTS} parts", len(values))
        return tuple(resolve(self.contract, item) for item in values)

    def to_json(self, value: Any) -> Any:
        return [part.to_json() for part in self.resolve(value)]

    def from_json(self, name: str, data: Any) -> Any:
        require(isinstance(data, list), name, "a list of parts", data)
        require(len(data) <= MOST_PARTS, name, f"at most {MOST_PARTS} parts", len(data))
        return [part_from_json(self.contract.kind, item) for item in data]

    def parts(self, value: Any) -> dict[str, Part]:
        try:
            parts = self.resolve(value)
        except InvalidPart:
            return {}
        return dict(zip(unique_names(parts), parts, strict=True))


@dataclass(frozen=True)
class Whole(Constraint):
    """A whole number."""

    at_least: int
    optional: bool = False
    at_most: int = LARGEST - 1

    @property
    def allowed(self) -> str:
        most = f" and at most {self.at_most:,}" if self.at_most < LARGEST - 1 else ""
        return f"a whole number of at least {self.at_least}{most}{', or None' if self.optional else ''}"

    def holds(self, value: Any) -> bool:
        return (value is None and self.optional) or (is_whole(value) and self.at_least <= value <= self.at_most)

    def check(self, name: str, value: Any) -> None:
        if is_whole(value) and value >= LARGEST:
            require(False, name, f"below {LARGEST:,}", value)
        super().check(name, value)


@dataclass(frozen=True)
class Interval(Constraint):
    """A number between two ends; `closed` names the ends that belong to it."""

    low: float
    high: float = np.inf
    closed: str = "both"
    optional: bool = False
    is_share: bool = True  # where it ends at 1 or below: it may have been meant in percent

    @property
    def allowed(self) -> str:
        if self.high == np.inf:
            words = f"a number of at least {self.low:g}" if self.closed in ("both", "low") else f"above {self.low:g}"
        else:
            left = "[" if self.closed in ("both", "low") else "("
            right = "]" if self.closed in ("both", "high") else ")"
            words = f"in {left}{self.low:g}, {self.high:g}{right}"
        return f"{words}{', or None' if self.optional else ''}"

    def holds(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if not is_number(value) or not is_finite(value):
            return False
        is_above = value >= self.low if self.closed in ("both", "low") else value > self.low
        is_below = value <= self.high if self.closed in ("both", "high") else value < self.high
        return bool(is_above and is_below)

    def hint(self, value: Any) -> str:
        """Return the share that a percentage is, where a share is due: 0.05 for 5.

        Examples
        --------
        >>> Interval(0, 0.5).hint(5.0)
        ' 5 % is 0.05.'
        """
        is_percentage = self.is_share and self.high <= 1 and is_number(value) and is_finite(value) and value >= 1
        return f" {value:g} % is {value / 100:g}." if is_percentage and self.holds(value / 100) else ""


@dataclass(frozen=True)
class Choice(Constraint):
    """One of few values."""

    values: tuple[Any, ...]

    @property
    def allowed(self) -> str:
        words = [repr(value) for value in self.values]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

    def holds(self, value: Any) -> bool:
        return any(value is allowed or (isinstance(value, str) and value == allowed) for allowed in self.values)


@dataclass(frozen=True)
class Flag(Constraint):
    """True or False."""

    @property
    def allowed(self) -> str:
        return "True or False"

    def holds(self, value: Any) -> bool:
        return isinstance(value, bool | np.bool_)


@dataclass(frozen=True)
class AnyOf(Constraint):
    """What one of several constraints allows."""

    options: tuple[Constraint, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(option.allowed for option in self.options)

    def holds(self, value: Any) -> bool:
        return any(option.holds(value) for option in self.options)

    def hint(self, value: Any) -> str:
        return next(filter(None, (option.hint(value) for option in self.options)), "")


@dataclass(frozen=True)
class Seed(Constraint):
    """What scikit-learn calls a random state."""

    @property
    def allowed(self) -> str:
        return "None, a generator of NumPy, or a whole number in [0, 2**32)"

    def holds(self, value: Any) -> bool:
        is_generator = isinstance(value, np.random.RandomState | np.random.Generator)
        return value is None or is_generator or (is_whole(value) and 0 <= value < 2**32)


def check_parameters(constraints: Mapping[str, Constraint], values: Mapping[str, Any]) -> None:
    """Raise `InvalidPart` for the first parameter that is not allowed.

    Examples
    --------
    >>> check_parameters({"max_epochs": Whole(0)}, {"max_epochs": -1})
    Traceback (most recent call last):
        ...
    isthmus.errors.InvalidPart: max_epochs must be a whole number of at least 0. Got -1.
    """
    for name, constraint in constraints.items():
        constraint.check(name, values[name])


def is_whole(value: Any) -> bool:
    """Say whether a value is a whole number, and no truth value."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def is_finite(value: Any) -> bool:
    """Say whether a number is finite as a float."""
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:
        return False


def is_number(value: Any) -> bool:
    """Say whether a value is a real number, and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
