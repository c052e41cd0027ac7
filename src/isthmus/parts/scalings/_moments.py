"""Mean and deviation of columns, from blocks of weighted rows."""

from __future__ import annotations

import numpy as np

from isthmus.contracts import Blocks

TINY = 1e-140  # below, squares lose digits


def moments(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and deviation of each column, [d] each; the deviation of a constant column is 1."""
    total = sum(float(weight.sum()) for _, weight in blocks())
    # From the first row on: a constant column then sums to exactly zero, and a large mean costs no digits.
    origin = next(iter(blocks()))[0][0].astype(np.float64)
    mean = origin + np.sum([weight @ (x - origin) for x, weight in blocks()], axis=0) / total
    # A second pass, since E[x²] − E[x]² loses every digit where the mean is large.
    deviation = np.sqrt(np.sum([weight @ np.square(x - mean) for x, weight in blocks()], axis=0) / total)
    if (deviation < TINY).any():  # and a third, of numbers whose squares are no numbers any more
        reach = np.max([np.abs(x - mean).max(axis=0) for x, _ in blocks()], axis=0)
        reach = np.where(reach > 0, reach, 1.0)
        ratio = np.sqrt(np.sum([weight @ np.square((x - mean) / reach) for x, weight in blocks()], axis=0) / total)
        deviation = np.where(deviation < TINY, reach * ratio, deviation)
    is_constant = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(is_constant, 1.0, deviation)
