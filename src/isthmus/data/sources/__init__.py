"""Sources of tables: one file for each kind, and each says by itself what it accepts."""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import os
import pkgutil
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from isthmus.data.arrow import ColumnSource
from isthmus.data.dialect import ReadingOptions
from isthmus.data.files import COMPRESSIONS, has_suffix, is_folder, is_pattern
from isthmus.data.records import frame_of_records
from isthmus.data.schema import ColumnKinds
from isthmus.data.source import Source
from isthmus.data.table_source import TableSource
from isthmus.data.text_source import TextSource
from isthmus.data.windows import Windows
from isthmus.errors import InvalidData, is_file, no_file, suggestion

SUFFIXES = {
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"\xff\xff\xff\xff": ".arrow",
    b"\x93NUMPY": ".npy",
    b"PK": ".xlsx",
    b"\x1f\x8b": ".csv.gz",
    b"BZh": ".csv.bz2",
    b"\x28\xb5\x2f\xfd": ".csv.zst",
    b"{": ".jsonl",
}
"""The first bytes of a stream, and the suffix of a file of its format; others are CSV."""
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


def open_table(
    data: Any,
    columns: Mapping[str, Any] | None = None,
    *,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    na: Sequence[str] | None = None,
    header: bool | None = None,
    key: str | None = None,
    size: Sequence[int] | None = None,
) -> Source:
    """Return the source of a table or of the path of one, whatever its columns hold; a source is its own.

    Wherever a table is expected its source may be given: then it is opened once, however often it is used.

    Parameters
    ----------
    data : an array, nested lists, a SciPy sparse matrix, a frame of pandas, polars or any library that narwhals knows,
        a table or stream of Arrow, a dict of columns or of one row, a list of such rows, the path of a
        file, of a folder of files, or a pattern for some, or a stream of bytes, as `sys.stdin.buffer`.
    columns : what columns hold, by name, as in `Autoencoder`: a kind, `"datetime:d/m/y"` or another format of dates,
        or the values of a column in their order.
    sep : what stands between the cells of a text file; None lets the file show it, as all of the following.
    decimal : its decimal sign, `"."` or `","`.
    encoding : of the file, as Python names it.
    na : words that mark a missing cell in every column, as `["NA", "none"]`. Blank cells always are missing; NA, null,
        ? and the like are so among numbers and dates; among texts only ? and what no text is, as #N/A, since a word
        may be a value there. An empty list lets ? be a text.
    header : whether the first line holds the names of the columns; None refuses one that looks like a row.
    key : the array of an NPZ file; None takes `X`, or the only one.
    size : the width and height that pictures are brought to, each as the mode of the first; None refuses pictures
        that differ.

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
    options = ReadingOptions(sep, decimal, encoding, na, header, key, size)
    options.check()
    if isinstance(data, Source):
        source = data
        _refuse_options(options, "a table that is open")
    elif isinstance(data, str | Path):
        source = _open_path(data, options)
    elif isinstance(data, io.IOBase):
        source = _open_stream(data, options)
    else:
        _refuse_options(options, "a table in memory")
        source = _open_object(data)
    if not columns:
        return source
    ColumnKinds().check("columns", columns)
    if not isinstance(source, ColumnSource):
        raise InvalidData("columns: expected a frame or a file with names of columns; got a table without.")
    return source.with_kinds(columns)


def _refuse_options(options: ReadingOptions, what: str, taken: Sequence[str] = ()) -> None:
    """Raise `InvalidData` for an option of reading files that is not `taken`."""
    given = next((name for name, value in options._asdict().items() if value is not None and name not in taken), None)
    if given is not None:
        kind = {"key": "an NPZ file", "size": "a folder of pictures"}.get(given, "a text file, as .csv")
        raise InvalidData(f"{given}: expected {kind}, which it is for; got {what}. Leave it out.")


def _open_path(path: str | Path, options: ReadingOptions) -> Source:
    kind = _kind_of_path(path)
    _refuse_options(options, str(path), kind.takes)
    return cast(Any, kind)(path, options) if kind.takes else kind(path)


class _TemporaryFolder:
    """A folder that is removed with the last object that holds this one."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="isthmus-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _open_stream(stream: io.IOBase, options: ReadingOptions) -> Source:
    """Return the source of what a stream of bytes, as standard input, holds: its first bytes show the format."""
    folder = _TemporaryFolder()
    beginning = stream.read(64)
    if not isinstance(beginning, bytes):
        raise InvalidData("expected a stream of bytes; got one of texts. Open it with mode 'rb'.")
    suffix = next((suffix for magic, suffix in SUFFIXES.items() if beginning.startswith(magic)), ".csv")
    suffix = ".npz" if suffix == ".xlsx" and b".npy" in beginning else suffix  # archives, too
    path = folder.path / f"input{suffix}"
    with path.open("wb") as file:
        file.write(beginning)
        shutil.copyfileobj(stream, file)
    name = str(getattr(stream, "name", "a stream"))
    try:
        source = _open_path(path, options)
    except InvalidData as error:
        raise InvalidData(str(error).replace(str(path), name)) from error
    source.name, source.folder = name, folder
    return source


def _open_object(data: Any) -> Source:
    data = frame_of_records(data)
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
