"""To mean 0 and deviation 1, a skewed column by way of its ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special

from isthmus.contracts import Arrays, Blocks, Scaling
from isthmus.errors import require, require_within
from isthmus.parts.scalings._moments import LEAST_SPREAD, moments, skewness
from isthmus.parts.scalings._sampling import sampled

MOST_QUANTILES = 100_000
MOST_ROWS = 10_000_000  # that quantiles are taken of
NEAR = 0.25  # of the limit of skewness: columns so near to it are taken partly by their ranks
FARTHEST = 30.0  # beyond the ends, that is undone: sinh of it is 5e12 deviations


@dataclass(frozen=True)
class Normal(Scaling):
    """(x − mean) / deviation by column; a skewed column takes the place of its ranks in a normal distribution.

    A column is skewed where |E[(x − mean)³] / deviation³| is above `skew`, the highest and the lowest hundredth of its
    values drawn in, so that a few absurd ones do not decide it. Its value x becomes Φ⁻¹(r), with Φ the normal
    distribution function and r the share of rows below x, half of those equal to it counted too; then all are brought
    to mean 0 and deviation 1. Beyond the rows of the training it goes on by asinh of the distance in deviations, an
    even column in a straight line. From 3/4 to 5/4 of `skew` both count, in a share that rises evenly, so that no
    column hangs on a few rows.

    Distances between rows are then not ruled by the few columns with a long tail, and columns that are already even
    keep their shape.

    Parameters
    ----------
    skew : columns of more skewness than about this go by their ranks; 0 takes all that are skewed at all.
    quantiles : how many values are kept of such a column, between which lines are drawn.
    rows : ranks are taken from at most about so many rows, evenly spaced through the table.

    References
    ----------
    Van der Waerden (1952), Order tests for the two-sample problem: normal scores.

    Examples
    --------
    >>> x = np.array([[1.0], [10.0], [1000.0]])
    >>> learned = Normal(skew=0.5).fit(lambda: iter([(x, np.ones(3))]))
    >>> Normal(skew=0.5).apply(learned, x).ravel().round(3).tolist()
    [-1.225, 0.0, 1.225]
    """

    skew: float = 1.0
    quantiles: int = 200
    rows: int = 100_000

    learned = ("values", "scores", "deviation", "is_ranked")
    axes = 2

    def __post_init__(self) -> None:
        require(self.skew >= 0, "Normal.skew", "at least 0", self.skew)
        require_within(self.quantiles, 2, MOST_QUANTILES, "Normal.quantiles")
        require_within(self.rows, 2, MOST_ROWS, "Normal.rows")

    def fit(self, blocks: Blocks) -> Arrays:
        mean, deviation = moments(blocks)
        x, weight = sampled(blocks, self.rows)
        count = min(self.quantiles, len(x))
        x, weight = x[weight > 0], weight[weight > 0]
        skew = np.array([abs(skewness(column, weight)) for column in ((x - mean) / deviation).T])
        share = np.clip((skew - (1 - NEAR) * self.skew) / max(2 * NEAR * self.skew, LEAST_SPREAD), 0, 1)
        lines = {
            int(column): _partly_normal(x[:, column], weight, share[column], count, (mean[column], deviation[column]))
            for column in np.flatnonzero(share)
        }
        ends = np.linspace(-1, 1, count)[:, None]
        values, scores = mean + deviation * ends, np.repeat(ends, len(mean), axis=1)
        for column, (value, score) in lines.items():
            last = count - len(value)
            values[:, column], scores[:, column] = np.pad(value, (0, last), "edge"), np.pad(score, (0, last), "edge")
        return {
            "values": values,
            "scores": scores,
            "deviation": deviation[None],
            "is_ranked": (share > 0).astype(np.float64)[None],
        }

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        values, scores, deviation, is_ranked = (learned[name] for name in self.learned)
        beyond = (x - np.clip(x, values[0], values[-1])) / deviation
        return _along(values, scores, x) + np.where(is_ranked > 0, np.arcsinh(beyond), beyond)

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        values, scores, deviation, is_ranked = (learned[name] for name in self.learned)
        beyond = x - np.clip(x, scores[0], scores[-1])
        far = np.sinh(np.clip(beyond, -FARTHEST, FARTHEST))
        return _along(scores, values, x) + np.where(is_ranked > 0, far, beyond) * deviation


def _partly_normal(
    column: np.ndarray, weight: np.ndarray, share: float, most: int, moments: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return values of a column [n], no two equal, at most `most`, and what they become, of deviation 1 over [n].

    That is `share` times their normal scores, and for the rest they themselves, standardised.
    """
    value, place = np.unique(column, return_inverse=True)
    mass = np.bincount(place, weight)
    below = np.cumsum(mass)
    score = _standardised(scipy.special.ndtri((below - mass / 2) / below[-1]), mass)
    score = _standardised(share * score + (1 - share) * _standardised((value - moments[0]) / moments[1], mass), mass)
    if len(value) > most:  # half of them at even ranks, half at even scores, which keeps the tails
        ranks = np.searchsorted(below, np.linspace(0, below[-1], most // 2))
        tails = np.searchsorted(score, np.linspace(score[0], score[-1], most - most // 2))
        kept = np.union1d(ranks.clip(0, len(value) - 1), tails)
        value, score = value[kept], score[kept]
    return value, score


def _standardised(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values [n] at mean 0 and deviation 1; a constant one at 0."""
    away = value - np.average(value, weights=weight)
    spread = np.sqrt(np.average(np.square(away), weights=weight))
    return away / (spread if spread > LEAST_SPREAD else 1.0)


def _along(start: np.ndarray, end: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return where `x` [n, d] lands on the lines by column from points `start` to points `end`, [points, d] each."""
    columns = [np.interp(column, a, b) for column, a, b in zip(x.T, start.T, end.T, strict=True)]
    return np.stack(columns, axis=1) if columns else x.astype(np.float64)
