"""The wavelet of Cohen, Daubechies and Feauveau (9/7) by lifting: forward in floats, back in whole numbers.

Coefficients stay where they arise: after each pass along an axis the even places hold the smooth part, the odd ones the
details. The first axis is transformed to its end, then rows and columns together, level by level. The way back is in
whole numbers, so that every machine restores the same. Daubechies and Sweldens (1998), Factoring wavelet transforms
into lifting steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

LIFTS = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
SCALE = 1.149604398860241  # of the smooth part, so that all have about the same norm
FRACTION, WHOLE_LIFTS = 26, tuple(round(lift * 2**26) for lift in LIFTS)
SCALE_FRACTION = 24
LEAST = 8  # places of an axis of rows or columns that are transformed again
MOST_LEVELS = 16


class Band(NamedTuple):
    """Coefficients of one kind: every so many places along each axis."""

    starts: tuple[int, int, int]
    strides: tuple[int, int, int]
    steps: tuple[int, int, int]  # between places of the level
    kind: int  # which axes hold details
    level: int

    @property
    def places(self) -> tuple[slice, slice, slice]:
        """Where they stand."""
        first, second, third = (slice(a, None, b) for a, b in zip(self.starts, self.strides, strict=True))
        return first, second, third


@dataclass(frozen=True)
class Wavelet:
    """A transform of grids of a shape."""

    shape: tuple[int, int, int]
    levels: tuple[int, int, int]  # how often each axis is halved

    @cached_property
    def _passes(self) -> list[tuple[int, tuple[int, int, int]]]:
        """The axis and the strides of each pass."""
        depth, rows, columns = self.levels
        passes = [(0, (2**level, 1, 1)) for level in range(depth)]
        for level in range(max(rows, columns)):
            strides = (1, 2 ** min(level, rows), 2 ** min(level, columns))
            passes += [(axis, strides) for axis in (1, 2) if self.levels[axis] > level]
        return passes

    @cached_property
    def exponents(self) -> np.ndarray:
        """How often each coefficient was scaled up, [*shape]."""
        exponents = np.zeros(self.shape, np.int64)
        for axis, part in self._parts(exponents):
            _even(part, axis)[...] += 1
            _odd(part, axis)[...] -= 1
        return exponents

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Return the coefficients of values [*shape] float64."""
        answer = values.copy()
        for axis, part in self._parts(answer):
            for place, lift in enumerate(LIFTS):
                target, sums = _lifted(part, axis, is_odd=place % 2 == 0)
                target += lift * sums
            _even(part, axis)[...] *= SCALE
            _odd(part, axis)[...] /= SCALE
        return answer

    def back(self, coefficients: np.ndarray, unit: float) -> np.ndarray:
        """Return the values of whole coefficients [*shape] int64, each so many units."""
        low, high = int(self.exponents.min()), int(self.exponents.max())
        scales = [round(unit * SCALE**-exponent * 2**SCALE_FRACTION) for exponent in range(low, high + 1)]
        scaled = coefficients * np.array(scales, np.int64)[self.exponents - low]
        answer = (scaled + (1 << SCALE_FRACTION - 1)) >> SCALE_FRACTION
        for axis, part in reversed(list(self._parts(answer))):
            for place, lift in reversed(list(enumerate(WHOLE_LIFTS))):
                target, sums = _lifted(part, axis, is_odd=place % 2 == 0)
                target -= (sums * lift + (1 << FRACTION - 1)) >> FRACTION
        return answer

    def bands(self) -> Iterator[Band]:
        """Yield the bands that are not empty, coarse ones first."""
        depth, rows, columns = self.levels
        slices = [(0, 2**depth, 0)] + [(2**level, 2 ** (level + 1), 1) for level in reversed(range(depth))]
        for first, stride, is_detail in slices:
            step = stride >> is_detail
            smooth = (stride, 2**rows, 2**columns)
            yield from self._filled(Band((first, 0, 0), smooth, (step, *smooth[1:]), is_detail, max(rows, columns)))
            for level in reversed(range(max(rows, columns))):
                steps = (step, 2 ** min(level, rows), 2 ** min(level, columns))
                strides = (stride, 2 ** min(level + 1, rows), 2 ** min(level + 1, columns))
                for row, column in product(
                    *((0, 1) if a < b else (0,) for a, b in zip(steps[1:], strides[1:], strict=True))
                ):
                    if row or column:
                        starts = (first, row * steps[1], column * steps[2])
                        kind = is_detail + 2 * row + 4 * column
                        yield from self._filled(Band(starts, strides, steps, kind, level))

    def _filled(self, band: Band) -> Iterator[Band]:
        if all(start < n for start, n in zip(band.starts, self.shape, strict=True)):
            yield band

    def _parts(self, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        for axis, strides in self._passes:
            yield axis, values[tuple(slice(None, None, stride) for stride in strides)]


def possible_levels(shape: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Return the levels that are worth a try for grids of a shape: with the first axis, and without."""
    rows, columns = (max(int(np.log2(max(n, 1) / LEAST)) + 1, 0) if n >= LEAST else 0 for n in shape[1:])
    depths = {0, max(int(np.log2(shape[0])) - 1, 0), 1 if shape[0] > 1 else 0}
    return [(depth, rows, columns) for depth in sorted(depths)]


def _even(part: np.ndarray, axis: int) -> np.ndarray:
    return part[(slice(None),) * axis + (slice(0, None, 2),)]


def _odd(part: np.ndarray, axis: int) -> np.ndarray:
    return part[(slice(None),) * axis + (slice(1, None, 2),)]


def _lifted(part: np.ndarray, axis: int, *, is_odd: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the odd, or even, places along an axis, and the sums of the two beside each; borders are mirrored."""
    even, odd = np.moveaxis(_even(part, axis), axis, 0), np.moveaxis(_odd(part, axis), axis, 0)
    if is_odd:
        right = even[1:] if len(even) > len(odd) else np.concatenate([even[1:], even[-1:]])
        return odd, even[: len(odd)] + right
    if not len(odd):
        return even, np.zeros_like(even)
    right = odd if len(odd) == len(even) else np.concatenate([odd, odd[-1:]])
    left = np.concatenate([odd[:1], odd])[: len(even)]
    return even, left + right
