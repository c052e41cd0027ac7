"""A polars DataFrame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.core.extras import is_made_by
from isthmus.data.arrow import WIDE, ColumnSource, arrow_of
from isthmus.data.labels import Labels

OWN = ("Enum", "Categorical", *WIDE)  # types that Arrow's do not bring back


class Polars(ColumnSource):
    """The columns of a polars DataFrame; a LazyFrame is collected."""

    def __init__(self, data: Any) -> None:
        frame = data.collect() if is_made_by(data, "polars", "LazyFrame") else data
        self._frame, self._table = frame, arrow_of(frame)
        self.schema = self._table.schema
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_made_by(data, "polars", "DataFrame", "LazyFrame")

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        import polars as pl

        filled = self._frame.select(self.schema.names)
        for name, mask in zip(filled.columns, is_missing.T, strict=True):
            if mask.any():
                column, values = filled[name], answer[name]
                values = values.round() if column.dtype.is_integer() and values.dtype.is_float() else values
                filled = filled.with_columns(column.zip_with(pl.Series(~mask), values.cast(column.dtype)))
        return filled

    def own_types(self) -> dict[str, str]:
        types = {name: str(self._frame.schema[name].base_type()) for name in self.schema.names}
        return {name: kind for name, kind in types.items() if kind in OWN}

    @classmethod
    def build_frame(cls, table: pa.Table, own: Mapping[str, Any], labels: Labels, index: Any = None) -> Any:
        import polars as pl

        frame: Any = pl.from_arrow(table)
        for name, (spelled, categories) in own.items():
            if spelled in WIDE:
                frame = frame.with_columns(pl.col(name).round().cast(getattr(pl, spelled)))
            elif spelled in OWN:
                kind: Any = pl.Enum(categories) if spelled == "Enum" else pl.Categorical
                frame = frame.with_columns(pl.col(name).cast(pl.String).cast(kind))
        return frame.rename(dict(zip(frame.columns, map(str, labels), strict=True)))

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        import polars as pl

        return pl.DataFrame(np.asarray(values), schema=[str(label) for label in labels])
