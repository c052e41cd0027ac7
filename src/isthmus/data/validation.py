"""Checks of what comes beside a table: sample weights, labels, targets."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from isthmus.errors import InvalidData

MOST_WEIGHT = 1e30
LARGEST = 1e100  # in float64 its square can still be summed


def is_missing(values: np.ndarray) -> np.ndarray:
    """Say where an array holds None, NaN, or what pandas writes for a value that is missing."""
    import pandas as pd

    return np.asarray(pd.isna(values), bool)


def masked_places(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Say where values of a shape are masked."""
    is_masked = isinstance(values, np.ma.MaskedArray)
    return np.ma.getmaskarray(values) if is_masked else np.zeros(shape, bool)


def check_weight(weight: Any, rows: int) -> np.ndarray:
    """Return sample weights as float64 [rows], ones for None.

    Raises
    ------
    InvalidData
        If they are not one finite number of at least 0 for each row, or all are 0.
    """
    if weight is None:
        return np.ones(rows)
    if (is_masked := masked_places(weight, (rows,))).any():
        raise InvalidData(
            f"sample_weight: expected a number for each row; got {int(is_masked.sum())} that are masked (first: row "
            f"{int(np.flatnonzero(is_masked)[0])}). Give such a row a weight, 0 where it shall not count."
        )
    try:
        array = np.asarray(weight, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(f"sample_weight must hold one number for each row ({error}).") from error
    if array.ndim == 0:
        array = np.full(rows, array)
    if array.ndim != 1:
        raise InvalidData(f"Sample weights must be 1D array or scalar. Got {array.ndim} dimensions.")
    if len(array) != rows:
        raise InvalidData(f"sample_weight.shape == {array.shape}, expected ({rows},): one weight for each row.")
    if not np.isfinite(array).all() or (array < 0).any() or (array > LARGEST).any():
        raise InvalidData("sample_weight must be finite and at least 0 in every row.")
    if not array.any():
        raise InvalidData("sample_weight is zero in every row: at least 2 rows must count.")
    # Only how weights compare counts: float32, in which training computes, has no numbers as small or as large.
    return array if 1 / MOST_WEIGHT < array.max() < MOST_WEIGHT else array / array.max()


def check_labels(y: Any, rows: int, whose: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as places in the sorted classes, int32 [rows] with -1 for none, and the classes.

    Parameters
    ----------
    y : numbers or texts, one for each row. None, NaN, a mask and, beside two other classes, -1 mark a row without a
        label.
    whose : what needs them, for messages.

    Raises
    ------
    InvalidData
        If they are missing, not one for each row, or not classes.
    """
    if y is None:
        raise InvalidData(
            f"{whose} needs labels: call fit(X, y). It requires y to be passed, but the target y is None."
        )
    array = np.asarray(y)
    is_masked = masked_places(y, array.shape)
    if array.ndim == 2 and array.shape[1] == 1:
        array, is_masked = array[:, 0], is_masked[:, 0]
    if array.shape != (rows,):
        raise InvalidData(f"y has shape {array.shape}, expected ({rows},): one label for each row.")
    is_none = is_missing(array) | is_masked
    if array.dtype.kind == "f" and np.isinf(array[~is_none]).any():
        raise InvalidData(f"y holds inf: {whose} needs classes.")
    if array.dtype.kind == "f" and (array[~is_none] % 1 != 0).any():
        value = array[~is_none][array[~is_none] % 1 != 0][0]
        raise InvalidData(f"y holds {value:g} (Unknown label type: continuous): {whose} needs classes.")
    if array.dtype.kind in "iuf" and len(np.unique(array[~is_none])) > 2:
        if (is_minus := (array == -1) & ~is_none).any():
            count = int(is_minus.sum())
            warnings.warn(
                f"y holds -1 in {count} row{'s' if count > 1 else ''}: read as rows without a label. Where -1 is a "
                "class, pass the classes as texts, y.astype(str); None in its place says the same without this note.",
                stacklevel=5,
            )
        is_none |= is_minus
    known = array[~is_none]
    if not len(known):
        raise InvalidData(f"y: expected labels, which {whose} needs; got none.")
    if known.dtype.kind == "O" and len({type(label) for label in known.tolist()}) > 1:
        raise InvalidData(f"y mixes labels of several types: {whose} needs classes of one type.")
    labels = np.full(rows, -1, np.int32)
    classes, labels[~is_none] = np.unique(known, return_inverse=True)
    return labels, classes


def check_targets(y: Any, rows: int, whose: str) -> np.ndarray:
    """Return targets as float64 [rows, outputs]; of several outputs a row may lack some, as NaN, but not all.

    Raises
    ------
    InvalidData
        If they are missing, not one for each row, or not finite numbers.
    """
    if y is None:
        raise InvalidData(
            f"{whose} needs targets: call fit(X, y). It requires y to be passed, but the target y is None."
        )
    array = np.asarray(y)
    is_masked = masked_places(y, array.shape)
    if array.dtype.kind == "c":
        raise InvalidData("Complex data not supported: y holds complex numbers.")
    if array.dtype.kind == "O":
        array = np.where(is_missing(array), np.nan, array)
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(f"y holds what is no number ({error}): {whose} needs numbers.") from error
    array = np.where(is_masked, np.nan, array)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != rows or not array.shape[1]:
        raise InvalidData(f"y has shape {np.asarray(y).shape}, expected ({rows},) or ({rows}, outputs).")
    for kind, bad in (("NaN (missing)", np.isnan(array).all(axis=1)), ("inf", np.isinf(array).any(axis=1))):
        if bad.any():
            count, first = int(bad.sum()), int(np.flatnonzero(bad)[0])
            raise InvalidData(f"y holds {kind} in {count} row{'s' if count > 1 else ''} (first: {first}): drop them.")
    if np.abs(np.nan_to_num(array)).max() > LARGEST:
        raise InvalidData(f"y holds {np.nanmax(np.abs(array)):g}, too large to compute with.")
    empty = np.isnan(array).all(axis=0)
    if empty.any():
        raise InvalidData(f"y: expected numbers in every output; got none in output {int(np.flatnonzero(empty)[0])}.")
    return array
