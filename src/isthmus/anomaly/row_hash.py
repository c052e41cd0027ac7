"""Hashes of rows by their values, so that equal rows stay together and neither order nor repetition matters."""

from __future__ import annotations

import numpy as np

from isthmus.data.rows import CELLS
from isthmus.data.source import Source

_STEP = np.uint64(0x9E3779B97F4A7C15)  # of the generator splitmix64 (Steele, Lea and Flood, 2014)


def _scramble(number: np.ndarray) -> np.ndarray:
    """Return the numbers [...] uint64 scrambled, one to one: the last steps of splitmix64."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def row_hashes(source: Source, seed: int) -> np.ndarray:
    """Return a number for each row, [n] uint64: the same for equal rows, else as good as drawn at random.

    Examples
    --------
    >>> from isthmus.data.sources import open_numbers
    >>> a, b, c = row_hashes(open_numbers(np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]])), seed=0)
    >>> bool(a == c), bool(a == b)
    (True, False)
    """
    hashes = []
    for block in source.blocks(max(CELLS // source.row.size, 1)):
        flat = np.asarray(block, np.float64).reshape(len(block), -1) + 0.0  # -0.0 equals 0.0
        flat[np.isnan(flat)] = np.nan  # of all its forms, one
        digest = np.full(len(flat), np.uint64(seed))
        for column in np.ascontiguousarray(flat.T).view(np.uint64):
            digest = _scramble(digest + _STEP + _scramble(column + _STEP))
        hashes.append(digest)
    return np.concatenate(hashes)


def choose_rows(numbers: np.ndarray, share: float) -> np.ndarray:
    """Say for each row whether its number [n] is among the share of distinct ones that are lowest."""
    distinct = np.unique(numbers)
    count = round(share * len(distinct))
    return numbers < distinct[count] if count < len(distinct) else np.ones(len(numbers), bool)


def fold_equal_rows(numbers: np.ndarray, weight: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of at most `most` rows, no two equal, by their numbers, and the summed weight of each kind."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return first[:most], np.bincount(inverse.ravel(), weight)[:most]
