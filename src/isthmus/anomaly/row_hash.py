"""Hashes of rows by their values, so that equal rows stay together and neither order nor repetition matters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isthmus.data.rows import CELLS
from isthmus.data.source import Source

MOST_MOVED = 0.01  # the share of rows held out that may go back for their categories; one row always may

_STEP = np.uint64(0x9E3779B97F4A7C15)  # of the generator splitmix64 (Steele, Lea and Flood, 2014)


def _scramble(number: np.ndarray) -> np.ndarray:
    """Return the numbers [...] uint64 scrambled, one to one: the last steps of splitmix64."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


class RowHashes(NamedTuple):
    """What tells rows apart without looking at all of their cells."""

    numbers: np.ndarray  # [n] uint64, the same for equal rows, else as good as drawn at random
    categories: np.ndarray  # [n, columns that hold some] float64, as numbers; NaN where one is missing

    def take(self, places: np.ndarray) -> RowHashes:
        """Return those of the rows at places."""
        return RowHashes(self.numbers[places], self.categories[places])

    def held_out(self, share: float) -> np.ndarray:
        """Say which rows are held out, [n] bool: those of `choose_rows`, but of few categories none whole.

        So a category seldom counts as unseen only because its rows were held out: of each one row is taken back. Where
        that would take back more than `MOST_MOVED` of them, as with a column whose values are nearly all different, or
        all, none is: those that are left would not be like other rows.

        Examples
        --------
        >>> colors = np.array([[1.0], *[[0.0]] * 9])
        >>> RowHashes(np.arange(10, dtype=np.uint64), colors).held_out(0.2).nonzero()[0].tolist()
        [1]
        """
        is_out = choose_rows(self.numbers, share)
        if is_out.all():
            return is_out
        is_alone = np.zeros(len(is_out), bool)
        for column in self.categories.T:
            known = np.flatnonzero(~np.isnan(column))
            numbers = self.numbers[known]
            _, place = np.unique(column[known], return_inverse=True)
            highest = np.zeros(place.max(initial=-1) + 1, np.uint64)
            np.maximum.at(highest, place, numbers)
            is_alone[known] |= is_out[known] & (numbers == highest[place])  # the lowest numbers are held out
        is_moved = np.isin(self.numbers, self.numbers[is_alone])
        is_few = np.count_nonzero(is_moved) <= max(MOST_MOVED * np.count_nonzero(is_out), 1)
        is_left = is_out & ~is_moved
        return is_left if is_few and is_left.any() else is_out


def row_hashes(source: Source, seed: int) -> RowHashes:
    """Return the hashes of the rows of a table, which a seed makes others, and their categories.

    Examples
    --------
    >>> from isthmus.data.sources import open_numbers
    >>> a, b, c = row_hashes(open_numbers(np.array([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]])), seed=0).numbers
    >>> bool(a == c), bool(a == b)
    (True, False)
    """
    hashes, categories = [], []
    is_category = np.array(source.row.categories or (0,) * source.row.size) > 0
    for block in source.blocks(max(CELLS // source.row.size, 1)):
        flat = np.asarray(block, np.float64).reshape(len(block), -1) + 0.0  # -0.0 equals 0.0
        flat[np.isnan(flat)] = np.nan  # of all its forms, one
        digest = np.full(len(flat), np.uint64(seed))
        for column in np.ascontiguousarray(flat.T).view(np.uint64):
            digest = _scramble(digest + _STEP + _scramble(column + _STEP))
        hashes.append(digest)
        categories.append(flat[:, is_category])
    return RowHashes(np.concatenate(hashes), np.concatenate(categories))


def choose_rows(numbers: np.ndarray, share: float) -> np.ndarray:
    """Say for each row whether its number [n] is among the share of distinct ones that are lowest, one at least."""
    distinct = np.unique(numbers)
    count = max(round(share * len(distinct)), 1)
    return numbers < distinct[count] if count < len(distinct) else np.ones(len(numbers), bool)


def fold_equal_rows(numbers: np.ndarray, weight: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of at most `most` rows, no two equal, by their numbers, and the summed weight of each kind."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return first[:most], np.bincount(inverse.ravel(), weight)[:most]
