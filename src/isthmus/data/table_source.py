"""A source of heterogeneous tables: numbers, categories, dates and missing values, read as a schema says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data.arrow import ColumnSource
from isthmus.data.dialect import Dialect
from isthmus.data.labels import Labels
from isthmus.data.schema import Schema
from isthmus.data.source import Source


class TableSource(Source):
    """A frame or file whose columns become numbers block by block."""

    form = "mixed"

    def __init__(self, inner: ColumnSource, schema: Schema) -> None:
        self.inner, self.schema = inner, schema
        self.row = schema.row
        self.name, self.n_rows, self.names, self.index = inner.name, inner.n_rows, inner.names, inner.index
        self.dtype = np.dtype(np.float64)

    @property
    def kind(self) -> type[Source]:
        return self.inner.kind

    @property
    def is_file(self) -> bool:  # type: ignore[override]
        return self.inner.is_file

    @property
    def keeps_texts(self) -> bool:  # type: ignore[override]
        return self.inner.keeps_texts

    @property
    def is_numeric(self) -> bool:
        return False

    def describe(self) -> str:
        return self.inner.describe()

    def fill(self, answer: Any, is_missing: np.ndarray) -> Any:
        return self.inner.fill(answer, is_missing)

    def written(self, answer: Any, is_new: np.ndarray, is_rounded: bool) -> tuple[Dialect, list[str], list[list[str]]]:
        return self.inner.written(answer, is_new, is_rounded)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for batch in self.inner.record_batches(rows):
            yield self.schema.apply(batch)

    def ignored(self) -> pa.Table:
        """Return the columns that are left out, as they are."""
        names = [self.schema.names[place] for place in self.row.ignored]
        empty = pa.schema([self.inner.schema.field(name) for name in names])
        batches = (batch.select(names) for batch in self.inner.record_batches(65_536))
        return pa.Table.from_batches(batches, empty)

    def whole(self) -> Any:
        return self.inner.whole()

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        return self.inner.complete(answer, is_missing)

    def labels(self) -> Labels | None:
        return self.inner.labels()
