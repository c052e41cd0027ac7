"""To ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Arrays, Blocks, Scaling
from isthmus.errors import require_within
from isthmus.parts.scalings._sampling import sampled

MOST_QUANTILES = 100_000

MOST_ROWS = 10_000_000  # that quantiles are taken of


@dataclass(frozen=True)
class Quantile(Scaling):
    """The share of rows below, in [0, 1], read off straight lines between quantiles.

    Insensitive to absurd values and skew. New rows beyond the range become 0 or 1; equal values share
    their middle rank.

    Parameters
    ----------
    quantiles : how many are kept for each column; fewer where there are fewer rows.
    rows : quantiles are taken from at most about so many rows, evenly spaced through the table.

    Examples
    --------
    >>> x = np.array([[1.0], [10.0], [1000.0]])
    >>> learned = Quantile().fit(lambda: iter([(x, np.ones(3))]))
    >>> Quantile().apply(learned, x).ravel().tolist()
    [0.0, 0.5, 1.0]
    """

    quantiles: int = 1000
    rows: int = 100_000

    learned = ("landmarks",)
    axes = 2

    def __post_init__(self) -> None:
        require_within(self.quantiles, 2, MOST_QUANTILES, "Quantile.quantiles")
        require_within(self.rows, 2, MOST_ROWS, "Quantile.rows")

    def fit(self, blocks: Blocks) -> Arrays:
        x, weight = sampled(blocks, self.rows)
        count = min(self.quantiles, len(x))
        return {"landmarks": np.stack([_quantiles(column, weight, count) for column in x.T], axis=1)}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        landmarks = learned["landmarks"]  # [quantiles, d]
        ranks = np.linspace(0, 1, len(landmarks))
        # From the left and from the right: a value that fills several quantiles gets their middle.
        return np.stack(
            [
                (np.interp(column, marks, ranks) - np.interp(-column, -marks[::-1], -ranks[::-1])) / 2
                for column, marks in zip(x.T.astype(np.float64), landmarks.T, strict=True)
            ],
            axis=1,
        )

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        landmarks = learned["landmarks"]
        ranks = np.linspace(0, 1, len(landmarks))
        return np.stack(
            [np.interp(column, ranks, marks) for column, marks in zip(x.T, landmarks.T, strict=True)], axis=1
        )


def _quantiles(column: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """Return weighted quantiles at `count` even ranks, the extremes included."""
    order = np.argsort(column, kind="stable")
    column, weight = column[order], weight[order]
    mass = np.cumsum(weight) - weight / 2
    # The ranks of the first and the last row are stretched to 0 and 1.
    mass = (mass - mass[0]) / (mass[-1] - mass[0]) if len(column) > 1 else mass * 0
    return np.interp(np.linspace(0, 1, count), mass, column)
