"""Whole numbers as symbols that a network can predict, and places within a symbol, which are as good as uniform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ESCAPE, NULL, FAR = 0, 1, 2  # a value kept as raw bits; a missing one; a number anywhere in the range of the column
SPECIAL = 3  # symbols that every column has before its bins
MOST_SYMBOLS = 256  # of a column
MOST_BINS = 240
MOST_CONTEXTS = 60
ROOM = 1000  # beyond the numbers that were seen, and as far again as they reach
FARTHEST = 2**61  # no whole number is larger, so that differences of two fit into 64 bits


@dataclass(frozen=True)
class Alphabet:
    """The symbols of one column.

    Symbol `SPECIAL + i` stands for a number in [edges[i], edges[i + 1]). Where the column `follows`, it is the
    difference to the number of the row before.
    """

    follows: bool
    low: int  # the range in which a number can be written, both ends in it
    high: int
    edges: np.ndarray  # [bins + 1] int64, increasing
    contexts: np.ndarray  # [contexts + 1] int64, increasing: bins of the numbers themselves, for other columns to see

    @property
    def size(self) -> int:
        """How many symbols there are."""
        return SPECIAL + len(self.edges) - 1

    @property
    def n_contexts(self) -> int:
        """How many contexts there are."""
        return SPECIAL + len(self.contexts) - 1

    def symbols(self, numbers: np.ndarray, before: np.ndarray, special: np.ndarray) -> np.ndarray:
        """Return the symbols of numbers [n] int64, given those of the rows before [n]; `special` [n] is -1 or one."""
        places = self._places(numbers, before)
        found = np.searchsorted(self.edges, places, side="right") - 1
        is_far = (found < 0) | (found >= len(self.edges) - 1)
        return np.where(special >= 0, special, np.where(is_far, FAR, found + SPECIAL))

    def marks(self, numbers: np.ndarray, special: np.ndarray) -> np.ndarray:
        """Return `special` [n] with numbers beyond the range of the column among the raw values."""
        is_beyond = (special < 0) & ~self.holds(numbers)
        return np.where(is_beyond, ESCAPE, special).astype(np.int8)

    def holds(self, numbers: np.ndarray) -> np.ndarray:
        """Say which numbers [n] are within the range of the column."""
        return (numbers >= self.low) & (numbers <= self.high)

    def offsets(self, numbers: np.ndarray, before: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Return the place of each number within its symbol, in [0, width)."""
        binned = np.maximum(symbols - SPECIAL, 0)
        inside = self._places(numbers, before) - self.edges[binned]
        return np.where(symbols >= SPECIAL, inside, np.where(symbols == FAR, numbers - self.low, 0))

    def widths(self, symbols: np.ndarray) -> np.ndarray:
        """Return how many numbers each symbol stands for."""
        binned = np.maximum(symbols - SPECIAL, 0)
        far = np.where(symbols == FAR, self.high - self.low + 1, 1)
        return np.where(symbols >= SPECIAL, self.edges[binned + 1] - self.edges[binned], far)

    def numbers(self, symbols: np.ndarray, offsets: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the numbers; of escapes and missing values, those of the rows before."""
        binned = np.maximum(symbols - SPECIAL, 0)
        base = before if self.follows else np.zeros_like(before)
        inside = np.where(symbols == FAR, self.low + offsets, before)
        return np.where(symbols >= SPECIAL, base + self.edges[binned] + offsets, inside)

    def context(self, numbers: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Return in which context bin each number is, as the other columns see it."""
        found = np.searchsorted(self.contexts, numbers, side="right") - 1
        binned = SPECIAL + np.clip(found, 0, len(self.contexts) - 2)
        return np.where(symbols <= NULL, symbols, binned)

    def _places(self, numbers: np.ndarray, before: np.ndarray) -> np.ndarray:
        return numbers - before if self.follows else numbers


def fit_alphabet(numbers: np.ndarray, is_known: np.ndarray, history: bool) -> Alphabet:
    """Return the alphabet of a column of numbers [n] int64, of which some are known."""
    known = numbers[is_known]
    if not len(known):
        return Alphabet(False, 0, 0, np.array([0, 1]), np.array([0, 1]))
    least, most_seen = int(known.min()), int(known.max())
    low = max(least - (most_seen - least) - ROOM, -FARTHEST)
    high = min(most_seen + (most_seen - least) + ROOM, FARTHEST)
    contexts = bins(known, MOST_CONTEXTS)
    most = int(np.clip(len(numbers) // 100, 16, MOST_BINS))
    choices = [(False, known)]
    if history:
        filled = filled_forward(numbers, is_known)
        differences = (filled - np.concatenate([[filled[0]], filled[:-1]]))[is_known]
        choices.append((True, differences))
    alphabets = [(cost(values, edges := bins(values, most)), follows, edges) for follows, values in choices]
    _, follows, edges = min(alphabets, key=lambda choice: choice[0])
    return Alphabet(follows, low, high, edges, contexts)


def filled_forward(numbers: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Return the numbers [n], those not known as the last known one before, 0 where there is none."""
    last = np.maximum.accumulate(np.where(is_known, np.arange(len(numbers)), -1))
    return np.where(last >= 0, numbers[np.maximum(last, 0)], 0)


def bins(values: np.ndarray, most: int) -> np.ndarray:
    """Return the edges of bins that hold about as many values each; a frequent value has a bin of its own."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return np.array([distinct[0], distinct[0] + 1])
    share = len(values) / most * 2  # half of the bins are for frequent values
    edges, mass = [int(distinct[0])], 0
    for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        if len(distinct) <= most // 2 or count >= share:
            edges += [value, value + 1]
            mass = 0
        else:
            if mass >= share:
                edges.append(value)
                mass = 0
            mass += count
    return np.unique(np.array([*edges, int(distinct[-1]) + 1], np.int64))


def cost(values: np.ndarray, edges: np.ndarray) -> float:
    """Return how many bits values take by the frequencies of their bins alone."""
    counts, _ = np.histogram(np.searchsorted(edges, values, side="right") - 1, np.arange(len(edges)))
    share = counts / max(counts.sum(), 1)
    widths = np.diff(edges).astype(np.float64)
    used = counts > 0
    return float((counts[used] * (np.log2(widths[used]) - np.log2(share[used]))).sum())
