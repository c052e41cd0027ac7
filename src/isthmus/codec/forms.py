"""The form that a table came in, so that it comes back the same: names, types, categories, index, shape."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.codec.cells import Cells, array_of, cells_of, check_columns, number_type
from isthmus.core.extras import is_made_by
from isthmus.data.arrow import WIDE, ColumnSource
from isthmus.data.sources import open_table, source_type
from isthmus.errors import InvalidData, ModelFileError

BLOCK = 65_536  # rows that are read at a time
MOST_AXES = 8
MOST_CELLS_OF_ROW = 2**24  # of an image, or of a slice of a field


@dataclass(frozen=True)
class Form:
    """How a table came: as a frame or file of columns, or as an array."""

    kind: str  # that of its source: "pandas", "polars", "parquet", "array" and so on
    schema: pa.Schema
    dictionaries: dict[str, pa.Array] = field(default_factory=dict)  # the categories of columns, by name
    own: dict[str, str] = field(default_factory=dict)  # types as polars spells them
    dtype: str = ""  # of an array
    shape: tuple[int, ...] = ()  # of a row of an array

    @property
    def is_array(self) -> bool:
        """Whether it is an array, whose columns have no names of their own."""
        return bool(self.dtype)

    @property
    def is_grid(self) -> bool:
        """Whether it is an array of images or fields, one column whose cells are arrays."""
        return self.kind == "grid"

    @property
    def stored(self) -> np.dtype:
        """The type in which the values of an array are kept."""
        return _stored(np.dtype(self.dtype))

    def to_json(self, *, to_pack: bool = False) -> dict[str, Any]:
        """Return it as plain JSON; what is to be packed has its bytes as characters, for zstd to see."""
        text = _characters if to_pack else _text
        return {
            "kind": self.kind,
            "schema": text(self.schema.serialize().to_pybytes()),
            "dictionaries": {name: text(_array_bytes(array)) for name, array in self.dictionaries.items()},
            "own": self.own,
            "dtype": self.dtype,
            "shape": list(self.shape),
        } | ({"to_pack": True} if to_pack else {})

    @classmethod
    def from_json(cls, data: Any, name: str) -> Form:
        """Return the form that `to_json` wrote; `data` may be anything.

        Raises
        ------
        ModelFileError
            If it is none; it says so of `name`.
        """
        try:
            to_bytes = _from_characters if data.get("to_pack") is True else _from_text
            schema = pa.ipc.read_schema(pa.py_buffer(to_bytes(data["schema"])))
            check_columns(schema)
            arrays = {str(key): _array_from(to_bytes(text)) for key, text in data["dictionaries"].items()}
            for key, array in arrays.items():
                if array.type != schema.field(key).type.value_type:
                    raise ValueError
            own = {str(key): str(spelled) for key, spelled in data["own"].items()}
            shape = tuple(int(axis) for axis in data["shape"])
            form = cls(str(data["kind"]), schema, arrays, own, str(data["dtype"]), shape)
            if form.is_array:
                is_shape = len(shape) <= MOST_AXES and all(0 < axis < 2**31 for axis in shape)
                if np.dtype(form.dtype).hasobject or not is_shape or int(np.prod(shape)) != len(schema):
                    raise ValueError
            elif form.kind != "arrow":
                source_type(form.kind)
        except (ValueError, TypeError, KeyError, AttributeError, pa.ArrowException) as error:
            raise ModelFileError(f"{name} is damaged: it does not say of what form its table is.") from error
        return form

    def restore(self, blocks: Sequence[Sequence[Cells]]) -> Any:
        """Return the table of blocks of cells, by column."""
        if self.is_array:
            return self._array(blocks)
        batches = [self.batch(block) for block in (blocks or [self._no_rows()])]
        table = pa.Table.from_batches(batches).unify_dictionaries()
        if self.kind == "polars":
            own = {
                n: (kind, self.dictionaries[n].to_pylist() if n in self.dictionaries else None)
                for n, kind in self.own.items()
            }
            return source_type("polars").build_frame(table, own, table.column_names)  # type: ignore[attr-defined]
        return table if self.kind == "arrow" else table.to_pandas()

    def batch(self, block: Sequence[Cells]) -> pa.RecordBatch:
        """Return a block of cells as a batch of Arrow."""
        arrays = [
            array_of(cells, column.type, self.dictionaries.get(column.name))
            for cells, column in zip(block, self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _no_rows(self) -> list[Cells]:
        none = np.zeros(0, bool)
        return [Cells(np.empty(0, object if kind is None else kind), none) for kind in storage_types(self.schema)]

    def _array(self, blocks: Sequence[Sequence[Cells]]) -> np.ndarray:
        dtype = np.dtype(self.dtype)
        parts = [np.stack([cells.values for cells in block], axis=1) for block in blocks]
        whole = np.concatenate(parts) if parts else np.empty((0, len(self.schema)), _stored(dtype))
        native = whole.view(dtype.newbyteorder("=")) if dtype.kind in "mMb" else whole
        return native.astype(dtype, copy=False).reshape(-1, *self.shape)


def grid_form(dtype: Any, shape: Any) -> Form | None:
    """Return the form of images or fields of a type, whose rows have a shape; None where there is none such."""
    try:
        kind, axes = np.dtype(dtype), tuple(int(axis) for axis in shape)
    except (TypeError, ValueError):
        return None
    if kind.kind not in "biufmM" or kind.itemsize > 8 or not 0 < len(axes) <= MOST_AXES:
        return None
    if any(axis < 1 for axis in axes) or not 0 < math.prod(axes) <= MOST_CELLS_OF_ROW:
        return None
    return Form("grid", pa.schema([("x", pa.from_numpy_dtype(_stored(kind)))]), dtype=kind.str, shape=axes)


def open_form(X: Any, *, needs_rows: bool = False, as_grid: bool | None = False) -> tuple[Form, Iterator[list[Cells]]]:
    """Return the form of a table and its blocks of rows, each a list of the cells of its columns.

    Parameters
    ----------
    needs_rows : refuse a table without rows, a file by its name.
    as_grid : take an array as one column, whose cells are arrays; None for one of three axes or more.

    Raises
    ------
    InvalidData
        If it is no table that a codec can give back; the message says why.
    """
    if isinstance(X, np.ndarray | list | tuple):
        return _open_array(np.asarray(X), as_grid)
    if not as_grid and is_made_by(X, "pandas", "DataFrame"):
        return _open_pandas(X)
    if not as_grid and isinstance(X, pa.Table | pa.RecordBatch):
        table = pa.Table.from_batches([X]) if isinstance(X, pa.RecordBatch) else X
        return _open_table("arrow", table.unify_dictionaries())
    source = open_table(X)
    if needs_rows:
        source.require_rows()
    if (array := source.own_array()) is not None:
        return _open_array(array, as_grid)
    if as_grid:
        raise InvalidData(f"X: expected an array for a grid; got {source.form}. Leave out grid=True.")
    if not isinstance(source, ColumnSource):
        raise InvalidData(f"X: expected an array, a frame or a file of columns; got {source.form}.")
    if source.form == "pandas":
        return _open_pandas(source.whole())
    own = source.own_types()
    if wide := [name for name, kind in own.items() if kind in WIDE]:
        raise InvalidData(f"column {wide[0]!r}: expected whole numbers of at most 64 bits; got {own[wide[0]]}.")
    return _open_source(source, own)


def _open_array(X: np.ndarray, as_grid: bool | None) -> tuple[Form, Iterator[list[Cells]]]:
    if X.ndim < 2:
        raise InvalidData(f"X: expected a table of rows; got shape {X.shape}. Pass X.reshape(-1, 1).")
    if X.dtype.kind not in "biufmM" or X.dtype.itemsize > 8:
        raise InvalidData(f"X: expected an array of numbers, truth values or times; got {X.dtype}.")
    size = int(np.prod(X.shape[1:]))
    if not size:
        raise InvalidData(f"X: expected at least one column; got shape {X.shape}.")
    stored = _stored(X.dtype)
    if X.ndim > 2 if as_grid is None else as_grid:
        form = grid_form(X.dtype, X.shape[1:])
        if form is None:
            raise InvalidData(f"X: expected rows of at most {MOST_CELLS_OF_ROW:,} values; got {size:,}. Cut them.")
        whole = np.ascontiguousarray(X.astype(X.dtype.newbyteorder("="), copy=False)).view(stored)
        return form, (
            [Cells(whole[i : i + BLOCK], np.zeros(len(whole[i : i + BLOCK]), bool))] for i in range(0, len(X), BLOCK)
        )
    kind = pa.from_numpy_dtype(stored)
    schema = pa.schema([(f"x{place}", kind) for place in range(size)])
    native = X.astype(X.dtype.newbyteorder("="), copy=False).reshape(len(X), size)
    plain = np.ascontiguousarray(native).view(stored)

    def blocks() -> Iterator[list[Cells]]:
        for start in range(0, len(plain), BLOCK):
            part = plain[start : start + BLOCK]
            yield [Cells(np.ascontiguousarray(column), np.zeros(len(part), bool)) for column in part.T]

    return Form("array", schema, dtype=X.dtype.str, shape=X.shape[1:]), blocks()


def _open_pandas(X: Any) -> tuple[Form, Iterator[list[Cells]]]:
    import pandas as pd

    index = X.index
    is_plain = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None
    try:
        table = pa.Table.from_pandas(X, preserve_index=not is_plain)
    except (pa.ArrowException, ValueError, UnicodeEncodeError) as error:
        raise InvalidData(
            f"X: a column mixes types or holds objects ({error}): make its values of one type."
        ) from error
    for place, column in enumerate(table.schema):
        values = X.iloc[:, place] if place < X.shape[1] else None
        if values is not None and pa.types.is_floating(column.type) and isinstance(values.dtype, np.dtype):
            exact = pa.array(values.to_numpy(), column.type, from_pandas=False)  # NaN stays NaN
            table = table.set_column(place, column, exact)
    return _open_table("pandas", table)


def _open_table(kind: str, table: pa.Table) -> tuple[Form, Iterator[list[Cells]]]:
    check_columns(table.schema)
    table = table.unify_dictionaries()
    dictionaries = {
        column.name: _dictionary(table.column(place))
        for place, column in enumerate(table.schema)
        if pa.types.is_dictionary(column.type)
    }

    def blocks() -> Iterator[list[Cells]]:
        for start in range(0, len(table), BLOCK):
            yield [cells_of(column) for column in table.slice(start, BLOCK).columns]

    return Form(kind, table.schema, dictionaries), blocks()


def _open_source(source: ColumnSource, own: dict[str, str]) -> tuple[Form, Iterator[list[Cells]]]:
    check_columns(source.schema)
    named = [column.name for column in source.schema if pa.types.is_dictionary(column.type)]
    found: dict[str, list[pa.Array]] = {name: [] for name in named}
    if named:
        for batch in source.record_batches(BLOCK):
            for name in named:
                found[name].append(batch.column(name).dictionary)
    dictionaries = {
        name: pa.chunked_array(arrays or [pa.array([])], source.schema.field(name).type.value_type).unique()
        for name, arrays in found.items()
    }

    def blocks() -> Iterator[list[Cells]]:
        for batch in source.record_batches(BLOCK):
            yield [cells_of(column) for column in batch.columns]

    return Form(source.form, source.schema, dictionaries, own), blocks()


def _dictionary(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks:
        return column.chunk(0).dictionary
    return pa.array([], column.type.value_type)


def _stored(dtype: np.dtype) -> np.dtype:
    """Return the type in which the values of an array are kept: truth values and times as whole numbers."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    return np.dtype(np.int64) if dtype.kind in "mM" else dtype.newbyteorder("=")


def storage_types(schema: pa.Schema) -> list[np.dtype | None]:
    """Return the type of NumPy that each column is kept in, None for texts."""
    return [number_type(column.type) for column in schema]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_text(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _characters(data: bytes) -> str:
    return data.decode("latin-1")


def _from_characters(text: str) -> bytes:
    return text.encode("latin-1")


def _array_bytes(array: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"values": array})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _array_from(data: bytes) -> pa.Array:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        table = reader.read_all()
    table.validate(full=True)
    column = table.column("values")
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)
