"""Windows over a long series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.data.labels import Labels
from isthmus.data.source import Source
from isthmus.errors import InvalidData, suggestion

MOST_NAMED = 12  # channels in a message


class Windows(Source):
    """Pieces of a series [steps, channels], each a sequence [size, channels].

    They are cut when they are read, so that they may overlap as much as wanted without taking memory.
    `isthmus.windows` makes them; NumPy takes them for an array [n, size, channels].
    """

    def __init__(
        self, series: np.ndarray, size: int, starts: np.ndarray, channels: tuple[str, ...] | None = None
    ) -> None:
        self.series, self.size, self.starts = series, size, starts
        self.row = Row((size, series.shape[1]), is_sequence=True, channels=channels)
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
        if not np.ndim(starts):
            return self.cut(np.array([which]))[0]
        return Windows(self.series, self.size, starts, self.row.channels)

    def with_channels(self, channels: tuple[str, ...] | None) -> Windows:
        if channels is None or self.row.channels in (None, channels):
            return self
        places = channel_places(self.name, self.row.channels or (), channels)
        return Windows(self.series[:, places], self.size, self.starts, channels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.cut(slice(None)).astype(dtype or self.dtype, copy=False)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        """Return an array [n, size, channels]."""
        return values


def channel_places(name: str, names: Sequence[str], channels: Sequence[str]) -> list[int]:
    """Return the places of the channels of a fit among the names that a series has.

    Raises
    ------
    InvalidData
        If the series, which is called `name`, lacks one.
    """
    for channel in channels:
        if channel not in names:
            expected = ", ".join(channels[:MOST_NAMED]) + (", …" if len(channels) > MOST_NAMED else "")
            raise InvalidData(
                f"{name} has no channel {channel!r}, and the model was fitted on windows of {expected}."
                f"{suggestion(channel, names)}"
            )
    return [list(names).index(channel) for channel in channels]
