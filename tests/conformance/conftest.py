"""What the suites over all parts share."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any

import pytest

from isthmus.contracts import Schedule
from isthmus.core.part import Part

REQUIRED: dict[Any, Any] = {int: 8, float: 0.5, float | Schedule: 0.5}
"""A value for a setting without a default, by its kind."""


@pytest.fixture(scope="session")
def example() -> Callable[[Any], Any]:
    """Return a function that makes a part of a class, with its defaults and a value where there is none."""

    def make(cls: Any) -> Part:
        hints = typing.get_type_hints(cls)
        required = [field.name for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING]
        return cls(**{name: _value(hints[name]) for name in required})

    return make


def _value(hint: Any) -> Any:
    """Return a value for a setting: of listed words the first."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Literal else REQUIRED[hint]
