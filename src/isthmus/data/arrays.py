"""Arrays as tables of numbers: what the sources of arrays share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from isthmus.contracts import Row
from isthmus.core.coercion import short
from isthmus.data.validation import is_missing
from isthmus.errors import InvalidData

ARRAYS = (np.ndarray, jax.Array)
CHANNELS = (1, 3, 4)  # of images


class NotNumbers(InvalidData, TypeError):
    """Objects where numbers are expected: to scikit-learn a matter of types."""


def as_rows(data: Any) -> np.ndarray:
    """Return `data` as an array of numbers, not copied where it is one.

    A table is [n, d]; images are [n, height, width] or [n, channels, height, width].

    Raises
    ------
    InvalidData
        If it has not two to four dimensions, or holds text or complex numbers; the message names the column.
    """
    try:
        array = np.asarray(fill_masked(data))
    except ValueError as error:
        raise InvalidData(_not_even(data)) from error
    if not 2 <= array.ndim <= 4:
        raise InvalidData(_wrong_dimensions(array))
    if array.dtype.kind == "c":
        raise InvalidData("Complex data not supported: split real and imaginary parts into columns.")
    if array.dtype.kind in "OUS":
        return _from_objects(array)
    if array.dtype.kind not in "fiub":
        raise InvalidData(f"X: expected numbers; got values of type {array.dtype}. Turn them into numbers.")
    return array


def fill_masked(data: Any) -> Any:
    """Return a masked array as a plain one, NaN where it is masked (None among texts); all else as it is.

    Examples
    --------
    >>> fill_masked(np.ma.masked_array([1, -999], [False, True])).tolist()
    [1.0, nan]
    """
    if not isinstance(data, np.ma.MaskedArray):
        return data
    if not np.ma.is_masked(data):
        return data.data
    if data.dtype.kind in "fiub":
        return np.ma.filled(data.astype(np.result_type(data.dtype, np.float16)), np.nan)
    return np.ma.filled(data.astype(object), None)


def has_channels_last(shape: tuple[int, ...]) -> bool:
    """Say whether an array of a shape holds images [n, height, width, channels], and not [n, channels, height, width].

    Examples
    --------
    >>> [has_channels_last(shape) for shape in ((18, 64, 64, 3), (18, 3, 64, 64), (18, 64, 64))]
    [True, False, False]
    """
    return len(shape) == 4 and shape[-1] in CHANNELS and shape[1] not in CHANNELS


def pixel_limit(array: np.ndarray) -> float | None:
    """Return what a pixel of images can hold at most, 255 or 1; None for what are no images.

    Images are arrays of bytes of three or four axes, and of other numbers where they have 1, 3 or 4 channels and hold
    whole numbers from 0 to 255, or numbers from 0 to 1.
    """
    if array.dtype == np.uint8:
        return 255.0 if array.ndim > 2 else None
    is_image = array.ndim == 4 and array.shape[1] in CHANNELS and array.size > 0
    low, high = (float(array.min()), float(array.max())) if is_image else (-1.0, 0.0)
    if not low >= 0:  # NaN too
        return None
    return 1.0 if high <= 1 else 255.0 if high <= 255 and bool((array % 1 == 0).all()) else None


def are_sequences(data: Any) -> bool:
    """Say whether `data` holds sequences: a list, tuple or array of objects of them, [steps, features] or [steps].

    Arrays [steps] that are all of one length are the rows of a table. Nested lists are sequences where some are
    [steps, features] and their lengths differ: flat ones may be a table that lacks a cell. None and `[]` among
    sequences are some that are missing.
    """
    is_list = isinstance(data, list | tuple) or (
        isinstance(data, np.ndarray) and data.dtype == object and data.ndim == 1
    )
    sequences = [item for item in data if not _is_absent(item)] if is_list else []
    axes = {depth(sequence) for sequence in sequences}
    if not sequences or not axes <= {1, 2}:
        return False
    is_even = len(sequences) == len(data) and len({len(sequence) for sequence in sequences}) == 1
    has_arrays = any(isinstance(sequence, ARRAYS) for sequence in sequences)
    return (2 in axes or not is_even) if has_arrays else (2 in axes and not is_even)


def depth(data: Any) -> int:
    """Return how many axes an array or a nested list has, by its first values; 0 for what is neither."""
    if isinstance(data, ARRAYS):
        return int(data.ndim)
    return 1 + (depth(data[0]) if data else 0) if isinstance(data, list | tuple) else 0


def _is_absent(item: Any) -> bool:
    return item is None or (isinstance(item, list | tuple) and not item)


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


def _not_even(data: Any) -> str:
    """Return the sentence for rows of which NumPy makes no array."""
    reason = "X is not a table: its rows differ in length or depth"
    counts = [len(row) if depth(row) else None for row in data]
    i = next((i for i, count in enumerate(counts) if count is None or count != counts[0]), None)
    if i is None:
        return f"{reason}."
    if counts[i] is None:
        return f"{reason}: row {i} is {short(data[i])}."
    return (
        f"{reason}: row {i} holds {counts[i]} and row 0 holds {counts[0]}. Where rows are sequences of differing "
        "lengths, pass each as an array."
    )


def _wrong_dimensions(array: np.ndarray) -> str:
    if array.ndim < 2:
        return (
            f"Expected 2D array, got {array.ndim}D array instead. Reshape your data: X.reshape(-1, 1) for one "
            "column, X.reshape(1, -1) for one row."
        )
    size = " x ".join(map(str, array.shape))
    return (
        f"X: expected 2 dimensions, or 3 or 4 for images; got {array.ndim} ({size}). Pass X.reshape(len(X), -1) to "
        "make each item one row."
    )


def _from_objects(array: np.ndarray) -> np.ndarray:
    """Return an array of objects as numbers, NaN for what is missing, or say which column holds something else."""
    if array.dtype.kind == "O":
        array = np.where(is_missing(array), np.nan, array)
    try:
        return array.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        table = array.reshape(len(array), -1)
        for row, column in np.ndindex(table.shape):
            value: Any = table[row, column]
            try:
                float(value)
            except (ValueError, TypeError, OverflowError):
                is_text = isinstance(value, str | bytes)
                kind = "text" if is_text else f"values of type {type(value).__name__}"
                refused = InvalidData if is_text else NotNumbers
                reason = "" if is_text else f" To NumPy, {error}."
                raise refused(
                    f"column {column}: expected numbers; got {kind} ({short(str(value))}, row {row}). Turn it into "
                    f"numbers or leave it out.{reason}"
                ) from error
        raise
