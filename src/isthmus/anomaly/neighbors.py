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

    @property
    def count(self) -> int:
        """How many of the nearest usual rows are looked at."""
        return min(max(self.neighbors, DENSITY if self.has_density else 0) + 1, len(self.points))

    @cached_property
    def _search(self) -> NearestPoints:
        return NearestPoints(self.points, self.count)

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
            yield self.parts_of(square, weight, self.reach[index] if self.has_density else None)

    def parts_of(
        self, square: np.ndarray, weight: np.ndarray, reach: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what `near` yields of the nearest usual rows, [n, d] twice.

        Parameters
        ----------
        square, weight : of these rows, as `nearest` yields them.
        reach : theirs, [n, count]; None where none is known.
        """
        distance = _weighted_mean(square, weight, self.neighbors)
        if reach is None:
            return distance, np.zeros_like(distance)
        return distance, _weighted_mean(square, weight, DENSITY) / _mean_reach(reach, weight)[:, None]

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
                own_rows = None if own is None else own[block]
                yield index, *compare(self.points[index], self.weight[index], points[block], own_rows)

    def reach_around(self, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the mean reach of the `DENSITY` nearest usual rows, of those at `index` [n, count], [n]."""
        return _mean_reach(self.reach[index], weight)


def compare(
    there: np.ndarray, weight: np.ndarray, points: np.ndarray, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return squared differences by column of points [n, d] to the usual rows nearest to each, and what these weigh.

    They are [n, count, d] and [n, count].

    Parameters
    ----------
    there, weight : the usual rows, [n, count, d], and the weight of each, [n, count].
    own : as in `UsualRows.near`.
    """
    square = np.subtract(points[:, None], there, dtype=np.float64)
    square *= square
    weight = weight.astype(np.float64)
    if own is not None:
        is_same = (there == own[:, None]).all(axis=2)
        is_first = is_same & (np.cumsum(is_same, axis=1) == 1)
        weight = weight - np.where(is_first, np.minimum(weight, 1), 0)
    return square, weight


def _mean_reach(reach: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the mean of `reach` [n, count] over the first `DENSITY` of the weights [n, count], [n]."""
    return np.maximum(_weighted_mean(reach[..., None].astype(np.float64), weight, DENSITY)[:, 0], LEAST)


def _weighted_mean(values: np.ndarray, weight: np.ndarray, mass: float) -> np.ndarray:
    """Return the mean of `values` [n, count, d] over the first `mass` of the weights [n, count], [n, d]."""
    used = np.clip(mass - (np.cumsum(weight, axis=1) - weight), 0, weight)
    total = used.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", used / np.where(total > 0, total, 1), values)
