"""An array, or anything NumPy makes one of."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.contracts import Source
from isthmus.numeric import as_matrix, float_type, row_of


class Array(Source):
    """A NumPy array, a JAX array, nested lists; rows along the first axis."""

    def __init__(self, data: Any) -> None:
        self._array = as_matrix(data)
        self.row = row_of(self._array)
        self.n_rows = len(self._array)
        self.dtype = float_type(self._array)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        kind = type(data)
        if data is None or isinstance(data, dict | set | bytes | numbers.Number):
            return False
        is_other = kind.__module__.partition(".")[0] in ("pandas", "polars") and kind.__name__ != "Series"
        return not is_other and not kind.__module__.startswith("scipy.sparse") and not isinstance(data, str | Path)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for start in range(0, self.n_rows, rows):
            yield np.asarray(self._array[start : start + rows], self.dtype)
