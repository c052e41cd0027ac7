"""Workbooks of Excel and its kin."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.data.cells.format import TEXT
from isthmus.data.dialect import AS_SHOWN, Cells, Dialect, ReadingOptions
from isthmus.data.files import is_one_file
from isthmus.data.text_table import TextTable
from isthmus.errors import InvalidData, MissingExtra


class Excel(TextTable):
    """The first sheet of a workbook that holds cells, its first line that of the names; it needs the extra `excel`.

    Its cells are read as those of a text file are: words for missing cells stand in workbooks too.
    """

    suffixes = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

    def __init__(self, data: Any, options: ReadingOptions = AS_SHOWN) -> None:
        name, rows = str(data), _rows(Path(data))
        filled = [row for row in rows if any(cell != "" for cell in row)]
        if not filled:
            raise InvalidData(f"{name}: expected a header line and rows; got an empty sheet.")
        first, *below = [[_text(cell) for cell in row] for row in filled]
        columns = zip(*below, strict=True) if below else ([] for _ in first)
        self.keep(name, Cells(first, [pa.array(column, TEXT) for column in columns], Dialect("utf-8", ",")), options)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_one_file(data, cls.suffixes)


def _rows(path: Path) -> Sequence[Sequence[Any]]:
    """Return the cells of the first sheet that has any."""
    try:
        import python_calamine as calamine
    except ImportError as error:
        raise MissingExtra(f"{path} needs python-calamine to be read: pip install 'isthmus[excel]'") from error
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise InvalidData(f"{path} cannot be read as a workbook: {str(error).splitlines()[0]}") from error
    filled = [name for name, rows in sheets.items() if rows]
    if len(filled) > 1:
        others = ", ".join(map(repr, filled[1:4])) + (", …" if len(filled) > 4 else "")
        warnings.warn(f"{path} is read from its sheet {filled[0]!r}, and not from {others}.", stacklevel=2)
    return sheets[filled[0]] if filled else []


def _text(cell: Any) -> str:
    """Return a cell as a text file would hold it."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
