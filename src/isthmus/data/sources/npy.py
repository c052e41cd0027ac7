"""A NumPy file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.data.arrays import as_rows, flat_blocks, float_type, has_channels_last, pixel_limit, row_of
from isthmus.data.dialect import AS_SHOWN, ReadingOptions
from isthmus.data.files import is_one_file
from isthmus.data.source import Source
from isthmus.data.sources.channels_last import ChannelsLast
from isthmus.errors import InvalidData, suggestion


class Npy(Source):
    """An array in an NPY file, mapped rather than read, or the array `X` or the only one of an NPZ file."""

    suffixes = (".npy", ".npz")
    is_file = True
    takes = ("key",)

    def __init__(self, data: Any, options: ReadingOptions = AS_SHOWN) -> None:
        self.name = str(data)
        path = Path(data)
        try:
            array = _read(path, options.key)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, InvalidData):
                raise
            # NumPy takes what it does not know for a pickle, and advises to open it as one.
            why = "it is not one, or holds objects" if "ickle" in str(error) else str(error).splitlines()[0]
            why = "its header is damaged" if "<ast." in why else why
            raise InvalidData(f"{path} cannot be read as a NumPy file: {why}") from error
        self._own_array = array
        array = as_rows(array)
        self._has_channels_last = has_channels_last(array.shape)
        self._array = np.moveaxis(array, -1, 1) if self._has_channels_last else array
        self.row = row_of(self._array)
        self.n_rows = len(self._array)
        self.dtype = float_type(self._array)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return is_one_file(data, cls.suffixes)

    @property
    def kind(self) -> type[Source]:
        return ChannelsLast if self._has_channels_last else type(self)

    def own_array(self) -> np.ndarray:
        return self._own_array

    @property
    def pixel_limit(self) -> float | None:
        return pixel_limit(self._array)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        return flat_blocks(self._array, rows, self.dtype)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        filled = np.array(self._array)  # in its own type: only floats lack cells
        filled[is_missing] = answer[is_missing]
        return filled


def _read(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file:
        if file.read(2) == b"PK":  # an archive, whatever it is called
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                return _pick(path, archive, key)
    if key is not None:
        raise InvalidData(f"key: expected an NPZ file, which it is for; got {path}. Leave it out.")
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _pick(path: Path, archive: Any, key: str | None) -> np.ndarray:
    names = list(archive)
    chosen = key or ("X" if "X" in names else names[0] if len(names) == 1 else None)
    if chosen is None:
        there = ", ".join(names) or "none"
        raise InvalidData(f"{path}: expected one array, or one called X; got {there}. Name one (key=, --key).")
    if chosen not in names:
        there = ", ".join(names) or "none"
        raise InvalidData(f"{path} has no array {chosen!r}.{suggestion(chosen, names)} There are: {there}.")
    return archive[chosen]
