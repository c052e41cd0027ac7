"""The nearest of many points, exactly: points lie in cells, most of which are too far away to be looked into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

LARGEST = 1e18  # number of a point, over the root of how many it has
CELL = 384  # points of a cell, at most, of tables of a few ten thousand rows
AXES = 6  # directions along which cells are told apart
SAMPLE = 2048  # points that the directions come from
FEW = 4  # seekers whose points are compared by differences at once
SEEKERS = 4096  # searched for at a time
NUMBERS = 2**22  # held at a time where distances are computed exactly
FLOAT_BITS = 31  # of a distance, which is not negative
KEY_BITS = 63
EPSILON = np.finfo(np.float32).eps
ROUNDS = (1, 4)  # nearest cells that are looked into before all that may hold a neighbor


@dataclass(frozen=True)
class NearestPoints:
    """Exact search for the nearest of points [m, d], by squared Euclidean distance.

    The points are halved along the direction of their largest variance among `AXES` until cells are small. A cell is a
    box along those directions and a range of the distance from them, so a point is no nearer to any point of it than to
    that box. Cells that may hold a neighbor are compared by products of matrices, counted from the middle of the cell;
    what these leave open, by the bound of their rounding, is compared by differences. So the answer is that of a search
    through all points, but that of distances which are equal as float32 any may come first.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[0.0], [1.0], [5.0]], np.float32)
    >>> place, square = NearestPoints(points, 2).search(np.array([[4.0]], np.float32))
    >>> place.tolist(), square.tolist()
    ([[2, 1]], [[1.0, 9.0]])
    """

    points: np.ndarray  # [m, d] float32
    count: int  # how many are asked for, at most m

    @cached_property
    def _within(self) -> np.ndarray:
        return self._limited(self.points)

    def _limited(self, points: np.ndarray) -> np.ndarray:
        """Return points whose squared distances float32 can hold: numbers beyond, 10¹⁷ and more, count as the last."""
        most = LARGEST / points.shape[1] ** 0.5
        return np.clip(points, -most, most)

    @cached_property
    def _mean(self) -> np.ndarray:
        return self._within.mean(axis=0, dtype=np.float64)

    @cached_property
    def _axes(self) -> np.ndarray:
        """Directions at right angles along which the points spread most, nearly, [d, axes]."""
        size = self.points.shape[1]
        if size <= AXES:
            return np.eye(size)
        sample = self._within[:: -(-len(self.points) // SAMPLE)].astype(np.float64) - self._mean
        axes = np.random.Generator(np.random.Philox(0)).normal(size=(size, AXES))
        for _ in range(4):
            axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
        return axes

    @cached_property
    def _cells(self) -> _Cells:
        features, size = self._features(self._within), max(CELL, int(2.5 * len(self.points) ** 0.5), 4 * self.count)
        members = list(_halved(features, np.arange(len(self.points)), size))
        boxes = np.stack([[features[each].min(axis=0), features[each].max(axis=0)] for each in members], axis=1)
        return _Cells(self._within, members, boxes.mean(axis=0), (boxes[1] - boxes[0]) / 2)

    def search(self, seekers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest points of each of the seekers [n, d], nearest first, and their squared distances.

        They are the places of the points, [n, count], and float32 [n, count].
        """
        place = np.empty((len(seekers), self.count), np.intp)
        square = np.empty(place.shape, np.float32)
        place_bits = max(len(self.points) - 1, 1).bit_length()
        at_once = max(min(SEEKERS, 2 ** (KEY_BITS - FLOAT_BITS - place_bits), NUMBERS // seekers.shape[1]), 1)
        for start in range(0, len(seekers), at_once):
            block = slice(start, start + at_once)
            place[block], square[block] = self._search_block(self._limited(seekers[block]), place_bits)
        return place, square

    def search_others(self) -> tuple[np.ndarray, np.ndarray]:
        """Return as `search` the points nearest to each of the points themselves, one fewer: no point is its own."""
        place, square = self.search(self.points)
        is_own = place == np.arange(len(place))[:, None]
        is_own[:, -1] |= ~is_own.any(axis=1)  # where more points equal it than are asked for
        return place[~is_own].reshape(len(place), -1), square[~is_own].reshape(len(place), -1)

    def _features(self, points: np.ndarray) -> np.ndarray:
        """Return where points [n, d] lie along the directions, and how far from all of them, [n, axes (+ 1)]."""
        centred = points - self._mean
        along = centred @ self._axes
        if along.shape[1] == centred.shape[1]:
            return along
        rest = np.einsum("nd,nd->n", centred, centred) - np.einsum("na,na->n", along, along)
        return np.column_stack([along, np.sqrt(np.maximum(rest, 0))])

    def _search_block(self, seekers: np.ndarray, place_bits: int) -> tuple[np.ndarray, np.ndarray]:
        cells, rows = self._cells, len(seekers)
        features = self._features(seekers)
        least = cells.least_distance(features)
        margin = EPSILON * np.einsum("na,na->n", features, features)  # of what the boxes' bounds are rounded by
        limit, is_open = np.full(rows, np.inf), np.ones(least.shape, bool)
        best = np.zeros(0, np.int64)  # a seeker, a squared distance and a place in each
        for nearest in (*ROUNDS, len(cells.members)):
            due = is_open & (least <= (limit + margin)[:, None])
            if nearest < due.shape[1]:
                due &= least <= np.partition(least, nearest - 1, axis=1)[:, nearest - 1 : nearest]
            is_open &= ~due
            found = list(cells.look_into(seekers, due, limit, self.count))
            if not found:
                continue
            row, place = (np.concatenate(each) for each in zip(*found, strict=True))
            bits = self._squares(seekers, row, place).view(np.int32).astype(np.int64)
            keys = np.concatenate([best, (row << (FLOAT_BITS + place_bits)) | (bits << place_bits) | place])
            keys.sort()
            row = keys >> (FLOAT_BITS + place_bits)
            first = np.searchsorted(row, np.arange(rows))
            best = keys[np.arange(len(keys)) - first[row] < self.count]
            count = np.bincount(best >> (FLOAT_BITS + place_bits), minlength=rows)
            furthest = best[np.cumsum(count) - 1] >> place_bits & (2**FLOAT_BITS - 1)
            furthest = furthest.astype(np.int32).view(np.float32) * (1 + EPSILON * (seekers.shape[1] + 2))
            limit = np.where(count == self.count, furthest, np.inf)
        square = (best >> place_bits & (2**FLOAT_BITS - 1)).astype(np.int32).view(np.float32)
        return (best & (2**place_bits - 1)).reshape(rows, self.count), square.reshape(rows, self.count)

    def _squares(self, seekers: np.ndarray, row: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return the squared distances of pairs of a seeker and a point, [pairs] float32."""
        squares = np.empty(len(row), np.float32)
        at_once = max(NUMBERS // seekers.shape[1], 1)
        for start in range(0, len(row), at_once):
            block = slice(start, start + at_once)
            gap = seekers[row[block]] - self._within[place[block]]
            squares[block] = np.einsum("nd,nd->n", gap, gap)
        return squares


@dataclass(frozen=True)
class _Cells:
    """Points by cells."""

    points: np.ndarray  # [m, d]
    members: list[np.ndarray]  # which points are in each cell
    middle: np.ndarray  # [cells, features], of its box
    reach: np.ndarray  # [cells, features]: half of its box

    @property
    def _rounding(self) -> float:
        """A bound of what rounds the square of a difference by products, in parts of the squares of its two sides."""
        return 4 * EPSILON * (self.points.shape[1] + 8)

    @cached_property
    def _blocks(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each cell its mean, −2 times its points from there, [d, members], and their squares, [members].

        Squares are made less by what a product is rounded by at most, as far as it is due to the points.
        """
        blocks = []
        for places in self.members:
            own = self.points[places].astype(np.float64)
            mean = own.mean(axis=0)
            own -= mean
            square = np.einsum("nd,nd->n", own, own)
            square *= 1 - self._rounding
            blocks.append((mean, np.ascontiguousarray(-2 * own.T, np.float32), square.astype(np.float32)))
        return blocks

    def least_distance(self, features: np.ndarray) -> np.ndarray:
        """Return squares below which no point of a cell is near to seekers of these features [n, f], [n, cells]."""
        least = np.zeros((len(features), len(self.members)), np.float32)
        for own, middle, reach in zip(features.T, self.middle.T, self.reach.T, strict=True):
            gap: np.ndarray = np.abs(np.subtract.outer(own, middle).astype(np.float32))
            gap -= (reach + EPSILON * (np.abs(middle) + reach)).astype(np.float32)
            np.maximum(gap, 0, out=gap)
            gap *= gap * (1 - 4 * EPSILON)
            least += gap
        return least

    def look_into(
        self, seekers: np.ndarray, due: np.ndarray, limit: np.ndarray, count: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs of seekers and points that may be nearer than a limit, by cell: places of both, [pairs] each.

        Parameters
        ----------
        due : in which cells to look for each seeker, [n, cells].
        limit : squared distances, [n]; where it is infinite, the `count` nearest points of the cell are taken.
        """
        if len(seekers) <= FEW:
            for seeker in np.flatnonzero(due.any(axis=1)):
                near = np.concatenate([self.members[cell] for cell in np.flatnonzero(due[seeker])])
                yield np.full(len(near), seeker), near
            return
        by_cell = np.ascontiguousarray(due.T)
        for cell in np.flatnonzero(by_cell.any(axis=1)):
            rows = np.flatnonzero(by_cell[cell])
            mean, product, square = self._blocks[cell]
            own = (seekers[rows] - mean).astype(np.float32)
            size = np.einsum("nd,nd->n", own, own)
            value = own @ product
            value += square
            allowed = limit[rows] - size * (1 - self._rounding)
            is_first = np.isinf(allowed)
            if is_first.any():
                last = min(count, len(square)) - 1
                most = value[is_first] + 2 * self._rounding * (size[is_first, None] + square)
                allowed[is_first] = np.partition(most, last, axis=1)[:, last]
            near = np.flatnonzero(value <= allowed[:, None].astype(np.float32))
            row, place = np.divmod(near, len(square))
            yield rows[row], self.members[cell][place]


def _halved(features: np.ndarray, places: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Yield the places of points [n, f] in cells of at most so many, by halves along the widest direction."""
    if len(places) <= most:
        yield places
        return
    own = features[places]
    axis, middle = own.var(axis=0).argmax(), len(places) // 2
    order = np.argpartition(own[:, axis], middle)
    yield from _halved(features, places[order[:middle]], most)
    yield from _halved(features, places[order[middle:]], most)
