"""Windows over a long series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.data.labels import Labels
from isthmus.data.source import Source


class Windows(Source):
    """Pieces of a series [steps, channels], each a sequence [size, channels].

    They are cut when they are read, so that they may overlap as much as wanted without taking memory.
    `isthmus.windows` makes them; NumPy takes them for an array [n, size, channels].
    """

    def __init__(self, series: np.ndarray, size: int, starts: np.ndarray) -> None:
        self.series, self.size, self.starts = series, size, starts
        self.row = Row((size, series.shape[1]), is_sequence=True)
        self.n_rows = len(starts)
        self.dtype = series.dtype

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for start in range(0, self.n_rows, rows):
            yield self.cut(slice(start, start + rows)).reshape(-1, self.row.size)

    def cut(self, which: Any) -> np.ndarray:
        """Return some of the windows, [n, size, channels]."""
        return self.series[self.starts[which, None] + np.arange(self.size)]

    def whole(self) -> Windows:
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.n_rows, self.size, self.series.shape[1]

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self, which: Any) -> Any:
        """Return some of the windows, by a slice, places, or (places, ...), as scikit-learn asks; or one, an array."""
        if isinstance(which, tuple):
            if len(which) != 2 or which[1] is not Ellipsis:
                raise IndexError("windows are taken as wholes: numpy.asarray gives an array [n, size, channels].")
            which = which[0]
        starts = self.starts[which]
        return Windows(self.series, self.size, starts) if np.ndim(starts) else self.cut(np.array([which]))[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.cut(slice(None)).astype(dtype or self.dtype, copy=False)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        """Return an array [n, size, channels]."""
        return values
