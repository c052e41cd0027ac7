"""The columns of a table in a graph: inputs as a user has them, scaled rows, and columns again."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data.column_types import DAY, PER_SECOND, Categorical, Column, Datetime, Ignored, Numeric, type_of
from isthmus.data.reader import Reader
from isthmus.data.rows import MOST
from isthmus.data.validation import LARGEST
from isthmus.errors import InvalidPart
from isthmus.onnx.graph import ML, Graph, Tensor

NOTHING = np.iinfo(np.int64).min  # stands for a date that is missing, as in NumPy
WHOLE = "X"  # the input of a table without names
EARLIEST, LATEST = -6e10, 2.5e11  # seconds that a text of a date can hold


class Table:
    """A table that is an input of a graph: its columns, and its rows as numbers."""

    def __init__(self, graph: Graph, reader: Reader) -> None:
        if reader.text is not None:
            raise InvalidPart(
                "a model of texts cannot be written as ONNX: how texts are cut into tokens has no operator. Save it "
                "with save, or train it on numbers."
            )
        self.graph, self.reader = graph, reader
        self.inputs: dict[str, Tensor] = {}
        if reader.schema is None:
            inputs = graph.input(WHOLE, np.float64, reader.row.shape, "the table, NaN where a value is missing")
            self.inputs[WHOLE] = inputs
            self.rows = inputs if len(reader.row.shape) == 1 else inputs.reshape(len(inputs), -1)
            return
        numbers: list[Tensor | None] = []
        for column in reader.schema.columns:
            if isinstance(column, Ignored):
                numbers.append(None)
                continue
            dtype, doc = input_type(column)
            self.inputs[column.name] = graph.input(column.name, dtype, (), doc)
            numbers.append(encode(column, self.inputs[column.name]))
        nothing = np.zeros_like(next(number for number in numbers if number is not None)) + np.nan
        self.rows = np.stack([nothing if number is None else number for number in numbers], axis=1)

    @property
    def is_unseen(self) -> Tensor | None:
        """Where a category is that the fit has not had, [rows, d]; None where there is no such thing."""
        return None if self.reader.row.unseen is None else self.reader.row.is_unseen(self.rows)

    def scaled(self, reader: Reader | None = None, *, is_capped: bool = False) -> Tensor:
        """Return the rows as a model sees them whose reader is given, [rows, d] float32; see `scaled_blocks`."""
        reader = self.reader if reader is None else reader
        x: Any = self.rows
        if reader.row.unseen is not None:
            x = np.where(reader.row.is_unseen(x), np.nan, x)
        x = np.clip(x, -LARGEST, LARGEST) if is_capped else x
        scaled = reader.fitted_scaling.scale(reader.learned, x)
        scaled = np.clip(scaled, -MOST, MOST) if is_capped else scaled
        answer: Tensor = scaled.astype(np.float32)
        return answer

    def restore(self, rows: Tensor) -> dict[str, Tensor]:
        """Return rows [rows, d] in the units of the table as its columns by name; one tensor, '', of numbers only."""
        schema = self.reader.schema
        if schema is None or schema.is_plain:
            shape = self.reader.row.shape
            return {"": rows if len(shape) == 1 else rows.reshape(len(rows), *shape)}
        learned = [(i, c) for i, c in enumerate(schema.columns) if not isinstance(c, Ignored)]
        return {c.name: decode(c, rows[:, i]).astype(self.inputs[c.name].dtype) for i, c in learned}

    def complete(self, rows: Tensor, is_missing: Tensor) -> dict[str, Tensor]:
        """Return the table with its missing cells [rows, d] taken from rows [rows, d], by name as `restore` does."""
        columns = self.restore(rows)
        if "" in columns:
            shape = self.reader.row.shape
            gaps = is_missing if len(shape) == 1 else is_missing.reshape(len(is_missing), *shape)
            whole = self.rows if len(shape) == 1 else self.inputs[WHOLE]
            return {"": np.where(gaps, columns[""], whole)}
        names = list(self.reader.row.columns or ())
        return {
            name: np.where(is_missing[:, names.index(name)], filled, self.inputs[name])
            for name, filled in columns.items()
        }


def output_columns(graph: Graph, name: str, columns: dict[str, Tensor], doc: str) -> None:
    """Make columns, as `Table.restore` returns them, answers of a graph."""
    for column, tensor in columns.items():
        graph.output(f"{name}.{column}" if column else name, tensor, doc)


def input_type(column: Column) -> tuple[Any, str]:
    """Return the type in which a column is given, and a sentence that says so."""
    kind = type_of(column.type)
    if isinstance(column, Datetime):
        unit = getattr(kind, "unit", "s") if pa.types.is_timestamp(kind) else "s"
        return np.int64, f"a date, as {unit} since 1970 (UTC), {NOTHING} where it is missing"
    if isinstance(column, Categorical) and all(isinstance(value, str) for value in column.values):
        return str, "a category, an empty text where it is missing"
    if (pa.types.is_integer(kind) or pa.types.is_boolean(kind)) and column.own == np.dtype(kind.to_pandas_dtype()).name:
        return np.dtype(kind.to_pandas_dtype()), "a number or a truth value, never missing"
    return (np.float32 if kind == pa.float32() else np.float64), "a number, NaN where it is missing"


@functools.singledispatch
def encode(column: Column, cells: Tensor) -> Tensor:
    """Return a column as `Column.encode` does, [rows] float64."""
    raise InvalidPart(f"column {column.name!r}: there is no graph for a column of the kind {column.kind}.")


@functools.singledispatch
def decode(column: Column, numbers: Tensor) -> Tensor:
    """Return numbers [rows] float64 as `Column.decode` does."""
    raise InvalidPart(f"column {column.name!r}: there is no graph for a column of the kind {column.kind}.")


@encode.register
def _(column: Numeric, cells: Tensor) -> Tensor:
    return cells.astype(np.float64)


@decode.register
def _(column: Numeric, numbers: Tensor) -> Tensor:
    kind = type_of(column.type)
    if pa.types.is_boolean(kind):
        return numbers >= 0.5
    if pa.types.is_decimal(kind):
        most = (10**kind.precision - 1) / 10**kind.scale
        return np.clip(numbers, -most, most)
    if not pa.types.is_integer(kind):
        return numbers
    limits = np.iinfo(kind.to_pandas_dtype())
    return np.clip(np.rint(numbers), float(limits.min), float(limits.max))


@encode.register
def _(column: Datetime, cells: Tensor) -> Tensor:
    kind = type_of(column.type)
    per = PER_SECOND[kind.unit] if pa.types.is_timestamp(kind) else 1
    ticks = cells.astype(np.float64)
    return np.where(cells == NOTHING, np.nan, ticks / float(per))


@decode.register
def _(column: Datetime, numbers: Tensor) -> Tensor:
    kind = type_of(column.type)
    if pa.types.is_date(kind):
        return (np.rint(numbers / float(DAY)) * float(DAY)).astype(np.int64)
    if not pa.types.is_timestamp(kind):
        return np.rint(np.clip(numbers, EARLIEST, LATEST)).astype(np.int64)
    per = float(PER_SECOND[kind.unit])
    return np.rint(np.clip(numbers, -9e18 / per, 9e18 / per) * per).astype(np.int64)


@encode.register
def _(column: Categorical, cells: Tensor) -> Tensor:
    count, graph = len(column.values), cells.graph
    if cells.dtype.kind == "U":
        keys, places = list(column.values), list(range(count))
        if "" not in keys:  # else it is no missing value
            keys, places = [*keys, ""], [*places, -1]
        example = np.zeros(cells.shape, np.int64)
        place = graph.node(
            "LabelEncoder",
            [cells],
            example,
            domain=ML,
            keys_strings=keys,
            values_int64s=places,
            default_int64=count,
        ).astype(np.float64)
        return np.where(place < 0, np.nan, place)
    cells = cells.astype(np.float64)
    is_value = cells[:, None] == np.array(column.values, np.float64)
    place = np.where(np.any(is_value, axis=1), np.argmax(is_value.astype(np.float64), axis=1), count)
    return np.where(np.isnan(cells), np.nan, place)


@decode.register
def _(column: Categorical, numbers: Tensor) -> Tensor:
    known = np.array([*column.values, *([] if column.rest is None else [column.rest])])
    place = np.clip(np.rint(numbers), 0.0, len(known) - 1.0)
    return numbers.graph.look_up(known, place.astype(np.int64))
