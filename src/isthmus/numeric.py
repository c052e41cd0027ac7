"""Arrays as tables of numbers: what the sources of arrays share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from isthmus.errors import InvalidData
from isthmus.flow import Row


def as_rows(data: Any) -> np.ndarray:
    """Return `data` as an array of numbers, not copied where it is one.

    A table is [n, d]; images are [n, height, width] or [n, channels, height, width].

    Raises
    ------
    InvalidData
        If it has not two to four dimensions, or holds text or complex numbers; the message names the column.
    """
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise InvalidData(f"X is not a table: its rows differ in length or depth ({error}).") from error
    if not 2 <= array.ndim <= 4:
        raise InvalidData(_wrong_dimensions(array))
    if array.dtype.kind == "c":
        raise InvalidData("Complex data not supported: split real and imaginary parts into columns.")
    if array.dtype.kind in "OUS":
        return _from_objects(array)
    if array.dtype.kind not in "fiub":
        raise InvalidData(f"X holds values of type {array.dtype}, and numbers are due.")
    return array


def are_sequences(data: Any) -> bool:
    """Say whether `data` holds sequences: a list, tuple or array of objects of arrays [steps, features] or [steps].

    Arrays [steps] that are all of one length are the rows of a table.
    """
    is_list = isinstance(data, list | tuple) or (
        isinstance(data, np.ndarray) and data.dtype == object and data.ndim == 1
    )
    if not is_list or not len(data) or not all(isinstance(each, np.ndarray | jax.Array) for each in data):
        return False
    axes, lengths = {each.ndim for each in data}, {len(each) if each.ndim else 0 for each in data}
    return axes <= {1, 2} and (2 in axes or len(lengths) > 1)


def float_type(array: np.ndarray) -> np.dtype[Any]:
    """Return the type that answers have: float32 for float32, else float64."""
    return np.dtype(np.float32 if array.dtype == np.float32 else np.float64)


def row_of(array: np.ndarray) -> Row:
    return Row(array.shape[1:])


def flat_blocks(array: np.ndarray, rows: int, dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    """Yield an array in blocks of rows, each row laid flat, [at most rows, d]."""
    for start in range(0, len(array), rows):
        block = np.asarray(array[start : start + rows], dtype)
        yield block.reshape(len(block), math.prod(array.shape[1:]))


def _wrong_dimensions(array: np.ndarray) -> str:
    if array.ndim < 2:
        return (
            f"Expected 2D array, got {array.ndim}D array instead. Reshape your data: X.reshape(-1, 1) for one "
            "column, X.reshape(1, -1) for one row."
        )
    size = " x ".join(map(str, array.shape))
    return (
        f"X has {array.ndim} dimensions ({size}) where 2 are due, 3 or 4 for images: X.reshape(len(X), -1) makes each "
        "item one row."
    )


def _from_objects(array: np.ndarray) -> np.ndarray:
    """Return an array of objects as numbers, or say which column holds what is none."""
    try:
        return array.astype(np.float64)
    except ValueError as error:
        table = array.reshape(len(array), -1)
        for row, column in np.ndindex(table.shape):
            try:
                float(table[row, column])
            except ValueError:
                value = table[row, column]
                raise InvalidData(
                    f"column {column} holds text ({str(value)!r}, row {row}), and numbers are due: turn it into "
                    "numbers or leave it out."
                ) from error
        raise
