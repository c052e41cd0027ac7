"""To mean 0 and deviation 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling
from isthmus.parts.scalings._moments import moments


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
        return dict(zip(self.learned, moments(blocks), strict=True))

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return (x - learned["mean"]) / learned["deviation"]

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x * learned["deviation"] + learned["mean"]
