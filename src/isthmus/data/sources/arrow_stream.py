"""A table of any library that streams itself to Arrow or that narwhals knows."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from isthmus.data.arrow import ColumnSource, fill_column
from isthmus.data.labels import Labels
from isthmus.data.source import Source
from isthmus.errors import InvalidData


@runtime_checkable
class Streamable(Protocol):
    """What gives its columns as a stream of Arrow, by the PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


class ArrowStream(ColumnSource):
    """A table that streams itself to Arrow or that narwhals knows: of pyarrow, DuckDB, Modin, Ibis and others.

    A stream can be read once, so its batches are kept in memory. Answers come in the same library where narwhals can
    build a frame of it, else as a pyarrow Table.

    References
    ----------
    https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    """

    priority = -1  # frames that have a source of their own can be streamed too
    library: ClassVar[Any] = None  # that answers come in, as narwhals knows it; None for pyarrow

    def __init__(self, data: Any) -> None:
        import narwhals as nw

        frame = _known(data)
        try:
            if isinstance(data, Streamable):
                self._table = pa.RecordBatchReader.from_stream(data).read_all()
            else:
                frame = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
                self._table = frame.to_arrow().select(frame.columns)  # without an index of rows
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError, OSError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InvalidData(
                f"a {type(data).__module__}.{type(data).__qualname__} cannot be read as a table: {why}"
            ) from error
        self._library = frame.implementation if isinstance(frame, nw.DataFrame) else None
        self.schema = self._table.schema
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        if isinstance(data, np.ndarray):  # known at once: who asks for one row waits for no more
            return False
        import narwhals as nw

        known = _known(data)
        return not isinstance(known, nw.Series) and (known is not None or isinstance(data, Streamable))

    @property
    def kind(self) -> type[Source]:
        return _answering_in(self._library)

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)

    def whole(self) -> Any:
        return _build(self._table.select(self.schema.names), self._library)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        import narwhals as nw

        given, answered = self._table.select(self.schema.names), nw.from_native(answer).to_arrow()
        columns = [
            fill_column(column, answered.column(name), pa.array(mask)) if mask.any() else column
            for name, column, mask in zip(given.column_names, given.columns, is_missing.T, strict=True)
        ]
        return _build(pa.Table.from_arrays(columns, names=given.column_names), self._library)

    @classmethod
    def build_frame(cls, table: pa.Table, own: Mapping[str, Any], labels: Labels, index: Any = None) -> Any:
        return _build(table.rename_columns([str(label) for label in labels]), cls.library)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        columns = [pa.array(column) for column in np.asarray(values).T]
        return _build(pa.Table.from_arrays(columns, names=[str(label) for label in labels]), cls.library)


@functools.cache
def _answering_in(library: Any) -> type[ArrowStream]:
    """Return the kind of table whose answers come in a library."""
    own = {"library": library, "__module__": __name__}
    return ArrowStream if library is None else type("ArrowStream", (ArrowStream,), own)


def _known(data: Any) -> Any:
    """Return `data` as narwhals wraps it, None where it does not know it."""
    import narwhals as nw

    try:
        known = nw.from_native(data, pass_through=True, allow_series=True)
    except nw.exceptions.DuplicateError as error:
        if isinstance(data, Streamable):  # its schema shows which
            return None
        raise InvalidData("two columns have the same name: give every column its own name.") from error
    return None if known is data else known


def _build(table: pa.Table, library: Any) -> Any:
    """Return a table as a frame of a library."""
    import narwhals as nw

    return table if library is None else nw.from_arrow(table, backend=library).to_native()
