"""How far the predictions of cells are followed: chosen on cells that were hidden in rows kept apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from isthmus.errors import ModelFileError
from isthmus.storage.state import Shapes

TRUSTS = np.linspace(0, 1, 11)  # of which one is taken for the categories of a column
CELLS_OF_ALL = 100  # of a column, as which those of all columns count for its trust
CELLS_OF_ONE = 50  # for the trust in all numbers, as which a trust of 1 counts
LEAST_SHARE = 0.5  # of the cells of a column that hold a value which is filled in as such
LEAST_CELLS = 20  # of a column that were hidden, to tell how near to such a value is near enough
REACHES = (0.125, 0.25, 0.5)  # tried as shares of how far the other values of the column usually are from such a one
BY_COLUMN, LOG_SHARES = "calibration", "log_shares"  # names in a file
ALWAYS = float(np.finfo(np.float64).max)  # a reach


@dataclass(frozen=True)
class FillCalibration:
    """How far the predictions of cells are followed, by column of scaled rows.

    With trust a, a number is expected to be c + a (x̂ − c), c the mean of its column; what is nearer than a reach to the
    most common value of the column is filled with that value. The probabilities of categories are p̂ᵃ s¹⁻ᵃ over their
    sum, s the shares of the categories in the rows of the fit: with a = 1 those of the network, with a = 0 the shares.
    """

    counts: tuple[int, ...]  # [d], how many categories a column has, 0 for numbers
    trust: np.ndarray  # [d], in [0, 1]
    center: np.ndarray  # [d]
    common: np.ndarray  # [d]
    reach: np.ndarray  # [d], 0 where no value is filled in as such
    log_shares: np.ndarray  # [the categories of all columns], log s, column after column

    @classmethod
    def none(cls, counts: Sequence[int]) -> Self:
        """Return that of a network that is followed as it is."""
        d = len(counts)
        return cls(tuple(counts), np.ones(d), np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(sum(counts)))

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what a model file holds of it."""
        by_column = np.stack([self.trust, self.center, self.common, self.reach])
        return {BY_COLUMN: by_column} | ({LOG_SHARES: self.log_shares} if any(self.counts) else {})

    def as_float32(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the trust and the logarithms of the shares as the network computes with them."""
        return self.trust.astype(np.float32), self.log_shares.astype(np.float32)

    def toward_center(self, mean: np.ndarray) -> np.ndarray:
        """Return predictions [n, d], those of numbers pulled towards the mean of their column.

        Examples
        --------
        >>> half = replace(FillCalibration.none((0, 0)), trust=np.array([0.5, 1.0]), center=np.array([2.0, 2.0]))
        >>> half.toward_center(np.array([[4.0, 4.0]])).tolist()
        [[3.0, 4.0]]
        """
        is_pulled = (np.array(self.counts) == 0) & (self.trust < 1)
        return np.where(is_pulled, self.center + self.trust * (mean - self.center), mean)

    def fill(self, mean: np.ndarray) -> np.ndarray:
        """Return what cells that are expected to be `mean` [n, d] are filled with, [n, d]."""
        return np.where(np.abs(mean - self.common) < self.reach, self.common, mean)


def calibration_shapes(names: Collection[str], counts: Sequence[int]) -> Shapes:
    """Return the types and shapes of the tensors of a file, which earlier versions have not written."""
    if BY_COLUMN not in names and LOG_SHARES not in names:
        return {}
    shapes: Shapes = {BY_COLUMN: ("F64", (4, len(counts)))}
    return shapes | ({LOG_SHARES: ("F64", (sum(counts),))} if any(counts) else {})


def stored_calibration(tensors: Mapping[str, np.ndarray], counts: Sequence[int]) -> FillCalibration:
    """Return the calibration of a file; of one that has none, that of a network which is followed as it is.

    Raises
    ------
    ModelFileError
        If a trust is not in [0, 1], or a reach below 0.
    """
    plain = FillCalibration.none(counts)
    if BY_COLUMN not in tensors:
        return plain
    trust, center, common, reach = tensors[BY_COLUMN]
    if ((trust < 0) | (trust > 1) | (reach < 0)).any():
        raise ModelFileError("the file is damaged: its calibration is none that a fit leaves.")
    return FillCalibration(plain.counts, trust, center, common, reach, tensors.get(LOG_SHARES, plain.log_shares))


def fit_calibration(
    x: np.ndarray,
    weight: np.ndarray,
    counts: Sequence[int],
    hidden: Sequence[tuple[np.ndarray, np.ndarray]],
    log_probability: Callable[[FillCalibration], np.ndarray],
) -> FillCalibration:
    """Return how far predictions are followed, by those of cells that were hidden at random.

    The trust in numbers is the slope of least squares, (Σ u v + 100 b) / (Σ u² + 100), u = x̂ − c and v = x − c in
    standard deviations and b the slope in all columns, (Σ u v + 50) / (Σ u² + 50), both within [0, 1]. That in
    categories has the least Σ −log p of the hidden cells, and 100 times their mean in all columns. A reach is
    an eighth, a quarter or half of the median distance of the other values, or without end: the last that lowers the
    sum of the mean absolute and the mean squared error, each divided by what it is without a reach, by more than a
    standard error, and two for one without end.

    Parameters
    ----------
    x : scaled rows of the fit [n, d], NaN where a cell is missing; weight [n].
    counts : how many categories columns have, 0 for numbers, [d].
    hidden : hidden cells and their predictions, [m, d] each, NaN where none was hidden; of as many times as wanted.
    log_probability : of hidden categories by a calibration, [m, d], 0 where none was hidden.
    """
    plain = FillCalibration.none(counts)
    shares = [_shares(x[:, place], weight, count) for place, count in enumerate(counts) if count]
    plain = replace(plain, log_shares=np.log(np.concatenate([*shares, np.zeros(0)])))
    numbers = np.flatnonzero(np.array(counts) == 0)
    trust = _trust_in_categories(plain, hidden, log_probability)
    center, spread = _center_and_spread(x[:, numbers], weight)
    truth, mean = (np.concatenate(parts)[:, numbers] for parts in zip(*hidden, strict=True))
    trust[numbers] = _trust_in_numbers((truth - center) / spread, (mean - center) / spread)
    centers = plain.center.copy()
    centers[numbers] = center
    pulled = replace(plain, trust=trust, center=centers)
    return _find_frequent_values(pulled, x, weight, hidden)


def _shares(column: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """Return the shares of categories in a column [n], as if each had been there once more, [count]."""
    is_there = ~np.isnan(column)
    totals: np.ndarray = np.bincount(column[is_there].astype(np.int64), weight[is_there], count) + 1
    return totals / totals.sum()


def _center_and_spread(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of columns of numbers [n, d], NaN not counted; 1 where that is 0."""
    mass = np.where(np.isnan(x), 0, weight[:, None])
    total = np.maximum(mass.sum(axis=0), 1e-12)
    center = (np.nan_to_num(x) * mass).sum(axis=0) / total
    spread = np.sqrt((np.nan_to_num(x - center) ** 2 * mass).sum(axis=0) / total)
    return center, np.where(spread > 0, spread, 1.0)


def _trust_in_numbers(truth: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the trust in columns of numbers, of hidden cells and predictions in deviations from the mean, [m, d]."""
    product, square = np.nansum(truth * mean, axis=0), np.nansum(mean**2, axis=0)
    of_all = np.clip((product.sum() + CELLS_OF_ONE) / (square.sum() + CELLS_OF_ONE), 0, 1)
    trust: np.ndarray = np.clip((product + CELLS_OF_ALL * of_all) / (square + CELLS_OF_ALL), 0, 1)
    return trust


def _trust_in_categories(
    plain: FillCalibration,
    hidden: Sequence[tuple[np.ndarray, np.ndarray]],
    log_probability: Callable[[FillCalibration], np.ndarray],
) -> np.ndarray:
    """Return the trust in columns of categories, [d], 1 for numbers."""
    d, is_category = len(plain.counts), np.array(plain.counts) > 0
    cells = np.sum([(~np.isnan(truth)).sum(axis=0) for truth, _ in hidden], axis=0)[is_category]
    if not is_category.any() or not cells.sum():
        return np.ones(d)
    trusts = [replace(plain, trust=np.full(d, trust)) for trust in TRUSTS]
    loss = np.stack([-log_probability(trust).sum(axis=0)[is_category] for trust in trusts])  # [trusts, columns]
    loss += CELLS_OF_ALL * loss.sum(axis=1, keepdims=True) / cells.sum()
    trust = np.ones(d)
    trust[is_category] = TRUSTS[loss.argmin(axis=0)]
    return trust


def _find_frequent_values(
    calibration: FillCalibration,
    x: np.ndarray,
    weight: np.ndarray,
    hidden: Sequence[tuple[np.ndarray, np.ndarray]],
) -> FillCalibration:
    """Return the calibration with the values that half of a column's cells hold, and how near to them is enough."""
    common, reach = calibration.common.copy(), calibration.reach.copy()
    truths, means = (np.concatenate(parts) for parts in zip(*hidden, strict=True))
    means = calibration.toward_center(means)
    for place in np.flatnonzero(np.array(calibration.counts) == 0):
        is_there = ~np.isnan(x[:, place])
        values, which = np.unique(x[is_there, place], return_inverse=True)
        mass = np.bincount(which, weight[is_there], len(values))
        is_hidden = ~np.isnan(truths[:, place])
        if len(values) < 3 or mass.max() < LEAST_SHARE * mass.sum() or is_hidden.sum() < LEAST_CELLS:
            continue
        common[place] = values[mass.argmax()]
        far = float(np.median(np.abs(x[is_there, place][x[is_there, place] != common[place]] - common[place])))
        reach[place] = _reach(truths[is_hidden, place], means[is_hidden, place], common[place], far)
    return replace(calibration, common=common, reach=reach)


def _reach(truth: np.ndarray, mean: np.ndarray, value: float, far: float) -> float:
    """Return how near to a value predictions `mean` [m] of cells `truth` [m] are to be, to be replaced by it.

    `far` is how far the other values of the column usually are from it.
    """
    distance = np.abs(mean - value)
    reaches = np.array([0.0, *(share * far for share in REACHES), ALWAYS])
    errors = np.abs(np.where(distance < reaches[:, None], value, mean) - truth)  # [reaches, m]
    absolute, squared = errors[0].mean(), (errors[0] ** 2).mean()
    if squared == 0:
        return 0.0
    losses, best = errors / absolute + errors**2 / squared, 0
    for place, doubt in enumerate((*(1 for _ in REACHES), 2), start=1):
        gain = losses[best] - losses[place]
        if gain.mean() > doubt * gain.std() / np.sqrt(len(gain)):
            best = place
    return float(reaches[best])
