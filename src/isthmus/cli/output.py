"""Output files: a table in the format of its suffix, written at once or not at all."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Annotated, Any, cast

import typer

import isthmus
from isthmus.cli import screen
from isthmus.errors import IsthmusError, suggestion

STANDARD = Path("-")  # standard output, where CSV is written
SafeCsv = Annotated[
    bool, typer.Option("--safe-csv", help="Write what a spreadsheet would run as a formula, as =1+1, with ' before.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there, without asking.")]
FORMULA = re.compile(
    rb"""(?:\A|[,;\t\n"])([=@][^,;\t\n"]{1,60}|[+-][^,;\t\n"]*[^-+0-9.,;\t\n"eEinf][^,;\t\n"]{0,40})"""
)
MODELS = (".safetensors",)
TEXTS = (".csv", ".tsv")
MORE_THAN_NUMBERS = "the table holds more than numbers, and .npy is for numbers: write .parquet or .csv."


def check(path: Path, suffixes: Sequence[str], *inputs: Path, force: bool) -> None:
    """Refuse an output that cannot be written, before any work is done for it.

    Parameters
    ----------
    suffixes : those that the file may have; none for any.
    inputs : files that it must not take the place of.
    force : whether it may take the place of a file that is there; else that is asked on a terminal, and refused
        elsewhere.

    Raises
    ------
    IsthmusError
        Saying what is wrong with the name.
    """
    if path == STANDARD and ".csv" in suffixes:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        known = ", ".join(suffixes)
        near = suggestion(path.suffix.lower(), suffixes)
        raise IsthmusError(f"the output {path} has an unsupported suffix.{near} There are: {known}.")
    folder = path.parent
    if not folder.is_dir():
        others = [other.name for other in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise IsthmusError(
            f"there is no folder {folder} for {path.name}.{suggestion(folder.name, others)} Make it first."
        )
    if path.is_dir():
        raise IsthmusError(f"the output {path} is a folder: name a file in it.")
    if path.exists() and not path.is_file():
        raise IsthmusError(f"the output {path} is a device or a pipe, not a file: name another output.")
    if not os.access(folder, os.W_OK):
        raise IsthmusError(f"the folder {folder} may not be written to: name an output elsewhere.")
    if path.resolve() in [other.resolve() for other in inputs]:
        raise IsthmusError(f"{path} is named twice: give the output another name than the other files have.")
    if path.exists() and not force:
        ask_to_overwrite(path)


def ask_to_overwrite(path: Path) -> None:
    """Raise `IsthmusError` unless somebody at a terminal says that a file may be overwritten."""
    if not screen.can_ask():
        raise IsthmusError(f"{path} is there already: name another output, or overwrite it by --force.")
    if not screen.ask(f"{path} is there already: overwrite it?"):
        raise IsthmusError(f"{path} stays as it is, and nothing was done.")


def check_values(path: Path, source: Any) -> None:
    """Refuse, before any work is done for it, an output that cannot hold what the columns of a table hold."""
    if path.suffix.lower() == ".npy" and not source.is_numeric:
        raise IsthmusError(MORE_THAN_NUMBERS)


def write(path: Path, values: Any, names: Sequence[str], *, is_safe: bool = False) -> None:
    """Write `values` [rows, columns], an array, a pandas frame or a table of Arrow, in the format of the suffix."""
    fill(path, lambda file: FORMATS[_suffix(path)](file, values, names), is_safe=is_safe)


def write_like(
    path: Path, source: Any, answer: Any, is_new: Any, *, is_safe: bool = False, is_rounded: bool = True
) -> bool:
    """Write a table as its file is written, the cells where `is_new` [n, d] from `answer`, if both are texts.

    Returns
    -------
    Whether it was written; else another format is asked for, or the file holds no texts.
    """
    if not source.keeps_texts or _suffix(path) not in TEXTS:
        return False
    sign = "\t" if _suffix(path) == ".tsv" else None  # else what stands between the cells of the input
    formulas: list[str] = []

    def escape(cell: str) -> str:
        if not is_formula(cell):
            return cell
        formulas.append(cell)
        return f"'{cell}" if is_safe else cell

    _write(path, lambda file: source.write(file, answer, is_new, sign, is_rounded=is_rounded, escape=escape))
    if formulas and not is_safe:
        _warn_of_formula(path, formulas[0])
    return True


def fill(path: Path, write: Callable[[IO[bytes]], Any], *, is_safe: bool = False) -> None:
    """Write a file by a function; of one of texts, escape the formulas of spreadsheets, or say that there are some.

    Parameters
    ----------
    is_safe : write cells that a spreadsheet would run, as `=1+1`, with `'` before, so that they are texts to it.
    """
    if _suffix(path) not in TEXTS:
        _write(path, write)
    elif is_safe:
        _write(path, lambda file: _escape_formulas(write, file, "\t" if _suffix(path) == ".tsv" else ","))
    else:
        formulas: list[bytes] = []
        _write(path, lambda file: write(cast(IO[bytes], _Watched(file, formulas))))
        if formulas:
            _warn_of_formula(path, formulas[0].decode(errors="replace"))


def shows_results(path: Path | None, quiet: bool) -> bool:
    """Say whether results are shown: not beside a table on standard output."""
    return not quiet and path != STANDARD


def _suffix(path: Path) -> str:
    return ".csv" if path == STANDARD else path.suffix.lower()


def _write(path: Path, fill: Callable[[IO[bytes]], Any]) -> None:
    if path == STANDARD:
        filled = io.BytesIO()  # polars says in words of its own that a reader has left
        fill(filled)
        sys.stdout.buffer.write(filled.getbuffer())
        sys.stdout.buffer.flush()
    else:
        isthmus.write_file(path, fill)


def _warn_of_formula(path: Path, cell: str) -> None:
    warnings.warn(
        f"{path} holds texts that a spreadsheet runs as formulas, as {cell!r}: --safe-csv writes them with ' before.",
        stacklevel=4,
    )


def is_formula(cell: str) -> bool:
    """Say whether a spreadsheet would run a cell; a number is none.

    Examples
    --------
    >>> [is_formula(cell) for cell in ("=1+1", "@SUM(A1)", "-2+3", "-2.5", "-", "a=b")]
    [True, True, True, False, False, False]
    """
    if cell[:1] in ("=", "@", "\t", "\r"):
        return True
    return cell[:1] in ("+", "-") and len(cell) > 1 and not is_number(cell)


def is_number(cell: str) -> bool:
    """Say whether a cell is a number, its decimal sign a dot or a comma."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _escape_formulas(write: Callable[[IO[bytes]], Any], file: IO[bytes], separator: str) -> None:
    filled = io.BytesIO()
    write(filled)
    csv.field_size_limit(2**31 - 1)
    filled.seek(0)
    rows = csv.reader(io.TextIOWrapper(filled, "utf-8", newline=""), delimiter=separator)
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerows([f"'{cell}" if is_formula(cell) else cell for cell in row] for row in rows)
    text.detach()  # the file stays open


class _Watched(io.RawIOBase):
    """A file of texts that notes the first formula in what is written to it."""

    def __init__(self, file: IO[bytes], formulas: list[bytes]) -> None:
        self._file, self._formulas = file, formulas

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self._formulas:
            cells = (match[1] for match in FORMULA.finditer(bytes(data)))
            self._formulas += itertools.islice((cell for cell in cells if is_formula(cell.decode(errors="replace"))), 1)
        return self._file.write(data)


def as_arrow(values: Any, names: Sequence[str]) -> Any:
    """Return an array, a pandas frame or a table of Arrow as one of Arrow."""
    import numpy as np
    import pyarrow as pa

    if isinstance(values, pa.Table):
        return values

    is_array = isinstance(values, np.ndarray)
    columns = [values[:, i] if is_array else values.iloc[:, i] for i in range(values.shape[1])]
    arrays = [pa.array(column) if is_array else pa.array(column, from_pandas=True) for column in columns]
    return pa.Table.from_arrays(arrays, names=list(names))


def _csv(file: IO[bytes], values: Any, names: Sequence[str], separator: str = ",") -> None:
    import polars as pl

    frame: Any = pl.from_arrow(as_arrow(values, names))
    frame.write_csv(file, separator=separator)


def _tsv(file: IO[bytes], values: Any, names: Sequence[str]) -> None:
    _csv(file, values, names, "\t")


def _parquet(file: IO[bytes], values: Any, names: Sequence[str]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(as_arrow(values, names), file)


def _npy(file: IO[bytes], values: Any, _: Sequence[str]) -> None:
    import numpy as np

    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise IsthmusError(MORE_THAN_NUMBERS)
    np.save(file, values, allow_pickle=False)


FORMATS: dict[str, Callable[..., Any]] = {".csv": _csv, ".tsv": _tsv, ".parquet": _parquet, ".npy": _npy}
