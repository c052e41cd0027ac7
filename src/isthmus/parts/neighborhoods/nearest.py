"""The nearest rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Links, Neighborhood
from isthmus.core.nearest import NearestPoints
from isthmus.errors import require, require_within

MOST_NEIGHBORS = 10_000


@dataclass(frozen=True)
class Nearest(Neighborhood):
    """Each row explains its k nearest, s_ij = exp(−‖p_i − p_j‖² / t): p the scaled rows at first, then their codes.

    Parameters
    ----------
    k : rows to explain, at least 1; all rows where there are fewer.
    temperature : t, above 0. None takes the mean of ‖p_i − p_j‖² over the neighbors found, at each search, so that
        the scale of the points does not matter.
    itself : whether a row is the first of its k nearest, with s_ii = 1, the largest there is. So a row's own values
        are kept, and `nearest(1)` is the plain autoencoder. Laplacian eigenmaps leave it out.
    every : epochs from one search to the next; 0 for one search among the rows. The codes of a young network are
        poor guides: search late or seldom.
    tolerance : once no larger a share of links has changed, the search rests.

    References
    ----------
    Wang, Huang, Wang and Wang (2014), Generalized autoencoder (its form after Laplacian eigenmaps).

    Examples
    --------
    >>> links = Nearest(2)(np.array([[0.0], [1.0], [3.0]]), None, seed=0)
    >>> links.index.tolist()
    [[0, 1], [1, 0], [2, 1]]
    >>> [round(float(s), 3) for s in links.strength[:, 1]]  # t = (1 + 1 + 4) / 3
    [0.607, 0.607, 0.135]
    """

    k: int = 10
    temperature: float | None = None
    itself: bool = True
    every: int = 5
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        require_within(self.k, 1, MOST_NEIGHBORS, "Nearest.k")
        is_allowed = self.temperature is None or self.temperature > 0
        require(is_allowed, "Nearest.temperature", "above 0, or None", self.temperature)
        require(self.every >= 0, "Nearest.every", "at least 0", self.every)
        require(0 <= self.tolerance < 1, "Nearest.tolerance", "in [0, 1)", self.tolerance)

    def __call__(self, points: np.ndarray, label: np.ndarray | None, seed: int) -> Links:
        rows = len(points)
        own = np.arange(rows)[:, None]
        others = min(self.k - self.itself, rows - 1)
        if not others:
            return Links(own.astype(np.int32), np.ones((rows, 1), np.float32))
        index, square = NearestPoints(points.reshape(rows, -1), others + 1).search_others()
        square = square.astype(np.float64)
        t = square.mean() if self.temperature is None else self.temperature
        strength = np.exp(-square / (t or 1.0))
        if self.itself:
            index, strength = np.hstack([own, index]), np.hstack([np.ones((rows, 1)), strength])
        return Links(index.astype(np.int32), strength.astype(np.float32))
