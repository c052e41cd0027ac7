"""A pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.core.extras import is_made_by
from isthmus.data.arrow import ColumnSource
from isthmus.data.labels import Labels, labels_of
from isthmus.errors import InvalidData


class Pandas(ColumnSource):
    """The columns of a DataFrame; the index is kept for the way out."""

    def __init__(self, data: Any) -> None:
        names = [str(name) for name in data.columns]
        fields = []
        for name, (_, column) in zip(names, data.items(), strict=True):
            try:
                fields.append(_to_arrow(column))
            except UnicodeEncodeError as error:
                raise InvalidData(
                    f"column {name!r}: expected text; got {error.object!r}, which holds half a character. Read the "
                    "table again in its encoding."
                ) from error
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
                raise InvalidData(
                    f"column {name!r} mixes types or holds objects ({error}): make all its values numbers or texts."
                ) from error
        self._table = pa.Table.from_arrays(fields, names=names)
        self.index = data.index
        self._frame = data
        self.schema = self._table.schema
        self.n_rows = len(data)

    def labels(self) -> Labels | None:
        return labels_of(self.whole().columns)

    def whole(self) -> Any:
        names, all_names = self.schema.names, self._table.column_names
        return self._frame if names == all_names else self._frame.iloc[:, [all_names.index(name) for name in names]]

    def own_types(self) -> dict[str, str]:
        types = {}
        for name, kind in zip(self.schema.names, self.whole().dtypes, strict=True):
            types[name] = _spelling(kind)
        return types

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_made_by(data, "pandas", "DataFrame")

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)


def _to_arrow(column: Any) -> pa.Array:
    """Return a column as one of Arrow: dense, intervals as texts, whole numbers beyond 64 bits as floats."""
    import pandas as pd

    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "fiub":
        return pa.array(column.to_numpy(), from_pandas=True)
    if isinstance(kind, pd.SparseDtype):
        column = column.sparse.to_dense()
    if isinstance(kind, pd.CategoricalDtype) and isinstance(kind.categories.dtype, pd.IntervalDtype):
        column = column.cat.rename_categories(list(map(str, kind.categories)))
    try:
        array = pa.array(column, from_pandas=True)
    except OverflowError:
        return pa.array([None if pd.isna(value) else float(value) for value in column], pa.float64())
    is_empty = pa.types.is_dictionary(array.type) and pa.types.is_null(array.type.value_type)
    return pa.nulls(len(array)) if is_empty else array


def _spelling(kind: Any) -> str:
    """Return the name of a type of pandas by which `build_frame` knows it again."""
    import pandas as pd

    if isinstance(kind, pd.CategoricalDtype):
        return f"category[{kind.categories.dtype}]"
    return f"arrow[{kind.pyarrow_dtype}]" if isinstance(kind, pd.ArrowDtype) else str(kind)
