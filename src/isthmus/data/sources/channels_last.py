"""Images whose channels stand last, as those of Pillow, imageio, Keras and matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.data.arrays import ARRAYS, as_rows, flat_blocks, float_type, has_channels_last, pixel_limit, row_of
from isthmus.data.labels import Labels
from isthmus.data.source import Source
from isthmus.errors import InvalidData


class ChannelsLast(Source):
    """An array [n, height, width, channels]; to a model its rows are [channels, height, width]."""

    priority = -1  # before other arrays

    def __init__(self, data: Any) -> None:
        self._array = np.moveaxis(as_rows(data), -1, 1)
        self.row = row_of(self._array)
        self.n_rows = len(self._array)
        self.dtype = float_type(self._array)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        if isinstance(data, list | tuple):
            are_images = bool(data) and all(isinstance(image, ARRAYS) and image.ndim == 3 for image in data)
            return are_images and has_channels_last((len(data), *data[0].shape))
        return isinstance(data, ARRAYS) and has_channels_last(data.shape)

    @classmethod
    def convert(cls, data: Any, row: Row) -> Any:
        if isinstance(data, ARRAYS) and data.shape == (*row.shape[1:], row.shape[0]):
            shape = (1, *data.shape)
            raise InvalidData(
                f"X: expected a table of rows; got one row, of shape {data.shape}. Pass X.reshape{shape}."
            )
        return data

    @property
    def pixel_limit(self) -> float | None:
        return pixel_limit(self._array)

    def describe(self) -> str:
        channels, height, width = self.row.shape
        return f"images of {height} x {width} pixels, {channels} channel{'s' * (channels > 1)}, which stand last"

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        return flat_blocks(self._array, rows, self.dtype)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        """Return an array [n, height, width, channels]."""
        return np.moveaxis(values, 1, -1) if values.ndim == 4 else values
