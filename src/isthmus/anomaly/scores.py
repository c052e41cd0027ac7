"""Anomaly scores by a fitted autoencoder, by column: the distance to usual rows, and the reconstruction error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.neighbors import NearestNeighbors

from isthmus.contracts import Row
from isthmus.errors import ModelFileError
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, load_state, named_state

MOST_TRIED = 16  # categories of a column
MOST_LINEAR = 2000  # columns that are expected as a linear function of the others
RIDGE = 1e-3  # of a variance, added to it
DISTANCES = 2**24  # held at a time, of neighbors
LEAST = 1e-6  # what is smaller is taken for no difference
LEAST_SPREAD = 1e-9  # of a column
PARTS = 2  # of a score: distance and error
TENSORS = {"spread": "F32", "points": "F32", "weight": "F32", "means": "F64"}
"""The arrays that a model file holds beside each autoencoder, and their types."""


@dataclass(frozen=True)
class NeighborScore:
    """The anomaly score by one autoencoder: a share of it for each column.

    With x a row as the autoencoder is given it, x̂ what it makes of it, s the deviation of a column and t the root of
    its mean error, the score is

        [mean over the k nearest usual rows Σ (x - x_i)² / s² / a + Σ (x - x̂)² / t² / b] / parts,

    the first sum over the columns that hold numbers, the second over all, with −log p(x) in place of (x - x̂)² where x
    is a category; a and b are the means over validation rows, so that these score 1 on average. Without neighbors, or
    without numbers, the first part is left out.
    """

    model: Reconstructor
    spread: np.ndarray  # [2, d] float32: s and t
    points: np.ndarray  # [m, d] float32: usual rows x / s, no two equal; none where scores are of errors only
    weight: np.ndarray  # [m] float32, how often each stands
    means: np.ndarray  # [2] float64: a and b; 0 for a part that is not there
    neighbors: int
    rarity: float = 0.0  # what a category adds that the fit has not had, beside its error

    @cached_property
    def _search(self) -> NearestNeighbors:
        return NearestNeighbors(n_neighbors=min(self.neighbors + 1, len(self.points))).fit(self.points)

    @cached_property
    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean of the usual rows in units of their deviation, [d], and the inverse of their covariance, [d, d]."""
        points, weight = self.points.astype(np.float64), self.weight.astype(np.float64)
        mean = np.average(points, axis=0, weights=weight)
        covariance = np.cov(points.T, aweights=weight, ddof=0).reshape(2 * points.shape[1:])
        variance = np.maximum(np.diag(covariance), LEAST)
        return mean, np.linalg.inv(covariance + RIDGE * np.diag(variance))

    def expected(self, rows: np.ndarray) -> np.ndarray:
        """Return what the other columns expect in each cell of scaled rows [n, d], [n, d] float32.

        Of a number it is its mean given the others, were usual rows normal: x_j − ((x − μ) Λ)_j / Λ_jj with Λ the
        inverse of their covariance (without neighbors, or with thousands of columns, what the autoencoder makes of the
        row). Of a category it is the one with which the autoencoder errs least over the row. Of the others, numbers
        beyond those of usual rows count as the last of them, so that a wild cell does not spoil the rest.
        """
        fitted, size = self.model.fitted_, rows.shape[1]
        is_number = _are_numbers(fitted.row)
        if len(self.points):
            ends = np.stack([self.points.min(axis=0), self.points.max(axis=0)]) * self.spread[0]
            rows = np.where(is_number, np.clip(rows, *ends), rows)
        answer = fitted.reconstructed(rows)
        if len(self.points) and size <= MOST_LINEAR:
            mean, inverse = self._linear
            points = _points(self.model, rows, self.spread[0]).astype(np.float64)
            usual = points - (points - mean) @ inverse / np.diag(inverse)
            answer = np.where(is_number, usual * self.spread[0], answer)
        for column in np.flatnonzero(~is_number):
            answer[:, column] = self._expected_category(rows, int(column), answer[:, column])
        return answer.astype(np.float32)

    def _expected_category(self, rows: np.ndarray, column: int, first: np.ndarray) -> np.ndarray:
        """Return the category of a column with which the autoencoder errs least over scaled rows [n, d], [n].

        Of many categories only few are tried: the most probable one given the row, `first` [n], and given the others.
        """
        fitted = self.model.fitted_
        count = (fitted.row.categories or ())[column]
        tried = [np.full(len(rows), each, np.float32) for each in range(count)] if count <= MOST_TRIED else [first]
        if fitted.row.may_be_missing and count > MOST_TRIED:
            hidden = rows.copy()
            hidden[:, column] = np.nan
            tried.append(fitted.reconstructed(hidden)[:, column])
        best, least = first, np.full(len(rows), np.inf)
        for cells in tried:
            changed = rows.copy()
            changed[:, column] = cells
            error = (fitted.column_error(changed) / self.spread[1] ** 2).sum(axis=1)
            best, least = np.where(error < least, cells, best), np.minimum(error, least)
        return best

    def with_neighbors(self, rows: np.ndarray, weight: np.ndarray, most: int) -> NeighborScore:
        """Return the same with more usual rows, scaled, no two equal, up to `most` in all: by that no score rises."""
        if not len(self.points):
            return self
        points = np.concatenate([self.points, _points(self.model, rows, self.spread[0])])[:most]
        return replace(self, points=points, weight=np.concatenate([self.weight, weight])[:most].astype(np.float32))

    def contributions(
        self, rows: np.ndarray, is_unseen: np.ndarray | None = None, *, is_own: bool, origin: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what each column adds to the score of each of the scaled rows [n, d], [n, d] float64.

        Parameters
        ----------
        is_unseen : where a category is that the fit has not had, [n, d].
        is_own : whether rows may be among the usual ones: then a row does not vouch for itself.
        origin : what the rows were before cells of them were changed, [n, d]: then that row does not vouch for them.
        """
        counts = self.means > 0
        factor = np.divide(counts, self.means, out=np.zeros(PARTS), where=counts) / np.count_nonzero(counts)
        added = np.einsum("p,pnd->nd", factor, self.parts(rows, is_unseen, is_own=is_own, origin=origin))
        return added if is_unseen is None else added + self.rarity * is_unseen

    def parts(
        self, rows: np.ndarray, is_unseen: np.ndarray | None = None, *, is_own: bool, origin: np.ndarray | None = None
    ) -> np.ndarray:
        """Return both parts of the score by column, [2, n, d] float64, not yet in units of their means."""
        error = self.model.fitted_.column_error(rows, is_unseen).astype(np.float64)
        parts = np.stack([np.zeros_like(error), error / np.square(self.spread[1], dtype=np.float64)])
        if len(self.points):
            start = 0
            points = _points(self.model, rows, self.spread[0])
            own = _points(self.model, rows if origin is None else origin, self.spread[0]) if is_own else None
            for block in self._near(points, own):
                parts[0, start : start + len(block)] = block
                start += len(block)
        return parts

    def to_state(self, name: str) -> State:
        """Return what a model file holds of it, below a number."""
        own = State({}, {f"oddness{name}.{key}": getattr(self, key) for key in TENSORS})
        return own | named_state(self.model).inside(f"model{name}")

    def _near(self, points: np.ndarray, own: np.ndarray | None) -> Iterator[np.ndarray]:
        """Yield squared distances to the nearest rows by column, on average, [rows, d].

        Of usual rows that equal a row of `own` [n, d], one counts not, for the row of `points` that stands there.
        """
        count = self._search.n_neighbors
        at_once = max(DISTANCES // (count * points.shape[1]), 1)
        for start in range(0, len(points), at_once):
            batch = points[start : start + at_once]
            index = self._search.kneighbors(batch, return_distance=False)
            square = np.square(batch[:, None].astype(np.float64) - self.points[index])  # [rows, count, d]
            distance = square.sum(axis=2)
            order = np.argsort(distance, axis=1, kind="stable")
            weight = np.take_along_axis(self.weight[index].astype(np.float64), order, axis=1)
            if own is not None:
                is_same = (self.points[index] == own[start : start + at_once, None]).all(axis=2)
                is_same = np.take_along_axis(is_same, order, axis=1)
                is_first = is_same & (np.cumsum(is_same, axis=1) == 1)
                weight -= np.where(is_first, np.minimum(weight, 1), 0)
            yield _weighted_mean(np.take_along_axis(square, order[..., None], axis=1), weight, self.neighbors)


def _weighted_mean(square: np.ndarray, weight: np.ndarray, mass: float) -> np.ndarray:
    """Return the mean of `square` [n, count, d] over the first `mass` of the weights [n, count], [n, d]."""
    used = np.clip(mass - (np.cumsum(weight, axis=1) - weight), 0, weight)
    total = used.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkd->nd", used / np.where(total > 0, total, 1), square)


def fit_scores(
    model: Reconstructor,
    usual: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray, np.ndarray],
    neighbors: int,
    *,
    is_own: bool,
) -> NeighborScore:
    """Return the scores by a fitted autoencoder.

    Parameters
    ----------
    usual : scaled rows of the training, no two equal, and the weight of each: the neighbors.
    validation : scaled rows, where a category is in them that the training has not had, and their weights; they give
        errors and distances their units.
    neighbors : how many; 0 for errors only.
    is_own : whether the validation rows are those of the training.
    """
    rows, weight = usual
    others, is_unseen, other_weight = validation
    size = model.fitted_.row.size
    spread = np.stack([_deviation(model, rows, weight), np.zeros(size)])
    spread[1] = _root_error(model, others, other_weight) + 0.01 * spread[0]
    spread = spread.astype(np.float32)
    has_points = bool(neighbors) and _are_numbers(model.fitted_.row).any()
    points = _points(model, rows, spread[0]) if has_points else np.zeros((0, size), np.float32)
    draft = NeighborScore(model, spread, points, weight[: len(points)].astype(np.float32), np.zeros(PARTS), neighbors)
    sums = draft.parts(others, is_unseen, is_own=is_own).sum(axis=2)
    means = np.maximum(np.average(sums, axis=1, weights=other_weight), LEAST)
    return replace(draft, means=means * [has_points, True])


def stored_model(stored: Opened, name: str) -> Reconstructor:
    """Return the autoencoder that a model file holds below a number."""
    model = load_state(stored.inside(f"model{name}"))
    if not isinstance(model, Reconstructor):
        raise ModelFileError(f"{stored.path} is damaged: a {type(model).__name__} in it is no autoencoder.")
    return model


def score_shapes(stored: Opened, name: str, size: int) -> Shapes:
    """Return the types and shapes of the arrays beside an autoencoder; some axes are as long as the file says."""
    points = stored_length(stored, f"oddness{name}.weight")
    shapes: list[tuple[int, ...]] = [(2, size), (points, size), (points,), (PARTS,)]  # in the order of TENSORS
    return {f"oddness{name}.{key}": (kind, shape) for (key, kind), shape in zip(TENSORS.items(), shapes, strict=True)}


def stored_length(stored: Opened, name: str) -> int:
    """Return how long a tensor of one axis is, 0 where it has another number of axes: then its shape is refused."""
    _, shape = stored.tensors.get(name, ("", ()))
    return shape[0] if len(shape) == 1 else 0


def _are_numbers(row: Row) -> np.ndarray:
    """Say for each column whether it holds numbers, and no categories, [d]."""
    return np.ones(row.size, bool) if row.categories is None else np.array(row.categories) == 0


def _points(model: Reconstructor, rows: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return scaled rows in units of their deviation, [n, d] float32; 0 for categories and missing values."""
    return np.nan_to_num(rows) * _are_numbers(model.fitted_.row) / deviation


def _deviation(model: Reconstructor, rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the deviation of scaled rows by column, [d]; 1 where one is constant."""
    points = _points(model, rows, np.ones(rows.shape[1], np.float32)).astype(np.float64)
    square = np.average(np.square(points - np.average(points, axis=0, weights=weight)), axis=0, weights=weight)
    return np.where(square > LEAST**2, np.sqrt(square), 1.0)


def _root_error(model: Reconstructor, rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the root of the mean error by column, squares or −log p, [d]."""
    error = model.fitted_.column_error(rows).astype(np.float64)
    root: np.ndarray = np.sqrt(np.average(error, axis=0, weights=weight))
    return root
