"""Adaptive coding of whole numbers: what several contexts have seen is mixed by weights that are learned on the way.

A number is written bit by bit. For each bit every context has counted the zeros and ones so far, under a hash of its
own; the logarithms of their odds are added with weights, which then follow the error. Nothing of it is stored: whoever
reads counts and learns the same. All of it is in whole numbers, so that every machine has the same chances.
Mahoney (2005), Adaptive weighing of context models for lossless data compression.
"""

from __future__ import annotations

import functools
import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

import numpy as np

from isthmus.codec.entropy import Coder
from isthmus.errors import ModelFileError

UNIT = 256  # of the logarithm of odds, for 1.0
REACH = 11 * UNIT  # of the sum of them, on either side
CHANCE = 1 << 16  # for 1.0
WEIGHT = 1 << 16  # for 1.0
PRIOR = Decimal("0.4")  # seen of either bit beforehand
ONE_MORE = np.uint16(1)  # of the type of the counts: `np.add.at` is thirty times as fast then
LIMIT = 1000  # of a count; then both are halved
MODELED = 10  # bits below the first one that contexts tell; those below are as good as uniform
MOST_LEVELS = 62  # bits of a number
PER_SET = MOST_LEVELS + MODELED  # weights of a set: for each bit of a length, and of a number below its first bit
RATE, MOST_RATE = 5, 64  # of learning from one number, and from many at once; of 256
SPREAD = np.uint64(0x9E3779B97F4A7C15)
SPREAD_AGAIN = np.uint64(0xC2B2AE3D27D4EB4F)


class Mixer:
    """What has been seen of a sequence of numbers.

    Parameters
    ----------
    n_contexts : how many contexts each number has.
    n_sets : how many sets of weights there are to choose from.
    expected : about how many numbers will come.
    """

    def __init__(self, n_contexts: int, n_sets: int, expected: int) -> None:
        bits = min(max(int(expected * n_contexts * 3).bit_length(), 10), 22)
        self._shift = np.uint64(64 - bits)
        self._counts = np.zeros(2 << bits, "<u2")  # of zeros and of ones, side by side
        self._pairs = self._counts.view("<u4")
        self._weights = np.full((n_contexts, n_sets, PER_SET), 2 * WEIGHT // (n_contexts + 2), np.int64)
        self._salts = (np.arange(1, n_contexts + 1, dtype=np.uint64) * SPREAD_AGAIN)[:, None]

    def code(self, coder: Coder, contexts: np.ndarray, sets: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
        """Write, or read, numbers [n] int64 of at least 0.

        Parameters
        ----------
        contexts : [n, n_contexts] int64, of any size.
        sets : [n], the set of weights of each.
        """
        n = len(contexts)
        hashes = (contexts.T.astype(np.uint64) + self._salts) * SPREAD
        hashes ^= hashes >> np.uint64(29)
        above = np.zeros(n, np.int64) if numbers is None else numbers + 1
        levels = np.zeros(n, np.int64)
        active = np.arange(n)
        some, some_sets = hashes, sets
        for level in range(MOST_LEVELS):
            bits = None if numbers is None else (above[active] >> (level + 1) > 0).astype(np.int64)
            found = self._bits(coder, some, some_sets, level, np.uint64(level), bits) > 0
            if not found.all():
                active, some, some_sets = active[found], some[:, found], some_sets[found]
            levels[active] += 1
            if not len(active):
                break
        else:
            raise ModelFileError("the stream is damaged: a number in it is larger than any may be.")
        answer = np.ones(n, np.int64)
        for place in range(int(levels.max(initial=0))):
            active = np.flatnonzero(levels > place)
            below = levels[active] - place - 1
            if place == MODELED:
                self._uniform(coder, levels, above, answer, numbers is None)
                break
            bits = None if numbers is None else (above[active] >> below) & 1
            nodes = ((levels[active] + 1) * (1 << (MODELED + 1)) + answer[active]).astype(np.uint64)
            found = self._bits(coder, hashes[:, active], sets[active], MOST_LEVELS + place, nodes, bits)
            answer[active] = answer[active] * 2 + found
        return answer - 1

    def _uniform(self, coder: Coder, levels: np.ndarray, above: np.ndarray, answer: np.ndarray, is_read: bool) -> None:
        active = np.flatnonzero(levels > MODELED)
        below = levels[active] - MODELED
        size = np.int64(1) << below
        coder.rows = active
        low = coder.wide(size, None if is_read else above[active] & (size - 1))
        answer[active] = (answer[active] << below) + low

    def _bits(
        self,
        coder: Coder,
        hashes: np.ndarray,
        sets: np.ndarray,
        level: int,
        nodes: np.ndarray | np.uint64,
        bits: np.ndarray | None,
    ) -> np.ndarray:
        """Write, or read, a bit of each number; `hashes` are [n_contexts, n]."""
        with np.errstate(over="ignore"):
            mixed = hashes + nodes * SPREAD_AGAIN
        mixed ^= mixed >> np.uint64(32)
        mixed *= SPREAD
        mixed >>= self._shift
        slots = mixed.astype(np.int64)
        logs, squash = _tables()
        pairs = self._pairs[slots]
        odds = logs[pairs >> np.uint32(16)] - logs[pairs & np.uint32(0xFFFF)]  # [contexts, n]
        weights = self._weights[:, :, level]
        products = weights * odds if weights.shape[1] == 1 else weights[:, sets] * odds
        total = np.add.reduce(products, axis=0) >> 16
        chances = squash[np.minimum(np.maximum(total, -REACH), REACH) + REACH]
        bits = coder.binary(chances, bits)
        self._learn(sets, level, (bits * CHANCE - chances) * odds)
        slots *= 2
        seen = (slots + bits).ravel()
        np.add.at(self._counts, seen, ONE_MORE)
        full = self._counts[seen] > LIMIT
        if full.any():
            halved = np.unique(slots.ravel()[full])
            for place in (halved, halved + 1):
                self._counts[place] = np.minimum(self._counts[place] >> 1, LIMIT)
        return bits

    def _learn(self, sets: np.ndarray, level: int, slopes: np.ndarray) -> None:
        """Follow the slopes [contexts, n]: the mean of those of a set, times the root of how many there are, or so."""
        n_sets = self._weights.shape[1]
        counts = np.bincount(sets, minlength=n_sets)
        if n_sets == 1:
            sums = slopes.sum(axis=1, keepdims=True)
        else:  # sums of whole numbers below 2^53 are exact, in whatever order they are taken
            sums = (slopes.astype(np.float64) @ (sets[:, None] == np.arange(n_sets))).astype(np.int64)
        for first, many in enumerate(counts.tolist()):
            if many:
                rate = min(RATE * math.isqrt(many), MOST_RATE)
                self._weights[:, first, level] += sums[:, first] * rate // (many << 16)


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of counts, and the chance of a one for each sum of logarithms of odds."""
    with localcontext(Context(prec=30, rounding=ROUND_HALF_EVEN)):
        logs = [int(((count + PRIOR).ln() * UNIT).to_integral_value()) for count in range(LIMIT + 1)]
        step, value, powers = (Decimal(1) / UNIT).exp(), Decimal(1), []
        for _ in range(REACH + 1):
            powers.append(value)
            value *= step
        half = [int((CHANCE * power / (1 + power)).to_integral_value()) for power in powers]
    upper = np.clip(np.array(half, np.int64), 1, CHANCE - 1)
    return np.array(logs, np.int64), np.concatenate([CHANCE - upper[:0:-1], upper])
