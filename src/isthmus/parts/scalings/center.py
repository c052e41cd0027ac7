"""Columns around zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling


@dataclass(frozen=True)
class Center(Scaling):
    """x − mean by column, weighted: for columns of one unit, as the pixels of a picture.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> learned = Center().fit(lambda: iter([(x, np.ones(2))]))
    >>> Center().apply(learned, x).ravel().tolist()
    [-1.0, 1.0]
    """

    learned = ("mean",)
    is_affine = True

    def fit(self, blocks: Blocks) -> Arrays:
        total = sum(float(weight.sum()) for _, weight in blocks())
        # From the first row on, so that a large mean costs no digits.
        origin = next(iter(blocks()))[0][0].astype(np.float64)
        return {"mean": origin + np.sum([weight @ (x - origin) for x, weight in blocks()], axis=0) / total}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x - learned["mean"]

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x + learned["mean"]
