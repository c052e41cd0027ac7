"""Files of JSON, one row a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.core.coercion import short
from isthmus.data.cells.format import TEXT
from isthmus.data.dialect import AS_SHOWN, Cells, Dialect, ReadingOptions
from isthmus.data.files import is_one_file
from isthmus.data.text_table import TextTable
from isthmus.errors import InvalidData


class JsonLines(TextTable):
    """A file of JSON with an object of plain values on each line; a key that a line lacks is a missing cell.

    Its values are read as the cells of a text file are: dates are texts in JSON.
    """

    suffixes = (".jsonl", ".ndjson")

    def __init__(self, data: Any, options: ReadingOptions = AS_SHOWN) -> None:
        name, rows = str(data), _rows(Path(data), options.encoding or "utf-8-sig")
        names = list(dict.fromkeys(key for row in rows for key in row))
        if not names:
            raise InvalidData(f"{name}: expected an object with values on each line; got an empty file.")
        table = [pa.array([row.get(key, "") for row in rows], TEXT) for key in names]
        self.keep(name, Cells(names, table, Dialect("utf-8", ",")), options._replace(header=True))

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_one_file(data, cls.suffixes)


def _rows(path: Path, encoding: str) -> list[dict[str, str]]:
    """Return the values of each line as texts, by their keys."""
    rows = []
    try:
        for number, line in enumerate(path.read_text(encoding).split("\n"), 1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row, dict):
                raise InvalidData(f"{path}: expected an object on each line; got {short(row)} (line {number}).")
            rows.append({key: _text(path, number, key, value) for key, value in row.items()})
    except json.JSONDecodeError as error:
        raise InvalidData(f"{path} cannot be read as lines of JSON: {error.msg} (line {number}).") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidData(f"{path} cannot be read as lines of JSON: {error}") from error
    return rows


def _text(path: Path, number: int, key: str, value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict | list):
        raise InvalidData(f"{path}: {key!r} holds {short(value)} (line {number}): expected a number, a text or true.")
    return json.dumps(value)
