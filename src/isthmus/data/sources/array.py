"""An array, or anything NumPy makes one of."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.data.arrays import ARRAYS, as_rows, flat_blocks, float_type, pixel_limit, row_of
from isthmus.data.source import Source


class Array(Source):
    """A NumPy array, a JAX array, nested lists; rows along the first axis, images along further ones."""

    priority = -2  # NumPy makes an array of anything, so all others are asked before

    def __init__(self, data: Any) -> None:
        self._array = as_rows(data)
        self.row = row_of(self._array)
        self.n_rows = len(self._array)
        self.dtype = float_type(self._array)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return not (data is None or isinstance(data, dict | set | bytes | str | Path | numbers.Number))

    @classmethod
    def convert(cls, data: Any, row: Row) -> Any:
        """Return images as the fit has read them, whatever their channels look like."""
        if isinstance(data, ARRAYS) and data.ndim == 4 and data.shape[1:] == row.shape:
            return cls(data)
        return super().convert(data, row)

    @property
    def pixel_limit(self) -> float | None:
        return pixel_limit(self._array)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        return flat_blocks(self._array, rows, self.dtype)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        filled = np.array(self._array)  # in its own type: only floats lack cells
        filled[is_missing] = answer[is_missing]
        return filled
