"""Sources that read columns from files."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from isthmus.data.arrow import ColumnSource, fill_column


class FileSource(ColumnSource):
    """Columns of files, answered as pandas DataFrames; what is filled in keeps the type that the file has for it."""

    is_file: ClassVar[bool] = True

    def fill(self, answer: Any, is_missing: np.ndarray) -> pa.Table:
        batches = list(self.record_batches(65_536))
        table = pa.Table.from_batches(batches, batches[0].schema if batches else self.schema)
        columns = [
            fill_column(column, pa.chunked_array([pa.array(answer.iloc[:, i], from_pandas=True)]), pa.array(mask))
            if mask.any()
            else column
            for i, (column, mask) in enumerate(zip(table.columns, is_missing.T, strict=True))
        ]
        return pa.Table.from_arrays(columns, names=table.column_names)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        table = self.fill(answer, is_missing)
        return self.build_frame(table, {}, table.column_names)
