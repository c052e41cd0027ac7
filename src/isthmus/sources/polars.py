"""A polars DataFrame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.columns import ColumnSource


class Polars(ColumnSource):
    """The columns of a polars DataFrame; a LazyFrame is collected."""

    def __init__(self, data: Any) -> None:
        frame = data.collect() if type(data).__name__ == "LazyFrame" else data
        self._table = frame.to_arrow()
        self.schema = self._table.schema
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        kind = type(data)
        return kind.__module__.partition(".")[0] == "polars" and kind.__name__ in ("DataFrame", "LazyFrame")

    def record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Sequence[str | int], index: Any = None) -> Any:
        import polars as pl

        return pl.DataFrame(np.asarray(values), schema=[str(label) for label in labels])
