"""CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.data.arrow import check_names
from isthmus.data.dialect import AS_SHOWN, Cells, ReadingOptions, read_cells
from isthmus.data.files import COMPRESSIONS, check_same_columns, has_suffix, list_files
from isthmus.data.text_table import TextTable
from isthmus.errors import InvalidData

TABS = (".tsv", *(f".tsv{suffix}" for suffix in COMPRESSIONS))


class Csv(TextTable):
    """CSV or TSV files with a header line, compressed or not; several with the same columns are one table.

    Types and dates are noticed from all rows of all files. Answers are pandas DataFrames.
    """

    suffixes = (".csv", *(f".csv{suffix}" for suffix in COMPRESSIONS), *TABS)
    reads_many = True

    def __init__(self, data: Any, options: ReadingOptions = AS_SHOWN) -> None:
        files = list_files(data, self.suffixes)
        parts = [_cells(path, options) for path in files]
        for path, part in zip(files[1:], parts[1:], strict=True):
            check_names(part.first)
            check_same_columns(files[0], parts[0].first, path, part.first)
        self.keep(str(data), parts[0] if len(parts) == 1 else _joined(parts), options)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return bool(list_files(data, cls.suffixes))


def _cells(path: Path, options: ReadingOptions) -> Cells:
    try:
        with pa.input_stream(path, compression=COMPRESSIONS.get(path.suffix.lower())) as stream:
            content = stream.read()
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from error
    return read_cells(str(path), content, "\t" if has_suffix(path, TABS) else None, options)


def _joined(parts: list[Cells]) -> Cells:
    """Return the cells of several files, in the order of the columns of the first."""
    order = [[part.first.index(name) for name in parts[0].first] for part in parts]
    width = range(len(parts[0].first))
    table = [pa.concat_arrays([part.table[o[i]] for part, o in zip(parts, order, strict=True)]) for i in width]
    return parts[0]._replace(table=table)
