"""To mean 0 and deviation 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling

TINY = 1e-140  # below, squares lose digits


@dataclass(frozen=True)
class Standard(Scaling):
    """(x − mean) / deviation by column, both weighted; a constant column is only centred.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> learned = Standard().fit(lambda: iter([(x, np.ones(2))]))
    >>> Standard().apply(learned, x).ravel().tolist()
    [-1.0, 1.0]
    """

    learned = ("mean", "deviation")
    is_affine = True

    def fit(self, blocks: Blocks) -> Arrays:
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
        return {"mean": mean, "deviation": np.where(is_constant, 1.0, deviation)}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return (x - learned["mean"]) / learned["deviation"]

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x * learned["deviation"] + learned["mean"]
