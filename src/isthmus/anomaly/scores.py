"""Anomaly scores by fitted autoencoders, by column: how far and how lonely a row is, and the reconstruction error."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from isthmus.anomaly.calibration import Calibration, Means, Surprise
from isthmus.anomaly.neighbors import LEAST, UsualRows
from isthmus.anomaly.thresholds import quantile
from isthmus.contracts import Row
from isthmus.errors import ModelFileError
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, load_state, named_state

MOST_TRIED = 16  # categories of a column
AT_ONCE = 8192  # rows, each with one of its categories changed, that are judged at a time
MOST_LINEAR = 2000  # columns that are expected as a linear function of the others
RIDGE = 1e-3  # of a variance, added to it
LEAST_SPREAD = 1e-9  # of a column
SMOOTHING = 0.01  # the share of a probability that all categories have alike
LEAST_ENTROPY = 1.0  # nats that the error of a category is measured by, at least
WITHOUT_ERROR = np.finfo(np.float32).max  # the root of the mean error of a column whose error does not count
PARTS = 3  # of a score: distance, error and density


@dataclass(frozen=True)
class NeighborScore:
    """The anomaly score by autoencoders that see rows alike: a share of it for each column.

    With x a row as the autoencoders are given it, x̂ what one makes of it, s the deviation of a column and t the root of
    its mean error, a row has three parts:

    - distance, the mean over the k nearest usual rows x_i of Σ (x - x_i)² / s²;
    - density, the same over the 10 nearest, divided by what these have to their own 10 nearest, on average;
    - error, the mean over the autoencoders of Σ (x - x̂)² / t².

    The first two sum over the columns that hold numbers, the third over all, with −log p(x) in place of (x - x̂)² where
    x is a category, p mixed with 1 % of evenly spread probability, and t² at least 1. Each part is worth the −log of
    the share of usual rows in which it is as large (see `Surprise`), errors among validation rows, and the score is the
    mean of that over parts: about 1 for usual rows. A part's worth is shared among columns as the part itself is a sum
    over columns. Without neighbors, or without numbers, only the error counts. Where rows of the training may be odd
    themselves, density does not count, nor the error of numbers, and the mean of the other two is by how many columns
    hold numbers and categories.
    """

    models: tuple[Reconstructor, ...]
    spread: np.ndarray  # [2, d] float32: s and t
    usual: UsualRows  # rows / s; none where scores are of errors only
    calibration: Calibration
    rarity: float = 0.0  # what a category adds that the fit has not had, beside its error

    @property
    def model(self) -> Reconstructor:
        """The first of the autoencoders, as which all of them see rows."""
        return self.models[0]

    @property
    def points(self) -> np.ndarray:
        return self.usual.points

    @cached_property
    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean of the usual rows in units of their deviation, [d], and the inverse of their covariance, [d, d]."""
        points, weight = self.points.astype(np.float64), self.usual.weight.astype(np.float64)
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
            points = to_points(self.model, rows, self.spread[0]).astype(np.float64)
            usual = points - (points - mean) @ inverse / np.diag(inverse)
            answer = np.where(is_number, usual * self.spread[0], answer)
        columns = np.flatnonzero(~is_number)
        if len(columns):
            answer[:, columns] = self._expected_categories(rows, columns, answer[:, columns])
        return answer.astype(np.float32)

    def nearest_usual(self, rows: np.ndarray, *, is_own: bool) -> np.ndarray:
        """Return the mean of the nearest usual rows of scaled rows of numbers [n, d], [n, d] float32.

        Without neighbors it is what the autoencoder makes of them. `is_own` is as in `contributions`.
        """
        if not len(self.points):
            return self.model.fitted_.reconstructed(rows)
        points = to_points(self.model, rows, self.spread[0])
        middle = self.usual.middle(points, points if is_own else None) * self.spread[0]
        return np.where(_are_numbers(self.model.fitted_.row), middle, rows).astype(np.float32)

    def without_furthest(self, share: float) -> NeighborScore:
        """Return the score whose usual rows lack a share of them: those that are furthest from their nearest others."""
        near = [distance.sum(axis=1) for distance, _ in self.usual.near(self.points, self.points)]
        if not near:
            return self
        distance, usual = np.concatenate(near), self.usual
        is_near = distance <= quantile(distance, usual.weight.astype(np.float64), 1 - share)
        reach = usual.reach[is_near] if usual.has_density else usual.reach
        kept = replace(usual, points=usual.points[is_near], weight=usual.weight[is_near], reach=reach)
        return replace(self, usual=kept)

    def _expected_categories(self, rows: np.ndarray, columns: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Return the categories of columns with which the autoencoder errs least over scaled rows [n, d], [n, columns].

        Of many categories only few are tried: the most probable one given the row, `first` [n, columns], and given the
        others. Few rows are tried with several at a time: a block of rows takes as long however few there are.
        """
        best, least = first.copy(), np.full(first.shape, np.inf)
        tried = ((place, cells) for place in range(len(columns)) for cells in self._tried(rows, columns, first, place))
        while part := list(itertools.islice(tried, max(AT_ONCE // len(rows), 1))):
            changed = np.repeat(rows[None], len(part), axis=0)  # [tries, n, d]
            for one, (place, cells) in zip(changed, part, strict=True):
                one[:, columns[place]] = cells
            error = self.error(changed.reshape(-1, rows.shape[1])) / self.spread[1] ** 2
            for (place, cells), total in zip(part, error.sum(axis=1).reshape(len(part), -1), strict=True):
                is_less = total < least[:, place]
                best[:, place] = np.where(is_less, cells, best[:, place])
                least[:, place] = np.minimum(total, least[:, place])
        return best

    def _tried(self, rows: np.ndarray, columns: np.ndarray, first: np.ndarray, place: int) -> list[np.ndarray]:
        """Return the categories, [n] each, that are tried for the column at a place, as `_expected_categories` says."""
        fitted, column = self.model.fitted_, int(columns[place])
        count = (fitted.row.categories or ())[column]
        if count <= MOST_TRIED:
            return [np.full(len(rows), category, np.float32) for category in range(count)]
        if not fitted.row.may_be_missing:
            return [first[:, place]]
        hidden = rows.copy()
        hidden[:, column] = np.nan
        return [first[:, place], fitted.reconstructed(hidden)[:, column]]

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
        return self.added(self.parts(rows, is_unseen, is_own=is_own, origin=origin), is_unseen)

    def added(self, parts: np.ndarray, is_unseen: np.ndarray | None = None) -> np.ndarray:
        """Return what columns add to scores by the parts of these, [3, n, d], as `contributions` does."""
        size = parts.sum(axis=2)
        factor = self.calibration.worth(size) / np.where(size > 0, size, 1)
        added = np.einsum("pn,pnd->nd", factor, parts)
        return added if is_unseen is None else added + self.rarity * is_unseen

    def parts(
        self, rows: np.ndarray, is_unseen: np.ndarray | None = None, *, is_own: bool, origin: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the parts of the score by column, [3, n, d] float64, not yet on a common scale."""
        error = self.error(rows, is_unseen) / np.square(self.spread[1], dtype=np.float64)
        parts = np.stack([np.zeros_like(error), error, np.zeros_like(error)])
        if len(self.points):
            start = 0
            points = to_points(self.model, rows, self.spread[0])
            own = to_points(self.model, rows if origin is None else origin, self.spread[0]) if is_own else None
            for distance, local in self.usual.near(points, own):
                end = start + len(distance)
                parts[0, start:end], parts[2, start:end] = distance, local
                start = end
        return parts

    def error(self, rows: np.ndarray, is_unseen: np.ndarray | None = None) -> np.ndarray:
        """Return the error of scaled rows by column, squares or −log p, [n, d] float64: the mean over autoencoders."""
        is_early = isinstance(self.calibration, Means)
        errors = [
            model.fitted_.column_error(rows, is_unseen, is_balanced=is_early).astype(np.float64)
            for model in self.models
        ]
        error: np.ndarray = np.mean(errors, axis=0) if len(errors) > 1 else errors[0]
        return error if is_early else doubted(self.model.fitted_.row, error)

    def to_state(self, name: str, first: int) -> State:
        """Return what a model file holds of it, below a number, its autoencoders numbered from the `first`."""
        arrays = {"spread": self.spread, "points": self.points, "weight": self.usual.weight}
        if not isinstance(self.calibration, Means):
            arrays["reach"] = self.usual.reach
        arrays |= {key: getattr(self.calibration, key) for key in self.calibration.tensors}
        state = State({}, {f"oddness{name}.{key}": array for key, array in arrays.items()})
        for place, model in enumerate(self.models, first):
            state |= named_state(model).inside(f"model{place}")
        return state


def fit_scores(
    models: tuple[Reconstructor, ...],
    usual: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    neighbors: int,
    *,
    is_clean: bool,
) -> NeighborScore:
    """Return the scores by fitted autoencoders that see rows alike.

    Parameters
    ----------
    usual : scaled rows, no two equal, and the weight of each: the neighbors, and the scale of distance and density.
    validation : scaled rows that the autoencoders have not learned from, and their weights: the scale of errors.
    neighbors : how many; 0 for errors only.
    is_clean : whether all rows are usual ones: then it counts how dense they lie, and the error of numbers; a row that
        is odd and was learned from errs little.
    """
    rows, weight = usual
    others, other_weight = validation
    model, size = models[0], models[0].fitted_.row.size
    is_number = _are_numbers(model.fitted_.row)
    spread = np.stack([_deviation(model, rows, weight), np.ones(size)]).astype(np.float32)
    has_points = bool(neighbors) and bool(is_number.any())
    points = to_points(model, rows, spread[0]) if has_points else np.zeros((0, size), np.float32)
    near = UsualRows(points, weight[: len(points)].astype(np.float32), neighbors)
    distance = density = np.ones(1)
    if has_points:
        settled, distance, density = near.settled()
        near = settled if is_clean else near
    blank = Surprise(np.zeros((PARTS, 1)), np.zeros((PARTS, 1)), np.ones(PARTS), np.full(PARTS, 1 / PARTS))
    draft = NeighborScore(models, spread, near, blank)
    error = draft.error(others)
    mean = np.average(error, axis=0, weights=other_weight)
    spread[1] = np.where(is_number, np.sqrt(mean) + 0.01 * spread[0], np.sqrt(np.maximum(mean, LEAST_ENTROPY)))
    if has_points and not is_clean:
        spread[1, is_number] = WITHOUT_ERROR
    error = (error / np.square(spread[1], dtype=np.float64)).sum(axis=1)
    weights = [weight[: len(distance)], other_weight, weight[: len(density)]]
    share = np.array([has_points, 1.0, near.has_density])
    if has_points and not is_clean:
        share[:2] = is_number.mean(), 1 - is_number.mean()
    return replace(draft, calibration=Surprise.of([distance, error, density], weights, share / share.sum()))


def stored_model(stored: Opened, name: str) -> Reconstructor:
    """Return the autoencoder that a model file holds below a number."""
    model = load_state(stored.inside(f"model{name}"))
    if not isinstance(model, Reconstructor):
        raise ModelFileError(f"{stored.path} is damaged: a {type(model).__name__} in it is no autoencoder.")
    return model


def calibration_kind(stored: Opened) -> type[Calibration]:
    """Return how the detector of a file brings parts to a common scale; early files do not say."""
    kind = stored.header.get("calibration", "means")
    known: Mapping[Any, type[Calibration]] = {"means": Means, "surprise": Surprise}
    if not isinstance(kind, str) or kind not in known:
        raise ModelFileError(f"{stored.path} is damaged: expected one of {', '.join(known)} as calibration.")
    return known[kind]


def score_shapes(stored: Opened, name: str, size: int) -> Shapes:
    """Return the types and shapes of the arrays beside autoencoders; some axes are as long as the file says."""
    kind, prefix = calibration_kind(stored), f"oddness{name}"
    points = stored_length(stored, f"{prefix}.weight")
    shapes: Shapes = {"spread": ("F32", (2, size)), "points": ("F32", (points, size)), "weight": ("F32", (points,))}
    if kind is not Means:
        shapes["reach"] = ("F32", (points if stored_length(stored, f"{prefix}.reach") else 0,))
    _, axes = stored.tensors.get(f"{prefix}.levels", ("", ()))
    shapes |= kind.shapes(max(axes[-1], 1) if axes else 1)
    return {f"{prefix}.{key}": shape for key, shape in shapes.items()}


def stored_score(
    stored: Opened, tensors: Mapping[str, np.ndarray], name: str, models: tuple[Reconstructor, ...], neighbors: int
) -> NeighborScore:
    """Return the scores of a file by autoencoders, from its arrays below a number."""
    kind = calibration_kind(stored)
    own = {key.removeprefix(f"oddness{name}."): array for key, array in tensors.items()}
    calibration = kind(**{key: own[key] for key in kind.tensors})
    usual = UsualRows(own["points"], own["weight"], neighbors, own.get("reach", np.zeros(0, np.float32)))
    if (
        (own["spread"] < LEAST_SPREAD).any()
        or (usual.weight <= 0).any()
        or not (usual.reach >= LEAST / 2).all()
        or not calibration.is_sound()
    ):
        raise ModelFileError(f"{stored.path} is damaged: its detector cannot be what a fit leaves.")
    return NeighborScore(models, own["spread"], usual, calibration)


def stored_length(stored: Opened, name: str) -> int:
    """Return how long a tensor of one axis is, 0 where it has another number of axes: then its shape is refused."""
    _, shape = stored.tensors.get(name, ("", ()))
    return shape[0] if len(shape) == 1 else 0


def _are_numbers(row: Row) -> np.ndarray:
    """Say for each column whether it holds numbers, and no categories, [d]."""
    return np.ones(row.size, bool) if row.categories is None else np.array(row.categories) == 0


def to_points(model: Reconstructor, rows: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return scaled rows in units of their deviation, [n, d] float32; 0 for categories and missing values."""
    return np.nan_to_num(rows) * _are_numbers(model.fitted_.row) / deviation


def _deviation(model: Reconstructor, rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the deviation of scaled rows by column, [d]; 1 where one is constant."""
    points = to_points(model, rows, np.ones(rows.shape[1], np.float32)).astype(np.float64)
    square = np.average(np.square(points - np.average(points, axis=0, weights=weight)), axis=0, weights=weight)
    return np.where(square > LEAST**2, np.sqrt(square), 1.0)


def doubted(row: Row, error: np.ndarray) -> np.ndarray:
    """Return errors by column [n, d], −log p of categories with `SMOOTHING` about p: so it has an end."""
    if row.categories is None:
        return error
    count = np.array(row.categories)
    even = SMOOTHING / np.maximum(count, 1)
    return np.where(count > 0, -np.log((1 - SMOOTHING) * np.exp(-error) + even), error)
