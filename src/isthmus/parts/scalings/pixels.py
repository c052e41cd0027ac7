"""Pixels to the range from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling
from isthmus.errors import require


@dataclass(frozen=True)
class Pixels(Scaling):
    """x / most, the same for every column: what images of whole numbers from 0 to 255 are brought to [0, 1] by.

    Parameters
    ----------
    most : what a pixel is at most, above 0.

    Examples
    --------
    >>> Pixels().apply({}, np.array([[0.0, 51.0, 255.0]])).tolist()
    [[0.0, 0.2, 1.0]]
    """

    most: float = 255.0

    is_affine = True

    def __post_init__(self) -> None:
        require(self.most > 0, "Pixels.most", "greater than 0", self.most)

    def fit(self, blocks: Blocks) -> Arrays:
        return {}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x / self.most

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return x * self.most
