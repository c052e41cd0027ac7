"""Columns of a frame as numbers: what the sources of frames and files share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.contracts import Source
from isthmus.errors import InvalidData, suggestion
from isthmus.flow import Row


class ColumnSource(Source):
    """A source whose columns are Arrow's; a subclass sets `schema` and `n_rows` and yields record batches."""

    schema: pa.Schema

    def record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, at most `rows` at a time."""
        raise NotImplementedError

    def check(self) -> None:
        """Set `row` and `dtype`, and refuse columns that are not numbers.

        Raises
        ------
        InvalidData
            Naming the first column that holds text, dates or categories, or that stands twice.
        """
        names = self.schema.names
        for name in names:
            if names.count(name) > 1:
                raise InvalidData(f"column {name!r} stands {names.count(name)} times: give every column its own name.")
        for field in self.schema:
            if not _is_number(field.type):
                self._refuse(field)
        self.row = Row((len(names),), tuple(names))
        is_single = bool(names) and all(field.type == pa.float32() for field in self.schema)
        self.dtype = np.dtype(np.float32 if is_single else np.float64)

    def select(self, columns: Sequence[str]) -> None:
        """Keep these columns, in this order.

        Raises
        ------
        InvalidData
            If one of them is missing.
        """
        missing = [name for name in columns if name not in self.schema.names]
        if missing:
            near = suggestion(missing[0], self.schema.names)
            others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise InvalidData(f"column {missing[0]!r}{others} is missing.{near} The model was fitted with it.")
        self.schema = pa.schema([self.schema.field(name) for name in columns])
        self.check()

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for batch in self.record_batches(rows):
            yield as_floats(batch.select(self.schema.names), self.dtype)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Sequence[str | int], index: Any = None) -> Any:
        import pandas as pd

        return pd.DataFrame(values, columns=list(labels), index=index)

    def _refuse(self, field: pa.Field) -> None:
        index = self.schema.get_field_index(field.name)
        values = (value for batch in self.record_batches(1000) for value in batch.column(index))
        example = next((value.as_py() for value in values if value.is_valid), None)
        kind = "text" if _is_text(field.type) else f"values of type {field.type}"
        if example is None:
            kind = "no values at all"
        raise InvalidData(
            f"column {field.name!r} holds {kind}{f' ({example!r})' if example is not None else ''}, and numbers are "
            "due: turn it into numbers or leave it out."
        )


def as_floats(batch: pa.RecordBatch, dtype: np.dtype[Any]) -> np.ndarray:
    """Return a record batch as [n, d], missing cells as NaN."""
    target = pa.float32() if dtype == np.float32 else pa.float64()
    values = np.empty((batch.num_rows, batch.num_columns), dtype)
    for i, column in enumerate(batch.columns):
        numbers = column if pa.types.is_floating(column.type) else pc.cast(column, pa.float64(), safe=False)
        values[:, i] = numbers.cast(target).to_numpy(zero_copy_only=False)
    return values


def _is_number(kind: pa.DataType) -> bool:
    is_real = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return is_real or pa.types.is_boolean(kind)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
