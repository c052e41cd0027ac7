"""Thresholds of an anomaly score, and p-values of rows, from the scores of validation rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats

from isthmus.core.constraints import Constraint, Interval
from isthmus.errors import InvalidData, require, suggestion

TAIL = 0.1  # the share of validation scores that the Pareto tail is fitted to
LEAST_PEAKS = 10  # that a tail is fitted to
SLACK = 1e-9  # of numbers that are rounded up, since divisions are not exact
SHIFT, LEAST_SHIFTED = 3, 10  # times as many flagged rows as expected, and so many more, are a sign of a shift


class ValidationScores(NamedTuple):
    """Anomaly scores of usual rows that nothing was learned from; weight 2 counts as the row twice."""

    score: np.ndarray  # [m] float64
    weight: np.ndarray  # [m] float64, above 0


def quantile(score: np.ndarray, weight: np.ndarray, share: float) -> float:
    """Return the level that a share of weighted scores stays below: the mean of its lowest and highest.

    Examples
    --------
    >>> quantile(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4), 0.5)
    2.5
    """
    order = np.argsort(score, kind="stable")
    score, mass = score[order], np.cumsum(weight[order])
    level = share * mass[-1]
    slack = 1e-9 * mass[-1]  # sums of weights are not exact
    last = len(score) - 1
    low, high = np.searchsorted(mass, level - slack, "left"), np.searchsorted(mass, level + slack, "right")
    return float((score[min(low, last)] + score[min(high, last)]) / 2)


def by_quantile(validation: ValidationScores, alpha: float) -> float:
    """Return the quantile 1 - α of the validation scores."""
    return quantile(validation.score, validation.weight, 1 - alpha)


def by_conformal(validation: ValidationScores, alpha: float) -> float:
    """Return the level above which conformal p-values are at most α: P(flag | usual) ≤ α, however scores are spread.

    Raises
    ------
    InvalidData
        If there are too few validation rows for a p-value to be so small.

    References
    ----------
    Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world. Bates et al. (2023), Testing for
    outliers with conformal p-values.
    """
    order = np.argsort(-validation.score, kind="stable")
    total = validation.weight.sum()
    allowed = alpha * (total + 1) - 1  # so much may score at least as high as a row that is flagged
    if allowed < -1e-9:
        least = int(np.ceil(1 / alpha - 1 - 1e-9))
        raise InvalidData(
            f"threshold='conformal' with alpha={alpha:g} needs {least} validation rows; got {total:g}. Pass more "
            "rows, or use a larger alpha or threshold='quantile'."
        )
    mass = np.cumsum(validation.weight[order])
    place = int(np.searchsorted(mass, allowed + 1e-9, "right"))
    return float(validation.score[order][min(place, len(mass) - 1)])


def by_pareto(validation: ValidationScores, alpha: float) -> float:
    """Return the quantile 1 - α of a generalised Pareto distribution fitted to the highest tenth of scores.

    With u the start of the tail, ζ the share above it: u + σ/ξ ((α/ζ)^-ξ - 1). So α may be far smaller than one over
    the number of validation rows. At α of a tenth or more it is the plain quantile.

    Raises
    ------
    InvalidData
        If fewer than 10 scores stand in the tail.

    References
    ----------
    Pickands (1975), Statistical inference using extreme order statistics. Siffer et al. (2017), Anomaly detection in
    streams with extreme value theory.
    """
    if alpha >= TAIL:
        return by_quantile(validation, alpha)
    start = by_quantile(validation, TAIL)
    peaks = validation.score > start
    if np.count_nonzero(peaks) < LEAST_PEAKS:
        raise InvalidData(
            f"threshold='pareto' needs {LEAST_PEAKS} validation scores above their quantile {1 - TAIL:g}; got "
            f"{np.count_nonzero(peaks)} of {len(peaks)}. Pass more rows, or use threshold='quantile'."
        )
    weight = validation.weight[peaks]
    shape, scale = pareto(validation.score[peaks] - start, weight)
    share = weight.sum() / validation.weight.sum()
    return start + float(scipy.stats.genpareto.isf(alpha / share, shape, scale=scale))


def pareto(excess: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return shape ξ and scale σ of the generalised Pareto distribution with the highest likelihood of `excess` [m].

    Examples
    --------
    >>> shape, scale = pareto(scipy.stats.expon.ppf(np.linspace(0.001, 0.999, 999)), np.ones(999))
    >>> round(shape, 1) + 0.0, round(scale, 1)
    (0.0, 1.0)
    """
    unit = float(np.average(excess, weights=weight))

    def loss(at: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            density = scipy.stats.genpareto.logpdf(excess / unit, at[0], scale=np.exp(at[1]))
        value = -np.average(density, weights=weight)
        return float(value) if np.isfinite(value) else 1e10

    starts = [np.array([shape, 0.0]) for shape in (0.1, -0.1)]
    options = {"xatol": 1e-8, "fatol": 1e-12, "maxiter": 2000}
    fits = [scipy.optimize.minimize(loss, at, method="Nelder-Mead", options=options) for at in starts]
    best = min(fits, key=lambda result: result.fun).x
    # A shape below -1 has no highest likelihood: the density piles up at its end.
    return max(float(best[0]), -1.0), unit * float(np.exp(best[1]))


def p_values(validation: ValidationScores, score: np.ndarray) -> np.ndarray:
    """Return (1 + Σ w_i [s_i ≥ s]) / (1 + Σ w_i) for each score s: conformal p-values.

    Examples
    --------
    >>> p_values(ValidationScores(np.array([1.0, 2.0, 3.0]), np.ones(3)), np.array([0.0, 2.0, 9.0])).tolist()
    [1.0, 0.75, 0.25]
    """
    order = np.argsort(validation.score, kind="stable")
    mass = np.concatenate([[0.0], np.cumsum(validation.weight[order])])
    below = mass[np.searchsorted(validation.score[order], score, "left")]
    answer: np.ndarray = (1 + mass[-1] - below) / (1 + mass[-1])
    return answer


def discoveries(p: np.ndarray, rate: float) -> np.ndarray:
    """Say which rows are flagged by p-values [n] so that of those at most a share `rate` is usual, on average, [n].

    Raises
    ------
    InvalidPart
        If the rate is not in (0, 1).

    References
    ----------
    Benjamini and Hochberg (1995), Controlling the false discovery rate. Bates et al. (2023), Testing for outliers with
    conformal p-values: it holds for p-values of one set of validation rows.

    Examples
    --------
    >>> discoveries(np.array([0.001, 0.02, 0.04, 0.9]), 0.05).tolist()
    [True, True, False, False]
    """
    Interval(0, 1, closed="neither").check("false_discovery_rate", rate)
    answer: np.ndarray = scipy.stats.false_discovery_control(p) <= rate if len(p) else np.zeros(0, bool)
    return answer


def warn_of_few(validation: ValidationScores, rows: int, rate: float, is_own: bool) -> None:
    """Warn where p-values cannot be small enough for a few of so many rows to be flagged at a rate.

    The k most anomalous rows are flagged where the largest of their p-values is at most rate · k / rows, and none is
    below 1 / (1 + Σ w_i).

    Parameters
    ----------
    is_own : whether the validation rows are those of the fit, all of which were learned from.
    """
    mass = float(validation.weight.sum())
    least = 1 / (1 + mass)
    together = math.ceil(rows * least / rate - SLACK)
    if is_own:
        why = (
            "p-values of rows that were learned from are their ranks among themselves, so hardly any row is ever "
            "flagged. Fit on usual rows (contamination='auto'), and judge others."
        )
    elif together > 1:
        enough = "none of these rows can be flagged"
        if together <= rows:
            enough = f"a row is flagged only where at least {together:,} of the {rows:,} rows have it"
        why = (
            f"with {mass:g} validation rows no p-value is below {least:.2g}, so {enough}. Fit on more usual rows, of "
            f"which {math.ceil(rows / rate - 1 - SLACK):,} are kept for validation, judge fewer rows at once, or ask "
            "for a larger rate."
        )
    else:
        return
    warnings.warn(f"false_discovery_rate={rate:g} flags no row: {why}", UserWarning, stacklevel=3)


def warn_of_shift(is_odd: np.ndarray, alpha: float) -> None:
    """Warn where of rows [n] far more are flagged than the share α of usual rows that may be."""
    count, expected = int(np.count_nonzero(is_odd)), alpha * len(is_odd)
    if count > SHIFT * expected + LEAST_SHIFTED:
        warnings.warn(
            f"{count} of {len(is_odd)} rows are flagged, where of rows like those of fit about {expected:.0f} are: "
            "they may be of another time or place. Fit on rows of all times and places, or expect so many.",
            UserWarning,
            stacklevel=3,
        )


Threshold = Callable[[ValidationScores, float], float]
THRESHOLDS: dict[str, Threshold] = {"quantile": by_quantile, "conformal": by_conformal, "pareto": by_pareto}
"""The level above which a row is an outlier, from validation scores and the share α of usual rows that may be."""


class ThresholdName(Constraint):
    """The name of a way to a threshold."""

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(map(repr, THRESHOLDS))}"

    def holds(self, value: Any) -> bool:
        return isinstance(value, str) and value in THRESHOLDS

    def check(self, name: str, value: Any) -> None:
        allowed = self.allowed + suggestion(str(value), THRESHOLDS).rstrip("?")
        require(self.holds(value), name, allowed, value)
