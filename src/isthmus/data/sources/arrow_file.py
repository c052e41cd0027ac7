"""Files of Arrow, also called Feather."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from isthmus.data.file_source import FileSource
from isthmus.data.files import is_one_file
from isthmus.errors import InvalidData


class ArrowFile(FileSource):
    """A file or a stream of Arrow, all of it in memory. Answers are pandas DataFrames."""

    suffixes = (".feather", ".arrow", ".arrows", ".ipc")

    def __init__(self, data: Any) -> None:
        self.name = str(data)
        table = _table(Path(data))
        indexes = (table.schema.pandas_metadata or {}).get("index_columns", [])
        self._table = table.drop_columns([name for name in indexes if name in table.column_names])
        self.schema = pa.schema(list(self._table.schema))
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_one_file(data, cls.suffixes)

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)


def _table(path: Path) -> pa.Table:
    try:
        with path.open("rb") as file:
            is_stream = file.read(4) == b"\xff\xff\xff\xff"
        if is_stream:
            with pa.OSFile(str(path)) as file:
                return pa.ipc.open_stream(file).read_all()
        from pyarrow import feather

        return feather.read_table(path, memory_map=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidData(f"{path} cannot be read as a file of Arrow: {str(error).splitlines()[0]}") from error
