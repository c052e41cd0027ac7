"""Tables of numbers, categories, dates and holes, read as their schema says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.data.arrow import ColumnSource
from isthmus.data.schema import Schema
from isthmus.data.source import Source


class Mixed(Source):
    """A frame or file whose columns become numbers block by block; an estimator says how, so it opens no data."""

    def __init__(self, data: tuple[ColumnSource, Schema]) -> None:
        self.inner, self._schema = data
        self.row = self._schema.row()
        self.inner.row = self.row
        self.n_rows = self.inner.n_rows
        self.names = self.inner.names
        self.index = self.inner.index
        self.dtype = np.dtype(np.float64)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Schema)

    @property
    def kind(self) -> type[Source]:
        return type(self.inner)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for batch in self.inner.record_batches(rows):
            yield self._schema.apply(batch)

    def whole(self) -> Any:
        return self.inner.whole()

    def completed(self, answer: Any, is_missing: np.ndarray) -> Any:
        return self.inner.completed(answer, is_missing)

    def labels(self) -> list[str | int] | None:
        return self.inner.labels()
