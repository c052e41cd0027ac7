"""Sources whose columns are Arrow's: what frames and files share."""

from __future__ import annotations

import abc
import copy
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.contracts import Row
from isthmus.data.labels import Labels, index_of
from isthmus.data.source import Source
from isthmus.errors import InvalidData, suggestion

if TYPE_CHECKING:
    import polars as pl

MOST_NAMED = 12  # columns in a message
WIDE = ("Int128", "UInt128")  # types of polars
NUMPY = {"float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


class ColumnSource(Source):
    """A source whose columns are Arrow's; a subclass sets `schema` and `n_rows` and reads the batches."""

    schema: pa.Schema  # of the columns that are selected
    kinds: Mapping[str, Any] = MappingProxyType({})  # what columns hold, by name, where their type does not say it

    @property
    def names(self) -> Sequence[str]:  # type: ignore[override]
        return self.schema.names

    @functools.cached_property
    def row(self) -> Row:  # type: ignore[override]
        """What one row is, where all columns are numbers.

        Raises
        ------
        InvalidData
            If a column holds no numbers, or two have the same name.
        """
        self.select(None)
        if self.n_rows:
            self._require_numbers()
        return Row((len(self.schema),), tuple(self.schema.names))

    @functools.cached_property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        types = {field.type for field in self.schema if not pa.types.is_null(field.type)}
        is_single = self.row.size > 0 and types == {pa.float32()}
        return np.dtype(np.float32 if is_single else np.float64)

    @property
    def is_numeric(self) -> bool:
        return not self.kinds and all(_is_number(field.type) for field in self.schema)

    def record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the selected columns in order, at most `rows` at a time."""
        for batch in self._read(rows):
            yield batch.select(self.schema.names)

    @abc.abstractmethod
    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, at most `rows` at a time; of more columns than are selected, if that is easier."""

    def declare(self, kinds: Mapping[str, Any]) -> Self:
        """Return the source for a fit whose columns hold what a user says, by name, as `Autoencoder.columns` has it.

        Raises
        ------
        InvalidData
            If a column is not what is said, or nothing is said of one that needs it; the message names it.
        """
        return self if not kinds else self.with_kinds(kinds)

    def with_kinds(self, kinds: Mapping[str, Any]) -> Self:
        """Return the source that says what columns hold, beside what a fit is told.

        Raises
        ------
        InvalidData
            If it has no such column.
        """
        for name in kinds:
            if name not in self.schema.names:
                near = suggestion(name, self.schema.names)
                raise InvalidData(f"columns: expected names of columns of the table; got {name!r}.{near}")
        chosen = copy.copy(self)
        chosen.kinds = {**self.kinds, **kinds}
        return chosen

    def read_as(self, columns: Sequence[tuple[str, Any]]) -> Self:
        """Return the source whose texts are read as a model reads them: by name, the column of its schema.

        None stands for numbers. A kind of table whose columns have types stays as it is.
        """
        return self

    def date_formats(self) -> dict[str, str]:
        """Return in which formats columns of dates are written, where they are texts in a file."""
        return {}

    def own_types(self) -> dict[str, str]:
        """Return the types of columns as the kind spells them, where Arrow's do not bring them back."""
        return {}

    def select(self, columns: Sequence[str] | None) -> Self:
        """Return the source of these columns, in this order, whatever they hold; None keeps all.

        Raises
        ------
        InvalidData
            If two columns have the same name, or one of `columns` is missing.
        """
        names = self.schema.names
        check_names(names)
        if columns is None:
            return self
        known = set(names)
        missing = [name for name in columns if name not in known]
        if missing:
            others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            there = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
            raise InvalidData(
                f"column {missing[0]!r}{others} is missing.{suggestion(missing[0], names)} There are: {there}."
            )
        chosen = copy.copy(self)
        for name in ("row", "dtype"):
            vars(chosen).pop(name, None)  # they are computed from the columns, once
        chosen.schema = pa.schema([self.schema.field(name) for name in columns])
        chosen.kinds = {name: self.kinds[name] for name in columns if name in self.kinds}
        return chosen

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        dtype = self.dtype
        for batch in self.record_batches(rows):
            yield as_floats(batch, dtype)

    def labels(self) -> Labels | None:
        return list(self.schema.names)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        import pandas as pd

        return pd.DataFrame(values, columns=index_of(labels), index=index)

    def whole(self) -> Any:
        """Return the table as it was given, in the form of this kind."""
        batches = list(self.record_batches(65_536))
        table = pa.Table.from_batches(batches) if batches else self.schema.empty_table()
        return self.build_frame(table, {}, self.schema.names)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        import pandas as pd

        frame = self.whole().copy()
        for place in np.flatnonzero(is_missing.any(axis=0)):
            column, mask = frame.iloc[:, place], is_missing[:, place]
            cells, values = column.array.copy(), answer.iloc[:, place].array[mask]
            if cells.dtype != values.dtype:
                values = values.astype(cells.dtype)
            cells[mask] = values
            frame.isetitem(place, pd.Series(cells, index=frame.index, name=column.name))
        return frame

    @classmethod
    def build_frame(cls, table: pa.Table, own: Mapping[str, Any], labels: Labels, index: Any = None) -> Any:
        """Return a table in the form of this kind.

        `own` has, by column, the type as this kind spells it and its categories, where they are known.
        """
        import pandas as pd

        columns = {}
        for name, values in zip(table.column_names, table.columns, strict=True):
            spelled, categories = own.get(name, (None, None))
            if spelled is not None and spelled.startswith("arrow["):
                columns[name] = pd.Series(pd.arrays.ArrowExtensionArray(values))
                continue
            if spelled in NUMPY and values.null_count == 0:
                columns[name] = values.to_numpy().astype(spelled)
                continue
            series = values.to_pandas(date_as_object=spelled == "object")
            if spelled is not None and spelled.startswith("category"):
                inner = _categories(categories or (), spelled[len("category[") : -1])
                series = series.cat.rename_categories(inner[: len(series.cat.categories)])
            elif spelled is not None and spelled != str(series.dtype):
                series = series.astype(spelled)
            # pandas guesses types of objects again, but not of a series; to put a series in a frame takes it longer.
            columns[name] = series if series.dtype == object else series.array
        frame = pd.DataFrame(columns)
        frame.columns = index_of(labels)
        if index is not None:
            frame.index = index
        return frame

    def _require_numbers(self) -> None:
        """Raise the error for the first column that does not hold numbers, by its first such value."""
        refused = [field for field in self.schema if not _is_number(field.type)]
        empty = _without_values(refused, self.record_batches(1000)) if refused else set()  # they are NaN
        refused = [field for field in refused if field.name not in empty]
        if not refused:
            return
        field, others = refused[0], len(refused) - 1
        rest = f" {others} more columns hold no numbers either." if others > 1 else ""
        rest = " One more column holds no numbers either." if others == 1 else rest
        batches = (batch.column(field.name).to_pylist() for batch in self.record_batches(1000))
        values = ((row, value) for row, value in enumerate(itertools.chain.from_iterable(batches)) if value is not None)
        first = next(values)
        row, value = next((pair for pair in itertools.chain([first], values) if not _reads_as_number(pair[1])), first)
        kind = "text" if _is_text(field.type) else f"values of type {field.type}"
        if _is_text(field.type) and _reads_as_number(value):
            kind = "numbers written as text"
        raise InvalidData(
            f"column {field.name!r}: expected numbers; got {kind} ({value!r}, row {row}). Turn it into numbers or "
            f"leave it out.{rest}"
        )


def _categories(texts: Sequence[Any], kind: str) -> Any:
    """Return categories, as they are read, in the type that pandas spells so; intervals are read as their texts."""
    import pandas as pd

    if not kind.startswith("interval["):
        return pd.Index(texts, dtype=kind)
    closed: Any
    subtype, closed = kind[len("interval[") : -1].rsplit(", ", 1)
    ends = [text[1:-1].split(", ") for text in texts]
    sides: list[Any] = [pd.Index(side, dtype=object).astype(subtype) for side in zip(*ends, strict=True)]
    return pd.IntervalIndex.from_arrays(*sides, closed=closed)  # type: ignore[call-overload]


def check_names(names: Sequence[str]) -> None:
    """Raise `InvalidData` where two columns have the same name."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise InvalidData(f"column {name!r} stands {count} times: give every column its own name.")


def fill_column(column: pa.ChunkedArray, answer: pa.ChunkedArray, is_missing: pa.Array) -> pa.ChunkedArray:
    """Return a column with its missing values taken from another, in its own type."""
    is_category = pa.types.is_dictionary(column.type)
    plain = column.type.value_type if is_category else column.type
    if pa.types.is_floating(answer.type) and (pa.types.is_integer(plain) or pa.types.is_decimal(plain)):
        answer = pc.round(answer, plain.scale if pa.types.is_decimal(plain) else 0)
    filled = pc.if_else(is_missing, answer.cast(plain, safe=False), column.cast(plain))
    if not is_category:
        return filled
    known = column.unify_dictionaries().chunk(0).dictionary  # in the order that the column has
    places = pc.index_in(filled, value_set=known).combine_chunks().cast(column.type.index_type)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(places, known, ordered=column.type.ordered)])


def arrow_of(frame: pl.DataFrame) -> pa.Table:
    """Return a frame of polars as a table of Arrow; whole numbers of 128 bits, which Arrow has not, as floats."""
    import polars as pl

    wide = [name for name, kind in frame.schema.items() if str(kind) in WIDE]
    return frame.with_columns(pl.col(wide).cast(pl.Float64)).to_arrow() if wide else frame.to_arrow()


def as_floats(batch: pa.RecordBatch, dtype: np.dtype[Any]) -> np.ndarray:
    """Return a record batch as [n, d], missing cells as NaN."""
    target = pa.float32() if dtype == np.float32 else pa.float64()
    values = np.empty((batch.num_rows, batch.num_columns), dtype)
    for i, column in enumerate(batch.columns):
        if column.null_count == len(column):
            values[:, i] = np.nan
            continue
        numbers = column if pa.types.is_floating(column.type) else pc.cast(column, pa.float64(), safe=False)
        values[:, i] = numbers.cast(target).to_numpy(zero_copy_only=False)
    return values


def _is_number(kind: pa.DataType) -> bool:
    is_real = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return is_real or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def _without_values(fields: Sequence[pa.Field], batches: Iterable[pa.RecordBatch]) -> set[str]:
    """Return the names of the columns in which no cell holds a value."""
    names = {field.name for field in fields}
    for batch in batches:
        names -= {name for name in names if batch.column(name).null_count < batch.num_rows}
        if not names:
            break
    return names


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _reads_as_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
