"""Sources of tables: one file for each kind, and each says by itself what it accepts."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from isthmus.data.files import COMPRESSIONS, has_suffix, is_folder, is_pattern
from isthmus.data.source import Source
from isthmus.data.table_source import TableSource
from isthmus.data.text_source import TextSource
from isthmus.data.windows import Windows
from isthmus.errors import InvalidData, is_file, no_file, suggestion

MADE: tuple[type[Source], ...] = (TableSource, TextSource, Windows)  # by estimators and `isthmus.windows`, of no data


@functools.cache
def source_types() -> tuple[type[Source], ...]:
    """Return the kinds of sources that open data, one for each file of this folder, in the order they are asked in."""
    members = []
    for module in pkgutil.iter_modules(__path__):
        values = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        members += [m for m in values if inspect.isclass(m) and m.__module__.endswith(f".{module.name}")]
    return tuple(sorted((kind for kind in members if issubclass(kind, Source)), key=lambda kind: -kind.priority))


def source_type(name: str) -> type[Source]:
    """Return the kind of source of that name, as model files hold it.

    Raises
    ------
    InvalidData
        If the name is unknown.
    """
    kinds = {kind.form: kind for kind in (*source_types(), *MADE)}
    if name not in kinds:
        there = ", ".join(sorted(kinds))
        raise InvalidData(f"no kind of table is called {name!r}.{suggestion(name, kinds)} There are: {there}.")
    return kinds[name]


def open_numbers(data: Any, columns: Sequence[str] | None = None) -> Source:
    """Return the source of a table of numbers, or of the path of one; of one with names, only `columns` where given.

    Raises
    ------
    InvalidData
        If the file is missing or of an unknown kind, or the table does not hold numbers in rows and columns.
    """
    if isinstance(data, Source):
        return data
    source = open_table(data).select(columns)
    source.row  # noqa: B018 -- it refuses what are no numbers
    return source


def open_table(data: Any) -> Source:
    """Return the source of a table or of the path of one, whatever its columns hold; a source is its own.

    Wherever a table is expected its source may be given: then it is opened once, however often it is used.

    Parameters
    ----------
    data : an array, nested lists, a SciPy sparse matrix, a frame of pandas, polars or any library that narwhals knows,
        a table or stream of Arrow, or the path of a file, of a folder of files, or a pattern for some.

    Examples
    --------
    >>> source = open_table(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> source.n_rows, source.row.size
    (2, 2)

    Raises
    ------
    InvalidData
        If the file is missing or of an unknown kind, or cannot be read, or `data` is no table.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, str | Path):
        return _kind_of_path(data)(data)
    for kind in source_types():
        if kind.accepts(data):
            return kind(data)
    raise InvalidData(f"a {type(data).__module__}.{type(data).__qualname__} is not a table: pass a frame or an array.")


def is_path(data: Any) -> bool:
    """Say whether `data` is meant as the path of a table: a path, or a text that ends as one or names a folder.

    Examples
    --------
    >>> [is_path(text) for text in ("t.TSV", "t.csv.gz", "parts/*.pq", "a red ball", "1, 2")]
    [True, True, True, False, False]
    """
    if not isinstance(data, str) or not data:
        return isinstance(data, Path)
    if any(has_suffix(data, kind.suffixes) for kind in source_types()):
        return True
    return is_folder(data) and any(kind.accepts(data) for kind in source_types())


def _kind_of_path(path: str | Path) -> type[Source]:
    """Return the kind of source that reads a file, a folder of files, or those that match a pattern."""
    kinds = [kind for kind in source_types() if kind.accepts(path)]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        endings = [kind.suffixes[0] for kind in kinds]
        folder = Path(path) if is_folder(path) else Path(path).parent
        raise InvalidData(
            f"{path} stands for files of several kinds, {' and '.join(endings)}: expected files of one kind. Pass a "
            f"pattern for them, such as '{folder / f'*{endings[0]}'}'."
        )
    raise InvalidData(_no_table(path))


def _no_table(path: str | Path) -> str:
    """Return the sentence for a path that no kind of source reads."""
    if is_file(Path(path)):
        known = _endings(source_types())
        return f"{path} has an unsupported suffix.{suggestion(Path(path).suffix, known)} There are: {', '.join(known)}."
    expected = ", ".join(_endings(kind for kind in source_types() if kind.reads_many))
    if is_folder(path):
        if not os.access(path, os.R_OK | os.X_OK):
            return f"{path} is a folder that may not be read: expected one that you have the right to read."
        return f"{path} is a folder without tables: expected files that end in {expected}."
    if is_pattern(path):
        return f"no table matches {path}: expected a pattern for files that end in {expected}."
    return no_file(Path(path))


def _endings(kinds: Iterable[type[Source]]) -> list[str]:
    """Return the suffixes of files, but for those of compressed ones."""
    suffixes = sorted(suffix for kind in kinds for suffix in kind.suffixes)
    return [suffix for suffix in suffixes if not suffix.endswith(tuple(COMPRESSIONS))]
