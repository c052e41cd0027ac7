"""Annotations and the plain values they allow: lists become tuples, integers become floats, all else is refused."""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
import types
import typing
from collections.abc import Callable
from typing import Any, Literal

from isthmus.errors import short as short

LARGEST = 2**31  # no setting is a whole number as large
MOST_ITEMS = 1000  # of a list in a setting
UNFIT = object()
"""What `coerce` returns for a value that an annotation does not allow."""

_HINTS: dict[Any, dict[str, Any]] = {}


def field_hints(cls: Any) -> dict[str, Any]:
    """Return the annotations of a dataclass's fields, by name, read once."""
    if cls not in _HINTS:
        hints = typing.get_type_hints(cls)
        _HINTS[cls] = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    return _HINTS[cls]


def flat_hints(hint: Any) -> list[Any]:
    """Return an annotation and all that stand inside it: of `float | None` also `float` and `None`."""
    return [hint] + [inner for argument in typing.get_args(hint) for inner in flat_hints(argument)]


def coerce(value: Any, hint: Any, as_part: Callable[[Any, Any], Any]) -> Any:
    """Return `value` as `hint` asks for it, or `UNFIT`; `as_part` decides where `hint` is a class of its own."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = (coerce(value, argument, as_part) for argument in arguments)
        return next((option for option in options if option is not UNFIT), UNFIT)
    if origin is tuple:
        if isinstance(value, int) and not isinstance(value, bool):
            value = (value,)  # a number stands for a list of it, as a width for layers
        if not isinstance(value, list | tuple):
            return UNFIT
        items = tuple(coerce(item, arguments[0], as_part) for item in value)
        return UNFIT if any(item is UNFIT for item in items) else items
    if origin is Literal:
        return arguments[arguments.index(value)] if isinstance(value, str) and value in arguments else UNFIT
    if hint in _PLAIN:
        return _fit_plain(value, hint)
    return as_part(value, hint)


def describe(hint: Any, describe_part: Callable[[Any], str]) -> str:
    """Return what an annotation allows, in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(argument, describe_part) for argument in arguments)
    if origin is tuple:
        return f"a list of {describe(arguments[0], describe_part).removeprefix('a ').removeprefix('an ')}s"
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    return _PLAIN.get(hint) or describe_part(hint)


_PLAIN = {
    float: "a finite number",
    int: "a whole number",
    bool: "True or False",
    str: "text",
    types.NoneType: "None",
}


def _fit_plain(value: Any, hint: Any) -> Any:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if hint is types.NoneType:
        return None if value is None else UNFIT
    if hint is float:
        return _fit_float(value) if is_number else UNFIT
    if hint is int:
        is_whole = is_number and isinstance(value, numbers.Integral)
        return int(value) if is_whole and abs(int(value)) < LARGEST else UNFIT
    if hint is str:
        return str(value) if isinstance(value, str) else UNFIT
    return value if isinstance(value, hint) else UNFIT


def _fit_float(value: Any) -> Any:
    try:
        number = float(value)
    except OverflowError:
        return UNFIT
    return number if math.isfinite(number) else UNFIT


def singular(kind: str) -> str:
    """Return the name of one part of a kind: one of the `penalties` is a `penalty`."""
    return re.sub(r"ies$", "y", kind) if kind.endswith("ies") else kind.removesuffix("s")


def article(word: str) -> str:
    """Return the article before a word."""
    return "an" if word[0] in "aeiou" else "a"
