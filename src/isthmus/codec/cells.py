"""Columns of Arrow as plain arrays and back, to the bit: numbers of fixed width, or texts as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.errors import InvalidData


@dataclass(frozen=True)
class Cells:
    """The cells of one column."""

    values: np.ndarray  # [n], of numbers; of texts objects of bytes
    is_null: np.ndarray  # [n]

    def __len__(self) -> int:
        return len(self.values)

    def part(self, rows: slice) -> Cells:
        """Return some of the rows."""
        return Cells(self.values[rows], self.is_null[rows])

    def take(self, places: np.ndarray) -> Cells:
        """Return the rows at these places."""
        return Cells(self.values[places], self.is_null[places])

    def stored_as(self, dtype: np.dtype | None) -> Cells:
        """Return the same, of a column in which all is missing in the type of another one; None for texts."""
        kind = np.dtype(object) if dtype is None else dtype
        if self.values.dtype == kind or not self.is_null.all():
            return self
        return Cells(np.full(len(self), b"" if dtype is None else np.zeros((), kind), kind), self.is_null)

    @property
    def size(self) -> int:
        """How many bytes the values take in memory."""
        return self.values.nbytes if self.values.dtype != object else sum(map(len, self.values))


def concatenate(parts: Sequence[Cells]) -> Cells:
    """Return the cells of one column as one, from at least one part."""
    return Cells(np.concatenate([part.values for part in parts]), np.concatenate([part.is_null for part in parts]))


def distinct_texts(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct ones of texts [n] in their order, and the place of each among them, [n] int64."""
    encoded = pa.array(texts, pa.large_binary()).dictionary_encode()
    words = np.empty(len(encoded.dictionary), object)
    words[:] = encoded.dictionary.to_pylist()
    order = np.argsort(words, kind="stable")
    return words[order], np.argsort(order)[np.asarray(encoded.indices, np.int64)]


def greatest_error(before: Cells, after: Cells) -> float:
    """Return the largest difference between the numbers of two columns; infinite where one of them is none."""
    x, y = before.values, after.values
    if not np.array_equal(before.is_null, after.is_null):
        return np.inf
    if x.dtype == object:
        return 0.0 if np.array_equal(x, y) else np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        if x.dtype.kind != "f":
            exact: Any = np.int64 if x.dtype.itemsize < 8 else object
            return float(np.abs(x.astype(exact) - y.astype(exact)).max(initial=0))
        is_same = (x == y) | (np.isnan(x) & np.isnan(y))
        return float(np.where(is_same, 0.0, np.abs(x.astype(np.float64) - y.astype(np.float64))).max(initial=0.0))


def inner_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a column: of categories that of what they name."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def number_type(kind: pa.DataType) -> np.dtype | None:
    """Return the type that NumPy holds the cells of a column in, None for texts."""
    kind, kinds = inner_type(kind), pa.types
    if kinds.is_boolean(kind):
        return np.dtype(np.uint8)
    if kinds.is_integer(kind) or kinds.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    if kinds.is_temporal(kind) and not kinds.is_interval(kind):
        return np.dtype(f"i{kind.bit_width // 8}")
    return np.dtype(np.int8) if kinds.is_null(kind) else None


def is_text(kind: pa.DataType) -> bool:
    """Say whether the cells of a column are texts or bytes."""
    kind, kinds = inner_type(kind), pa.types
    tests = (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary, kinds.is_string_view)
    return any(test(kind) for test in tests)


def check_columns(schema: pa.Schema) -> None:
    """Raise `InvalidData` for the first column whose type no codec holds, or for a name that comes twice."""
    for field in schema:
        if number_type(field.type) is None and not is_text(field.type):
            raise InvalidData(
                f"column {field.name!r}: expected numbers, truth values, dates, texts or categories; got {field.type}. "
                "Leave it out, or make it one of these."
            )
    if len(set(schema.names)) < len(schema.names):
        name = next(name for name in schema.names if schema.names.count(name) > 1)
        raise InvalidData(f"column {name!r} comes twice: expected a name for each column. Rename one.")


def cells_of(array: pa.Array) -> Cells:
    """Return the cells of a column of Arrow."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    is_null = np.asarray(array.is_null(), bool)
    dtype = number_type(array.type)
    if dtype is None:
        binary = array.cast(pa.large_binary())
        return Cells(np.array(binary.fill_null(b"").to_pylist(), object), is_null)
    if pa.types.is_null(array.type):
        return Cells(np.zeros(len(array), dtype), is_null)
    if pa.types.is_boolean(array.type):
        return Cells(np.asarray(array.fill_null(False).cast(pa.uint8())), is_null)
    data = array.buffers()[1]
    whole = np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize) if len(array) else np.empty(0, dtype)
    return Cells(np.where(is_null, np.zeros(1, dtype), whole) if is_null.any() else whole, is_null)


def array_of(cells: Cells, kind: pa.DataType, dictionary: pa.Array | None = None) -> pa.Array:
    """Return cells as a column of Arrow of a type; of categories with the `dictionary` of all that there are."""
    if pa.types.is_dictionary(kind):
        plain = array_of(cells, kind.value_type)
        known = pa.array([], kind.value_type) if dictionary is None else dictionary
        is_new = pc.and_(pc.is_null(pc.index_in(plain, value_set=known)), pc.is_valid(plain))
        dictionary = pa.concat_arrays([known, pc.unique(plain.filter(is_new))])
        places = pc.index_in(plain, value_set=dictionary, skip_nulls=True).cast(kind.index_type)
        return pa.DictionaryArray.from_arrays(places, dictionary, ordered=kind.ordered)
    mask = cells.is_null if cells.is_null.any() else None
    dtype = number_type(kind)
    if dtype is None:
        return pa.array(cells.values, pa.large_binary(), mask=mask).cast(kind)
    if pa.types.is_null(kind):
        return pa.nulls(len(cells))
    if pa.types.is_boolean(kind):
        return pa.array(cells.values.astype(bool), mask=mask)
    validity = None if mask is None else pa.py_buffer(np.packbits(~mask, bitorder="little").tobytes())
    data = pa.py_buffer(np.ascontiguousarray(cells.values, dtype).tobytes())
    return pa.Array.from_buffers(kind, len(cells), [validity, data])
