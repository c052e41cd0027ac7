"""Mean, deviation and skewness of columns of weighted rows."""

from __future__ import annotations

import numpy as np

from isthmus.contracts import Blocks

TINY = 1e-140  # below, squares lose digits
LEAST_SPREAD = 1e-9  # of a column in units of its deviation
ENDS = 0.01  # the share of values at each end that is drawn in to tell skewness


def moments(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and deviation of each column, [d] each; the deviation of a constant column is 1."""
    total = sum(float(weight.sum()) for _, weight in blocks())
    # From the first row on: a constant column then sums to exactly zero, and a large mean costs no digits.
    origin = next(iter(blocks()))[0][0].astype(np.float64)
    mean = origin + np.sum([weight @ (x - origin) for x, weight in blocks()], axis=0) / total
    # A second pass, since E[x²] − E[x]² loses every digit where the mean is large.
    deviation = np.sqrt(np.sum([weight @ np.square(x - mean) for x, weight in blocks()], axis=0) / total)
    if (deviation < TINY).any():  # and a third, of numbers whose squares are no numbers any more
        reach = np.max([np.abs(x - mean).max(axis=0) for x, _ in blocks()], axis=0)
        reach = np.where(reach > 0, reach, 1.0)
        ratio = np.sqrt(np.sum([weight @ np.square((x - mean) / reach) for x, weight in blocks()], axis=0) / total)
        deviation = np.where(deviation < TINY, reach * ratio, deviation)
    is_constant = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(is_constant, 1.0, deviation)


def skewness(column: np.ndarray, weight: np.ndarray) -> float:
    """Return E[(x − mean)³] / deviation³ of a column [n], its ends drawn in; 0 of a constant one."""
    order = np.argsort(column, kind="stable")
    mass = weight[order]
    middle = np.cumsum(mass) - mass / 2
    share = min(max(ENDS, 1.5 / mass.sum()), 0.25)  # of few rows one at each end
    column = np.clip(column, *np.interp([share, 1 - share], middle / mass.sum(), column[order]))
    away = column - np.average(column, weights=weight)
    deviation = np.sqrt(np.average(np.square(away), weights=weight))
    return float(np.average((away / deviation) ** 3, weights=weight)) if deviation > LEAST_SPREAD else 0.0
