"""What the numbers of each column have been: the least, the most, and how many decimals nearly all of them have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST_DECIMALS = 6  # a column that needs more is not rounded
NOT_ROUNDED = -1
LARGEST_ROUNDED = 1e9  # beyond, an end stays as it is
FEW = 0.02  # the share of the numbers of a column, zeros not counted, that may have more decimals than it is given
SLACK = {np.dtype(np.float32): 2.0**-23, np.dtype(np.float64): 2.0**-50}  # of a number, that is no digit of it


def value_ranges(blocks: Iterator[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Return the least value, the most, and the number of decimals of each column, [3, d] float64.

    Those are the fewest that at least 98 % of its numbers do with, zeros not counted: few that were computed, as means
    of two others, say nothing of how the column is written. Missing cells do not count; a column without any value, and
    so without limits, has the ends of float64.

    Parameters
    ----------
    blocks : rows [n, d], NaN where a value is missing.
    dtype : float32 where they come from such numbers, whose last digits are noise.

    Examples
    --------
    >>> value_ranges(iter([np.array([[1.0, 0.25], [3.0, np.nan]])]), np.dtype(float)).tolist()
    [[1.0, 0.25], [3.0, 0.25], [0.0, 2.0]]
    """
    ends: np.ndarray | None = None
    counts = np.zeros((MOST_DECIMALS + 2, 0))
    slack = SLACK.get(dtype, SLACK[np.dtype(np.float64)])
    for block in blocks:
        if ends is None:
            largest = np.finfo(np.float64).max
            ends = np.repeat([[largest], [-largest]], block.shape[1], axis=1)
            counts = np.zeros((MOST_DECIMALS + 2, block.shape[1]))
        if not len(block):
            continue
        ends = np.stack([np.fmin(ends[0], np.fmin.reduce(block)), np.fmax(ends[1], np.fmax.reduce(block))])
        counts += _count_decimals(block, slack)
    if ends is None:
        return np.zeros((3, 0))
    is_empty = ends[0] > ends[1]
    is_enough = np.cumsum(counts, axis=0) >= (1 - FEW) * counts.sum(axis=0)
    decimals = is_enough.argmax(axis=0)
    decimals = np.where(decimals > MOST_DECIMALS, NOT_ROUNDED, decimals)
    return np.stack([*np.where(is_empty, ends[::-1], ends), np.where(is_empty, NOT_ROUNDED, decimals)])


def _count_decimals(block: np.ndarray, slack: float) -> np.ndarray:
    """Return how many numbers of rows [n, d] have 0, 1, … decimals, and more than `MOST_DECIMALS`; zeros are none."""
    is_left = ~np.isnan(block) & (block != 0)
    counts = np.zeros((MOST_DECIMALS + 2, block.shape[1]))
    for places in range(MOST_DECIMALS + 1):
        if not (columns := np.flatnonzero(is_left.any(axis=0))).size:
            break
        values = block[:, columns]
        fits = is_left[:, columns] & ~(np.abs(np.round(values, places) - values) > slack * np.abs(values))
        counts[places, columns] = fits.sum(axis=0)
        is_left[:, columns] &= ~fits
    counts[-1] = is_left.sum(axis=0)
    return counts


def wider(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the ranges [3, d] of the rows of both tables."""
    is_free = np.stack([first[2], second[2]]).min(axis=0) == NOT_ROUNDED
    decimals = np.where(is_free, NOT_ROUNDED, np.maximum(first[2], second[2]))
    return np.stack([np.minimum(first[0], second[0]), np.maximum(first[1], second[1]), decimals])


def are_ranges(ranges: np.ndarray) -> bool:
    """Say whether a table [3, d] is one that `value_ranges` returns."""
    least, most, decimals = ranges
    return bool((least <= most).all() and np.isin(decimals, range(NOT_ROUNDED, MOST_DECIMALS + 1)).all())


def within(ranges: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows [n, d] with every number within the least and the most of its column, written with its decimals.

    NaN stays. An end that has more decimals than its column counts as the next number inside that has no more.
    """
    least, most, decimals = ranges
    least, most = _inside(least, decimals, 1), _inside(most, decimals, -1)
    is_crossed = least > most
    least, most = np.where(is_crossed, ranges[0], least), np.where(is_crossed, ranges[1], most)
    rows = rows.astype(np.float64)
    for places in np.unique(decimals[decimals != NOT_ROUNDED]).astype(int):
        is_so = decimals == places
        rows = np.where(is_so, np.round(rows, places), rows)
    return np.clip(rows, least, most)


def _inside(ends: np.ndarray, decimals: np.ndarray, way: int) -> np.ndarray:
    """Return ends [d] with the decimals of their columns; those that have more go on to the next such number.

    `way` is 1 where these are the least values, and -1 where they are the most.
    """
    answer = ends.copy()
    for place in np.flatnonzero((decimals != NOT_ROUNDED) & (np.abs(ends) < LARGEST_ROUNDED)):
        digits = int(decimals[place])
        rounded = np.round(ends[place], digits)
        is_outside = way * (ends[place] - rounded) > SLACK[np.dtype(np.float32)] * abs(ends[place])
        answer[place] = np.round(rounded + way * 10.0**-digits, digits) if is_outside else rounded
    return answer
