"""How odd rows are to a fitted autoencoder, column by column: far from usual rows, and from how these are explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from isthmus.contracts import Row
from isthmus.data.rows import scaled_blocks
from isthmus.estimators._reconstructor import Reconstructor

NUMBERS = 2**24  # held at a time, of neighbors
LEAST = 1e-6  # what is smaller is taken for no difference
PARTS = 2  # of a score: distance and error


@dataclass(frozen=True)
class NeighborScore:
    """What one autoencoder says of rows: a share of the score for each column.

    With x a row as the autoencoder is given it, x̂ what it makes of it, s the deviation of a column and t the root of
    its mean error, the score is

        [mean over the k nearest usual rows Σ (x - x_i)² / s² / a + Σ (x - x̂)² / t² / b] / parts,

    the first sum over the columns that hold numbers, the second over all, with −log p(x) in place of (x - x̂)² where x
    is a code; a and b are the means over rows held out, so that these score 1 on average. Without neighbors, or without
    numbers, the first part is not there.
    """

    model: Reconstructor
    spread: np.ndarray  # [2, d] float32: s and t
    points: np.ndarray  # [m, d] float32: usual rows x / s, no two equal; none where scores are of errors only
    weight: np.ndarray  # [m] float32, how often each stands
    means: np.ndarray  # [2] float64: a and b; 0 for a part that is not there
    neighbors: int

    @cached_property
    def _search(self) -> NearestNeighbors:
        return NearestNeighbors(n_neighbors=min(self.neighbors + 1, len(self.points))).fit(self.points)

    def beside(self, X: Any, weight: np.ndarray, most: int) -> NeighborScore:
        """Return the same with more usual rows, no two equal, up to `most` in all: no row becomes odder by that."""
        if not len(self.points):
            return self
        points = np.concatenate([self.points, _points(self.model, X, self.spread[0])])[:most]
        return replace(self, points=points, weight=np.concatenate([self.weight, weight])[:most].astype(np.float32))

    def contributions(self, X: Any, *, is_own: bool) -> np.ndarray:
        """Return what each column adds to the score of each row, [n, d] float64.

        `is_own` says that rows may be among the usual ones: then a row does not vouch for itself.
        """
        counts = self.means > 0
        due = np.divide(counts, self.means, out=np.zeros(PARTS), where=counts) / np.count_nonzero(counts)
        return np.einsum("p,pnd->nd", due, self.parts(X, is_own=is_own))

    def parts(self, X: Any, *, is_own: bool) -> np.ndarray:
        """Return both parts of the score by column, [2, n, d] float64, not yet in units of their means."""
        error = self.model._column_error(X).astype(np.float64)
        found = np.stack([np.zeros_like(error), error / np.square(self.spread[1], dtype=np.float64)])
        if len(self.points):
            start = 0
            for block in self._near(_points(self.model, X, self.spread[0]), is_own=is_own):
                found[0, start : start + len(block)] = block
                start += len(block)
        return found

    def _near(self, points: np.ndarray, *, is_own: bool) -> Iterator[np.ndarray]:
        """Yield squared distances to the nearest rows by column, on average, [rows, d]."""
        count = self._search.n_neighbors
        at_once = max(NUMBERS // (count * points.shape[1]), 1)
        for start in range(0, len(points), at_once):
            here = points[start : start + at_once]
            index = self._search.kneighbors(here, return_distance=False)
            square = np.square(here[:, None].astype(np.float64) - self.points[index])  # [rows, count, d]
            distance = square.sum(axis=2)
            order = np.argsort(distance, axis=1, kind="stable")
            weight = np.take_along_axis(self.weight[index].astype(np.float64), order, axis=1)
            if is_own:
                weight[:, 0] -= np.where(distance.min(axis=1) == 0, np.minimum(weight[:, 0], 1), 0)
            yield _mean_of(np.take_along_axis(square, order[..., None], axis=1), weight, self.neighbors)


def _mean_of(square: np.ndarray, weight: np.ndarray, mass: float) -> np.ndarray:
    """Return the mean of `square` [n, count, d] over the first `mass` of the weights [n, count], [n, d]."""
    taken = np.clip(mass - (np.cumsum(weight, axis=1) - weight), 0, weight)
    total = taken.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", taken / np.where(total > 0, total, 1), square)


def fit_scores(
    model: Reconstructor,
    usual: tuple[Any, np.ndarray],
    held_out: tuple[Any, np.ndarray],
    neighbors: int,
    *,
    is_own: bool,
) -> NeighborScore:
    """Return how odd rows are to a fitted autoencoder.

    Parameters
    ----------
    usual : rows of the training, no two equal, and the weight of each: the neighbors.
    held_out : rows and their weights that give errors and distances their units.
    neighbors : how many; 0 for errors only.
    is_own : whether the rows held out are those of the training.
    """
    rows, weight = usual
    spread = np.stack([_deviation(model, rows, weight), np.zeros(model._row.size)])
    spread[1] = _root_error(model, *held_out) + 0.01 * spread[0]
    spread = spread.astype(np.float32)
    has_points = bool(neighbors) and _are_numbers(model._row).any()
    points = _points(model, rows, spread[0]) if has_points else np.zeros((0, model._row.size), np.float32)
    draft = NeighborScore(model, spread, points, weight[: len(points)].astype(np.float32), np.zeros(PARTS), neighbors)
    found = draft.parts(held_out[0], is_own=is_own).sum(axis=2)
    means = np.maximum(np.average(found, axis=1, weights=held_out[1]), LEAST)
    return replace(draft, means=means * [has_points, True])


def _are_numbers(row: Row) -> np.ndarray:
    """Say for each column whether it holds numbers, and no codes, [d]."""
    return np.ones(row.size, bool) if row.categories is None else np.array(row.categories) == 0


def _points(model: Reconstructor, X: Any, deviation: np.ndarray) -> np.ndarray:
    """Return scaled rows in units of their deviation, [n, d] float32; 0 for codes, and where a cell is missing."""
    source = model._open(X, reset=False)
    rows = np.concatenate(list(scaled_blocks(source, model._scaling, model._learned)))
    return np.nan_to_num(rows) * _are_numbers(model._row) / deviation


def _deviation(model: Reconstructor, X: Any, weight: np.ndarray) -> np.ndarray:
    """Return the deviation of scaled rows by column, [d]; 1 where one is constant."""
    rows = _points(model, X, np.ones(model._row.size, np.float32)).astype(np.float64)
    square = np.average(np.square(rows - np.average(rows, axis=0, weights=weight)), axis=0, weights=weight)
    return np.where(square > LEAST**2, np.sqrt(square), 1.0)


def _root_error(model: Reconstructor, X: Any, weight: np.ndarray) -> np.ndarray:
    """Return the root of the mean error by column, squares or −log p, [d]."""
    error = model._column_error(X).astype(np.float64)
    root: np.ndarray = np.sqrt(np.average(error, axis=0, weights=weight))
    return root
