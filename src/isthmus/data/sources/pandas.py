"""A pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from isthmus.data.arrow import ColumnSource
from isthmus.errors import InvalidData


class Pandas(ColumnSource):
    """The columns of a DataFrame; the index is kept for the way out."""

    def __init__(self, data: Any) -> None:
        names = [str(name) for name in data.columns]
        fields = []
        for position, name in enumerate(names):
            try:
                fields.append(pa.array(data.iloc[:, position], from_pandas=True))
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
                raise InvalidData(
                    f"column {name!r} mixes types or holds objects ({error}): make all its values numbers or texts."
                ) from error
        self._table = pa.Table.from_arrays(fields, names=names)
        self.index = data.index
        self._labels, self._frame = list(data.columns), data
        self._types = list(data.dtypes)
        self.schema = self._table.schema
        self.n_rows = len(data)

    def labels(self) -> list[str | int] | None:
        is_plain = all(type(label) in (str, int) for label in self._labels)
        return self._labels if is_plain else super().labels()

    def whole(self) -> Any:
        return self._frame

    def own_types(self) -> dict[str, str]:
        found = {}
        for name, kind in zip(self.schema.names, self._types, strict=True):
            is_category = kind.name == "category"
            found[name] = f"category[{kind.categories.dtype}]" if is_category else str(kind)
        return found

    def pick(self, columns: Sequence[str] | None) -> None:
        types = dict(zip(self.schema.names, self._types, strict=True))
        super().pick(columns)
        self._types = [types[name] for name in self.schema.names]

    @classmethod
    def accepts(cls, data: Any) -> bool:
        kind = type(data)
        return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame"

    def record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)
