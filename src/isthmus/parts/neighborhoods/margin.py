"""Near rows of the same class, and away from near rows of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Links, Neighborhood
from isthmus.core.nearest import NearestPoints
from isthmus.errors import InvalidData, require, require_within

MOST_NEIGHBORS = 10_000


@dataclass(frozen=True)
class Margin(Neighborhood):
    """Each row explains the k₁ nearest of its class, s_ij = 1, and evades the k₂ nearest of others, s_ij = −1.

    Σ_j s_ij ‖x_j − x̂_i‖² has a lower bound only where Σ_j s_ij > 0: hence k₁ > k₂, and every class needs more than
    k₂ rows. The loss itself may be below zero. A row is the first of the k₁ nearest to itself; one without a label
    explains itself, s_ii = 1, and nobody explains or evades it.

    Parameters
    ----------
    attract : k₁, at least 1; the whole class where it is smaller.
    repel : k₂, at least 0 and below k₁; all rows of other classes where there are fewer.
    every : epochs from one search to the next, among the codes; 0 for one search among the rows.
    tolerance : once no larger a share of links has changed, the search rests.

    Raises
    ------
    InvalidData
        When called, if a class has no more than k₂ rows.

    References
    ----------
    Wang, Huang, Wang and Wang (2014), Generalized autoencoder (its form after marginal Fisher analysis).

    Examples
    --------
    >>> x, label = np.array([[0.0], [1.0], [3.0], [4.0]]), np.array([0, 0, 1, 1])
    >>> links = Margin(2, repel=1)(x, label, seed=0)
    >>> links.index.tolist()
    [[0, 1, 2], [1, 0, 2], [2, 3, 1], [3, 2, 1]]
    >>> links.strength[0].tolist()
    [1.0, 1.0, -1.0]
    """

    attract: int = 10
    repel: int = 3
    every: int = 5
    tolerance: float = 0.01

    repels = True

    def __post_init__(self) -> None:
        require_within(self.attract, 1, MOST_NEIGHBORS, "Margin.attract")
        allowed = f"at least 0 and below attract={self.attract}, or the loss has no lower bound"
        require(0 <= self.repel < self.attract, "Margin.repel", allowed, self.repel)
        require(self.every >= 0, "Margin.every", "at least 0", self.every)
        require(0 <= self.tolerance < 1, "Margin.tolerance", "in [0, 1)", self.tolerance)

    @property
    def needs_labels(self) -> bool:
        return True

    def __call__(self, points: np.ndarray, label: np.ndarray | None, seed: int) -> Links:
        if label is None:
            raise InvalidData("the neighborhood margin needs labels: call fit(X, y).")
        points = points.reshape(len(points), -1)
        index = np.repeat(np.arange(len(points), dtype=np.int32)[:, None], self.attract + self.repel, axis=1)
        strength = np.zeros(index.shape, np.float32)
        strength[:, 0] = 1
        for number, size in zip(*np.unique(label[label >= 0], return_counts=True), strict=True):
            if size <= self.repel:
                raise InvalidData(
                    f"class {number} has {size} rows, and the neighborhood {self} needs at least {self.repel + 1} in "
                    "each class: use a smaller repel."
                )
            own, others = np.flatnonzero(label == number), np.flatnonzero((label >= 0) & (label != number))
            near, far = min(self.attract - 1, size - 1), min(self.repel, len(others))
            index[own, 1 : near + 1] = own[_nearest(points[own], None, near)]
            strength[own, : near + 1] = 1
            index[own, self.attract : self.attract + far] = others[_nearest(points[others], points[own], far)]
            strength[own, self.attract : self.attract + far] = -1
        return Links(index, strength)


def _nearest(points: np.ndarray, seekers: np.ndarray | None, count: int) -> np.ndarray:
    """Return the places of the `count` points nearest to each seeker, or to each point but itself."""
    if not count:
        return np.zeros((len(points if seekers is None else seekers), 0), int)
    if seekers is None:
        return NearestPoints(points, count + 1).search_others()[0]
    return NearestPoints(points, count).search(seekers)[0]
