"""Where the rows of a table lie, column by column: what densities start from."""

from __future__ import annotations

import numpy as np

EVEN = 0.01  # the part of evenly spaced edges in those by quantiles: no bin is empty of width
FINEST = 1e-4  # the narrowest bin, as a share of the values: numbers of 32 bits tell its ends apart


def quantiles(x: np.ndarray, weight: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return weighted quantiles `q` [m] of the columns of `x` [n, d], [m, d]; NaN entries do not count.

    A row of weight 2 counts as the row twice. A column without entries counts as one of zeros.

    Examples
    --------
    >>> quantiles(np.array([[1.0], [2.0], [5.0]]), np.array([1.0, 1.0, 2.0]), np.array([0.0, 0.5, 0.75])).tolist()
    [[1.0], [2.0], [5.0]]
    """
    return np.stack([_of_column(column, weight, q) for column in np.asarray(x, np.float64).T], axis=1)


def edges(x: np.ndarray, weight: np.ndarray, bins: int, by_quantile: bool, margin: float = 0.01) -> np.ndarray:
    """Return the edges of `bins` bins of each column of `x` [n, d], increasing, [bins + 1, d].

    They go from the lowest value less a share of the range, the margin, to the highest and as much more, evenly spaced
    or at quantiles. A column with one value gets a range of 1.
    """
    q = np.linspace(0, 1, bins + 1)
    by_share = quantiles(x, weight, q)
    low, high = by_share[0], by_share[-1]
    span = np.where(high > low, (1 + 2 * margin) * (high - low), 1.0)
    span = np.maximum(span, FINEST * bins * np.maximum(np.abs(low), np.abs(high)))
    even = (low + high) / 2 + span * (q[:, None] - 0.5)
    even[0], even[-1] = np.minimum(even[0], low), np.maximum(even[-1], high)  # without a margin they may be rounded in
    if not by_quantile:
        return even
    by_share[0], by_share[-1] = even[0], even[-1]
    return (1 - EVEN) * by_share + EVEN * even


def _of_column(column: np.ndarray, weight: np.ndarray, q: np.ndarray) -> np.ndarray:
    counts = (weight > 0) & ~np.isnan(column)
    if not counts.any():
        return np.zeros(len(q))
    return np.quantile(column[counts], q, weights=weight[counts].astype(np.float64), method="inverted_cdf")
