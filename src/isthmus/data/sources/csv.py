"""A CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.data.arrow import ColumnSource
from isthmus.data.files import is_one_file
from isthmus.errors import InvalidData


class Csv(ColumnSource):
    """A CSV or TSV file with a header line, types and dates found from all rows; answered as a pandas DataFrame."""

    suffixes = (".csv", ".tsv")

    def __init__(self, data: Any) -> None:
        import polars as pl

        path = Path(data)
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        with path.open("rb") as file:
            if b"\0" in file.read(4096):
                raise InvalidData(f"{path} cannot be read as CSV: it is not text in UTF-8.")
        try:
            # Without a header, so that a name that stands twice is seen and not renamed.
            head = pl.read_csv(path, separator=separator, n_rows=1, has_header=False, infer_schema=False)
            frame = pl.read_csv(path, separator=separator, infer_schema_length=None, try_parse_dates=True)
        except pl.exceptions.NoDataError as error:
            raise InvalidData(f"{path} is empty: a header line and rows are due.") from error
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise InvalidData(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from error
        names = list(head.row(0))
        for name in names:
            if names.count(name) > 1:
                raise InvalidData(f"column {name!r} stands {names.count(name)} times: give every column its own name.")
        self._table = frame.to_arrow()
        self.schema = self._table.schema
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_one_file(data, cls.suffixes)

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)
