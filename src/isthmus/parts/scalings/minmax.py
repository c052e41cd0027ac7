"""To the range from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling


@dataclass(frozen=True)
class Minmax(Scaling):
    """(x − lowest) / (highest − lowest) by column; a constant column becomes 0. New rows may leave [0, 1].

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> learned = Minmax().fit(lambda: iter([(x, np.ones(2))]))
    >>> Minmax().apply(learned, x).ravel().tolist()
    [0.0, 1.0]
    """

    learned = ("lowest", "range")
    is_affine = True

    def fit(self, blocks: Blocks) -> Arrays:
        lows, highs = zip(*((x.min(axis=0), x.max(axis=0)) for x, _ in blocks()), strict=True)
        lowest = np.min(lows, axis=0).astype(np.float64)
        reach = np.max(highs, axis=0).astype(np.float64) - lowest
        return {"lowest": lowest, "range": np.where(reach == 0, 1.0, reach)}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return (x - learned["lowest"]) / learned["range"]

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x * learned["range"] + learned["lowest"]
