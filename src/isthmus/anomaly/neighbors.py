"""Usual rows as points: how far rows are from the nearest of them, and how dense these lie there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from isthmus.core.nearest import NearestPoints

LEAST = 1e-6  # what is smaller is taken for no difference
DENSITY = 10  # nearest rows, which tell how dense usual rows lie around one
SEEKERS = 2**16  # rows searched for at a time
DIFFERENCES = 2**18  # held at a time


@dataclass(frozen=True)
class UsualRows:
    """Points of usual rows, no two equal, and the search for the nearest of them.

    `reach` says of each how dense it lies: the mean squared distance to its own `DENSITY` nearest.
    """

    points: np.ndarray  # [m, d] float32
    weight: np.ndarray  # [m] float32, how often each stands
    neighbors: int  # over how many of the nearest the distance is averaged
    reach: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # [m] float32, or none

    @property
    def has_density(self) -> bool:
        return len(self.reach) > 0

    @cached_property
    def _search(self) -> NearestPoints:
        count = max(self.neighbors, DENSITY if self.has_density else 0)
        return NearestPoints(self.points, min(count + 1, len(self.points)))

    def settled(self) -> tuple[UsualRows, np.ndarray, np.ndarray]:
        """Return the same, which knows how dense each point lies, and distance and density of each point, [m] each.

        A point does not vouch for itself there. Density is 0 where too few points are known for it.
        """
        knows_density = float(self.weight.sum()) > DENSITY
        whole = replace(self, reach=np.ones(len(self.points) if knows_density else 0, np.float32))
        distance, local, neighbors = np.zeros(len(self.points)), np.zeros(len(self.points)), []
        start = 0
        for index, square, weight in whole.nearest(self.points, self.points):
            block, total = slice(start, start + len(index)), square.sum(axis=2, keepdims=True)
            distance[block] = _weighted_mean(total, weight, self.neighbors)[:, 0]
            local[block] = _weighted_mean(total, weight, DENSITY)[:, 0]
            neighbors.append((index, weight))
            start += len(index)
        if not knows_density:
            return self, distance, np.zeros_like(distance)
        reach = np.maximum(local, LEAST).astype(np.float32)
        settled = replace(self, reach=reach)
        around = np.concatenate([settled.reach_around(index, weight) for index, weight in neighbors])
        return settled, distance, local / around

    def near(self, points: np.ndarray, own: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield how far points [n, d] are from the nearest, by column, [rows, d] float64 twice.

        First the mean squared distance to the `neighbors` nearest; then that to the `DENSITY` nearest, over what these
        have as their own reach on average (0 where none is known).

        Parameters
        ----------
        own : [n, d]; of usual rows that equal a row of it, one counts not, for the row of `points` that stands there.
        """
        for index, square, weight in self.nearest(points, own):
            distance = _weighted_mean(square, weight, self.neighbors)
            local = np.zeros_like(distance)
            if self.has_density:
                local = _weighted_mean(square, weight, DENSITY) / self.reach_around(index, weight)[:, None]
            yield distance, local

    def middle(self, points: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """Return the mean of the `neighbors` nearest usual rows of points [n, d], [n, d]; `own` as in `near`."""
        blocks = self.nearest(points, own)
        means = [_weighted_mean(self.points[index].astype(np.float64), w, self.neighbors) for index, _, w in blocks]
        return np.concatenate(means) if means else np.zeros(points.shape)

    def nearest(
        self, points: np.ndarray, own: np.ndarray | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield which usual rows are nearest, squared differences by column, and weights, nearest first.

        They are [rows, count], [rows, count, d] and [rows, count]; `own` is as in `near`.
        """
        at_once = max(DIFFERENCES // (self._search.count * points.shape[1]), 1)
        for first in range(0, len(points), SEEKERS):
            found, _ = self._search.search(points[first : first + SEEKERS])
            for start in range(0, len(found), at_once):
                index = found[start : start + at_once]
                block = slice(first + start, first + start + len(index))
                square = np.subtract(points[block, None], self.points[index], dtype=np.float64)
                square *= square
                weight = self.weight[index].astype(np.float64)
                if own is not None:
                    is_same = (self.points[index] == own[block, None]).all(axis=2)
                    is_first = is_same & (np.cumsum(is_same, axis=1) == 1)
                    weight -= np.where(is_first, np.minimum(weight, 1), 0)
                yield index, square, weight

    def reach_around(self, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the mean reach of the `DENSITY` nearest usual rows, of those at `index` [n, count], [n]."""
        reach = _weighted_mean(self.reach[index][..., None].astype(np.float64), weight, DENSITY)[:, 0]
        return np.maximum(reach, LEAST)


def _weighted_mean(values: np.ndarray, weight: np.ndarray, mass: float) -> np.ndarray:
    """Return the mean of `values` [n, count, d] over the first `mass` of the weights [n, count], [n, d]."""
    used = np.clip(mass - (np.cumsum(weight, axis=1) - weight), 0, weight)
    total = used.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", used / np.where(total > 0, total, 1), values)
