"""Where rows come from: one file for each kind of table, each says by itself what it accepts."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isthmus.data.source import Source
from isthmus.errors import InvalidData, is_file, no_file, suggestion


@functools.cache
def source_types() -> tuple[type[Source], ...]:
    """Return the kinds of sources: one class for each file of the room."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        found += [m for m in members if inspect.isclass(m) and m.__module__.endswith(f".{module.name}")]
    return tuple(kind for kind in found if issubclass(kind, Source))


def source_type(name: str) -> type[Source]:
    """Return the kind of source whose file in the room has that name."""
    return next(kind for kind in source_types() if kind.__module__.rpartition(".")[2] == name)


def open_source(data: Any, columns: Sequence[str] | None = None) -> Source:
    """Return the source for a table or the path of one; of a file with names, only `columns` where they are given.

    Raises
    ------
    InvalidData
        If the file is missing or of an unknown kind, or the table does not hold numbers in rows and columns.
    """
    if isinstance(data, Source):
        return data
    source = find_source(data)
    source.choose(columns)
    return source


def find_source(data: Any) -> Source:
    """Return the source for a table or the path of one, its columns not yet chosen."""
    if isinstance(data, Source):
        return data
    if isinstance(data, str | Path) and not is_file(Path(data)):
        raise InvalidData(no_file(Path(data)))
    for kind in source_types():
        if kind.accepts(data):
            return kind(data)
    if isinstance(data, str | Path):
        suffixes = sorted(suffix for kind in source_types() for suffix in kind.suffixes)
        near = suggestion(Path(data).suffix, suffixes)
        raise InvalidData(f"{data} has an unsupported suffix.{near} There are: {', '.join(suffixes)}.")
    raise InvalidData(f"a {type(data).__module__}.{type(data).__qualname__} is not a table: pass a frame or an array.")
