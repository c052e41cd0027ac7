"""A SciPy sparse matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.data.source import Source
from isthmus.errors import InvalidData


class Sparse(Source):
    """A sparse matrix or array of SciPy, made dense block by block; reconstructions are dense arrays."""

    def __init__(self, data: Any) -> None:
        if data.ndim != 2:
            raise InvalidData(f"X: expected 2 dimensions, [rows, columns]; got {data.ndim}.")
        if np.iscomplexobj(data):
            raise InvalidData("Complex data not supported: split real and imaginary parts into columns.")
        self._matrix = data.tocsr()
        self.row = Row((data.shape[1],))
        self.n_rows = data.shape[0]
        self.dtype = np.dtype(np.float32 if data.dtype == np.float32 else np.float64)

    def has_missing(self, rows: int = 8192) -> bool:
        return bool(np.isnan(self._matrix.data).any())

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return any(kind.__module__.startswith("scipy.sparse") for kind in type(data).__mro__)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for start in range(0, self.n_rows, rows):
            yield self._matrix[start : start + rows].toarray().astype(self.dtype, copy=False)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        filled = np.array(self._matrix.toarray())  # in its own type: only floats lack cells
        filled[is_missing] = answer[is_missing]
        return filled
