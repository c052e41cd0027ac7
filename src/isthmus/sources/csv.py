"""A CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.columns import ColumnSource
from isthmus.errors import InvalidData


class Csv(ColumnSource):
    """A CSV or TSV file with a header line, types found from all rows; answered as a pandas DataFrame."""

    suffixes = (".csv", ".tsv")

    def __init__(self, data: Any) -> None:
        import polars as pl

        path = Path(data)
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        try:
            frame = pl.read_csv(path, separator=separator, infer_schema_length=None)
        except pl.exceptions.NoDataError as error:
            raise InvalidData(f"{path} is empty: a header line and rows are due.") from error
        except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
            raise InvalidData(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from error
        self._table = frame.to_arrow()
        self.schema = self._table.schema
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return isinstance(data, str | Path) and Path(data).suffix.lower() in cls.suffixes

    def record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)
