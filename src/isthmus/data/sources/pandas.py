"""A pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterator
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
        self._frame = data
        self.schema = self._table.schema
        self.n_rows = len(data)

    def labels(self) -> list[str | int] | None:
        labels = list(self.whole().columns)
        return labels if all(type(label) in (str, int) for label in labels) else super().labels()

    def whole(self) -> Any:
        names, all_names = self.schema.names, self._table.column_names
        return self._frame if names == all_names else self._frame.iloc[:, [all_names.index(name) for name in names]]

    def own_types(self) -> dict[str, str]:
        types = {}
        for name, kind in zip(self.schema.names, self.whole().dtypes, strict=True):
            is_category = kind.name == "category"
            types[name] = f"category[{kind.categories.dtype}]" if is_category else str(kind)
        return types

    @classmethod
    def accepts(cls, data: Any) -> bool:
        kind = type(data)
        return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame"

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)
