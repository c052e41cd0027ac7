"""Pictures of Pillow, paths of files of pictures, and folders of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.core.extras import is_made_by
from isthmus.data.arrays import flat_blocks
from isthmus.data.dialect import AS_SHOWN, ReadingOptions
from isthmus.data.files import PICTURES, are_pictures, is_folder, list_files
from isthmus.data.labels import Labels
from isthmus.data.source import Source
from isthmus.errors import InvalidData, MissingExtra

PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "LA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}
"""How pictures of other modes are read."""
MODES = {"L": 1, "RGB": 3, "RGBA": 4}  # and their channels


class Pictures(Source):
    """Pictures of Pillow, all of one size; answers are pictures of Pillow.

    They are a list of such or of paths, a folder with all that is below it, or a pattern for paths. Gray ones are rows
    [height, width], others [channels, height, width].
    """

    priority = 1
    suffixes = PICTURES
    reads_many = True
    takes = ("size",)

    def __init__(self, data: Any, options: ReadingOptions = AS_SHOWN) -> None:
        if is_made_by(data, "PIL", "Image"):
            raise InvalidData("X: expected a list of pictures; got one picture. Pass [X].")
        if isinstance(data, str | Path):
            self.name, paths = str(data), list_files(data, PICTURES)
            within = Path(data) if is_folder(data) else None
            self.files = [str(path if within is None else path.relative_to(within)) for path in paths]
            data = paths
        self._array = np.stack(list(_same_arrays(list(data), options.size)))
        if self._array.ndim == 4:
            self._array = np.moveaxis(self._array, -1, 1)
        self.row = Row(self._array.shape[1:])
        self.n_rows = len(self._array)
        self.dtype = np.dtype(np.float32)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        is_list = isinstance(data, list | tuple) and len(data) > 0
        are_open = is_list and all(is_made_by(item, "PIL", "Image") for item in data)
        if isinstance(data, str | Path):
            return bool(list_files(data, PICTURES))
        return are_open or is_made_by(data, "PIL", "Image") or are_pictures(data)

    @property
    def pixel_limit(self) -> float | None:
        return 255.0

    def describe(self) -> str:
        *channels, height, width = self.row.shape
        count = channels[0] if channels else 1
        return f"pictures of {width} x {height} pixels, {count} channel{'s' * (count > 1)}"

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        return flat_blocks(self._array, rows, self.dtype)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        """Return a list of pictures of Pillow, each pixel the nearest whole number from 0 to 255."""
        if values.ndim not in (3, 4):
            return values
        image = _pillow()
        pixels = np.rint(np.clip(np.nan_to_num(values), 0, 255)).astype(np.uint8)
        pixels = np.moveaxis(pixels, 1, -1) if values.ndim == 4 else pixels
        return [image.fromarray(picture) for picture in pixels]


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("pictures need Pillow: pip install 'isthmus[pictures]'") from error
    return Image


def _same_arrays(pictures: list[Any], size: Sequence[int] | None) -> Iterator[np.ndarray]:
    """Yield pictures as arrays [height, width] or [height, width, channels], or refuse the first that differs.

    With a `size`, width and height, each is brought to it and to the mode of the first.
    """
    first, mode = "", ""
    for i, item in enumerate(pictures):
        picture = _read(item) if isinstance(item, str | Path) else item
        picture = picture.convert(PLAIN.get(picture.mode, picture.mode))
        if picture.mode not in MODES:
            raise InvalidData(f"picture {i}: expected 8 bits a channel; got the mode {picture.mode}. Pass arrays.")
        if size is not None:
            mode = mode or picture.mode
            picture = picture.convert(mode).resize(tuple(size))
        form = f"{picture.width} x {picture.height} pixels, {MODES[picture.mode]} channels"
        first = first or form
        if form != first:
            raise InvalidData(
                f"picture {i} has {form}, and picture 0 has {first}: expected pictures of one size and mode. Resize "
                "them, picture.convert('RGB').resize((64, 64)), or a folder of them by size=(64, 64) (--size 64x64)."
            )
        yield np.asarray(picture)


def _read(path: str | Path) -> Any:
    image = _pillow()
    try:
        with warnings.catch_warnings(), image.open(path) as picture:
            warnings.simplefilter("error", image.DecompressionBombWarning)
            picture.load()
            return picture.copy()
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError, image.DecompressionBombWarning) as error:
        raise InvalidData(f"{path} cannot be read as a picture: {str(error).splitlines()[0]}") from error
