"""One row to a few bytes and back, without a table around it: what `Lanes` does for many, column by column.

A frame around one record costs a hundred times what its bytes cost. Here a record is a dict, its values become whole
numbers once and are remembered, and the tables of the network are laid out beforehand. The bytes are those that
`compress_rows` writes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.codec.cells import Cells, array_of, cells_of, inner_type
from isthmus.codec.columns import Column
from isthmus.codec.entropy import DIGIT, IntervalReader, IntervalWriter
from isthmus.codec.lanes import Lanes
from isthmus.codec.network import EXPONENTIALS, MOST_HIDDEN, Outlet
from isthmus.codec.symbols import ESCAPE, FAR, NULL, SPECIAL, Alphabet
from isthmus.errors import InvalidData, ModelFileError, suggestion

MOST_REMEMBERED = 4096  # values of a column
LARGEST = np.int32(MOST_HIDDEN)
LAST = np.int32(len(EXPONENTIALS) - 1)
CHANCES = EXPONENTIALS + 1  # none is impossible
NONE = np.int32(0)
FIRST = np.zeros(1, np.int64)


class SingleColumn:
    """One column of a row: values of Python to symbols and back."""

    def __init__(self, name: str, kind: pa.DataType, column: Column, alphabet: Alphabet, outlet: Outlet) -> None:
        self.name, self.column, self.outlet = name, column, outlet
        self._kind = inner_type(kind)
        self._alphabet = alphabet
        self._edges, self._low, self._high = alphabet.edges.tolist(), alphabet.low, alphabet.high
        self._base = alphabet.contexts.tolist()
        self._numbers: dict[Any, tuple[int, int, int]] = {}
        self._values: dict[tuple[int, int], Any] = {}

    def cells(self, value: Any) -> Cells:
        """Return a value as the cells of a column of one row.

        Raises
        ------
        InvalidData
            If it is of another type than the column.
        """
        try:
            is_exact = isinstance(value, float) and pa.types.is_floating(self._kind)  # NaN is not missing there
            return cells_of(pa.array([value], self._kind, from_pandas=not is_exact))
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            shown = type(value).__name__
            raise InvalidData(
                f"column {self.name!r}: expected a value of type {self._kind}, as at the fit; got {value!r} ({shown})."
            ) from error

    def symbol(self, value: Any) -> tuple[int, int, int]:
        """Return the symbol of a value, its place within that, and how many places it has."""
        key = (value, type(value), str(value) if value.__class__ is float and not value else "")  # 0.0 is not -0.0
        try:
            found = self._numbers.get(key)
        except TypeError:  # it cannot be remembered, and is refused
            found = None
        if found is None:
            found = self._symbol(self.cells(value))
            if len(self._numbers) < MOST_REMEMBERED:
                self._numbers[key] = found
        return found

    def _symbol(self, cells: Cells) -> tuple[int, int, int]:
        numbers, special = self.column.numbers(cells)
        number, mark = int(numbers[0]), int(special[0])
        if mark >= 0:
            return mark, 0, 1
        if not self._low <= number <= self._high:
            return ESCAPE, 0, 1
        place = bisect_right(self._edges, number) - 1
        if 0 <= place < len(self._edges) - 1:
            return SPECIAL + place, number - self._edges[place], self._edges[place + 1] - self._edges[place]
        return FAR, number - self._low, self._high - self._low + 1

    def width(self, symbol: int) -> int:
        """Return how many places a symbol has."""
        if symbol >= SPECIAL:
            return int(self._edges[symbol - SPECIAL + 1] - self._edges[symbol - SPECIAL])
        return self._high - self._low + 1 if symbol == FAR else 1

    def value(self, symbol: int, offset: int) -> Any:
        """Return the value of a symbol and a place within it."""
        key = (symbol, offset)
        if key in self._values:
            return self._values[key]
        special = np.array([symbol if symbol <= NULL else -1], np.int8)
        number = 0 if symbol <= NULL else offset + (self._edges[symbol - SPECIAL] if symbol >= SPECIAL else self._low)
        if symbol > NULL and not self._low <= number <= self._high:
            raise ModelFileError("the stream is damaged: a number in it is beyond its column.")
        value = self.plain(self.column.cells(np.array([number], np.int64), special))
        if len(self._values) < MOST_REMEMBERED:
            self._values[key] = value
        return value

    def plain(self, cells: Cells) -> Any:
        """Return the value of a column of one row, as Python has it."""
        return array_of(cells, self._kind)[0].as_py()

    def context(self, symbol: int, offset: int) -> int:
        """Return in which context bin the number of a symbol is."""
        if symbol <= NULL:
            return symbol
        number = offset + (self._edges[symbol - SPECIAL] if symbol >= SPECIAL else self._low)
        return SPECIAL + min(max(bisect_right(self._base, number) - 1, 0), len(self._base) - 2)


class SingleRows:
    """The rows of a codec, one by one."""

    def __init__(self, schema: pa.Schema, columns: Sequence[Column], lanes: Lanes) -> None:
        layout = lanes.layout
        self._layout, self._inputs = layout, lanes.network.inputs.astype(np.int32)
        self._names = list(schema.names)
        self._columns = [
            SingleColumn(field.name, field.type, column, alphabet, outlet)
            for field, column, alphabet, outlet in zip(schema, columns, layout.alphabets, lanes.outlets, strict=True)
        ]
        self._follows = [alphabet.follows for alphabet in layout.alphabets]
        self._starts = layout.inputs.tolist()
        self._sizes = [alphabet.size for alphabet in layout.alphabets]
        self._bias = list(lanes.network.hidden_bias)

    @cached_property
    def _nothing(self) -> np.ndarray:
        zero = np.zeros(self._inputs.shape[1], np.int32)
        return zero + self._inputs[self._layout.nothing] if self._layout.history else zero

    def write(self, row: Mapping[str, Any]) -> bytes:
        """Return a row as bytes.

        Raises
        ------
        InvalidData
            If it has other columns than the table of the fit, or values of other types.
        """
        if len(row) != len(self._names) or any(name not in row for name in self._names):
            self._refuse(row)
        coder = IntervalWriter(1)
        coder.rows = FIRST
        interval = coder.interval(0)
        total = self._nothing.copy()
        for place, column in enumerate(self._columns):
            value = row[column.name]
            symbol, offset, width = column.symbol(value)
            up_to = self._chances(total, place)
            below = int(up_to[symbol - 1]) if symbol else 0
            interval.narrow(below, int(up_to[symbol]) - below, int(up_to[-1]))
            if width > 1:
                for shift, size in _digits(width):
                    interval.narrow(offset >> shift & (1 << DIGIT) - 1, 1, size)
            if symbol == ESCAPE:
                column.column.code(coder, column.cells(value), FIRST)
            self._see(total, place, symbol, offset)
        return interval.to_bytes()

    def read(self, message: bytes) -> dict[str, Any]:
        """Return the row of bytes.

        Raises
        ------
        ModelFileError
            If they are of none.
        """
        coder = IntervalReader([message])
        coder.rows = FIRST
        total = self._nothing.copy()
        answer = {}
        for place, column in enumerate(self._columns):
            symbol = coder.one(self._chances(total, place))
            width, offset = column.width(symbol), 0
            if width > 1:
                for shift, size in _digits(width):
                    offset |= coder.digit(size) << shift
            if symbol == ESCAPE:
                empty = column.column.cells(np.zeros(1, np.int64), np.full(1, ESCAPE))
                raw = Cells(empty.values.copy(), empty.is_null)
                column.column.code(coder, raw, FIRST)
                answer[column.name] = column.plain(raw)
            else:
                answer[column.name] = column.value(symbol, offset)
            self._see(total, place, symbol, offset)
        if coder.unfinished:
            raise ModelFileError("the row is damaged: its symbols do not end where it does.")
        return answer

    def _chances(self, total: np.ndarray, place: int) -> np.ndarray:
        """Return how likely each symbol of a column is together with those before it, [symbols]."""
        outlet = self._columns[place].outlet
        hidden = np.minimum(np.maximum(total + self._bias[place], NONE), LARGEST).astype(np.float32)
        logits = hidden @ outlet.weights
        logits += outlet.bias
        below = np.maximum.reduce(logits) - logits
        below *= outlet.scale
        return np.add.accumulate(CHANCES.take(np.minimum(below.astype(np.int32), LAST)))

    def _see(self, total: np.ndarray, place: int, symbol: int, offset: int) -> None:
        """Add what a column tells to the sums of inputs."""
        inputs, start = self._inputs, self._starts[place]
        total += inputs[start + symbol]
        if self._follows[place]:
            total += inputs[start + self._sizes[place] + self._columns[place].context(symbol, offset)]

    def _refuse(self, row: Mapping[str, Any]) -> None:
        for name in row:
            if name not in self._names:
                raise InvalidData(
                    f"column {name!r} was not there at the fit.{suggestion(str(name), self._names)} Leave it out."
                )
        missing = next(name for name in self._names if name not in row)
        raise InvalidData(f"column {missing!r} is missing: expected the {len(self._names)} columns of the fit.")


def _digits(width: int) -> list[tuple[int, int]]:
    """Return the shifts and sizes of the digits of a number below a width, as `Coder.wide` writes them."""
    last = width - 1
    return [
        (shift, min(last >> shift, (1 << DIGIT) - 1) + 1) for shift in range(DIGIT * 3, -1, -DIGIT) if last >> shift > 0
    ]
