"""A Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from isthmus.data.arrow import ColumnSource
from isthmus.data.files import is_one_file
from isthmus.errors import InvalidData


class Parquet(ColumnSource):
    """A Parquet file, streamed in blocks; answered as a pandas DataFrame."""

    suffixes = (".parquet", ".pq")

    def __init__(self, data: Any) -> None:
        self._path = Path(data)
        try:
            with pq.ParquetFile(self._path) as file:
                indexes = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
                fields = [field for field in file.schema_arrow if field.name not in indexes]
                self.schema = pa.schema(fields)
                self.n_rows = file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise InvalidData(f"{self._path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_one_file(data, cls.suffixes)

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        try:
            with pq.ParquetFile(self._path) as file:
                yield from file.iter_batches(batch_size=rows)
        except (pa.ArrowException, OSError) as error:
            raise InvalidData(f"{self._path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
