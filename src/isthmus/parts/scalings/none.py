"""No scaling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling


@dataclass(frozen=True)
class None_(Scaling):  # noqa: N801 -- class = file, and None is taken
    """Columns stay as they are.

    Examples
    --------
    >>> None_().apply({}, np.array([[2.0]])).tolist()
    [[2.0]]
    """

    is_affine = True

    def fit(self, blocks: Blocks) -> Arrays:
        return {}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x
