"""Estimates from several imputations of one table, pooled by Rubin's rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.stats

from isthmus.errors import InvalidData, require


class Pooled(NamedTuple):
    """An estimate from several imputations of a table, and how far it may be off; numbers, or arrays of one shape."""

    estimate: Any
    within: Any  # the mean of the variances
    between: Any  # the variance of the estimates
    total: Any  # the variance of the estimate
    degrees_of_freedom: Any

    def interval(self, coverage: float = 0.95) -> tuple[Any, Any]:
        """Return the ends of the interval that holds the true value with the chance `coverage`, by Student's t."""
        require(0 < coverage < 1, "coverage", "in (0, 1)", coverage)
        with np.errstate(invalid="ignore"):
            reach = scipy.stats.t.ppf((1 + coverage) / 2, self.degrees_of_freedom) * np.sqrt(self.total)
        return self.estimate - reach, self.estimate + reach


def pool(estimates: Any, variances: Any, degrees_of_freedom: float | None = None) -> Pooled:
    """Return the estimate that m imputations of a table give together, by Rubin's rules.

    Of estimates Q_i with variances U_i the pooled one is the mean Q̄, of variance T = Ū + (1 + 1/m) B, Ū the mean of U
    and B the variance of Q. Its degrees of freedom are ν = (m − 1) / λ², λ = (1 + 1/m) B / T, and, where the analysis
    of the whole table would have ν₀, 1 / (1/ν + 1/ν₁) with ν₁ = (ν₀ + 1) / (ν₀ + 3) · ν₀ (1 − λ).

    Parameters
    ----------
    estimates : of each imputation, [m] or [m, ...], at least two.
    variances : their squared standard errors, of the same shape.
    degrees_of_freedom : ν₀ of the analysis of a table without missing values, as n − p; None for a large table.

    Raises
    ------
    InvalidData
        If they are not two or more finite numbers each, or a variance is negative.

    References
    ----------
    Rubin (1987), Multiple imputation for nonresponse in surveys.
    Barnard and Rubin (1999), Small-sample degrees of freedom with multiple imputation.

    Examples
    --------
    >>> pooled = pool([1.0, 2.0, 3.0], [0.5, 0.5, 0.5])
    >>> [round(float(value), 3) for value in pooled[:4]]
    [2.0, 0.5, 1.0, 1.833]
    """
    try:
        values, spread = np.asarray(estimates, np.float64), np.asarray(variances, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(
            f"expected estimates and variances that are numbers, one for each imputation ({error})."
        ) from error
    if values.shape != spread.shape or values.ndim < 1 or len(values) < 2:
        raise InvalidData(
            f"expected estimates and variances of one shape, for at least 2 imputations; got {values.shape} and "
            f"{spread.shape}."
        )
    if not np.isfinite(values).all() or not np.isfinite(spread).all() or (spread < 0).any():
        raise InvalidData("expected finite estimates, and finite variances of at least 0.")
    is_count = degrees_of_freedom is None or degrees_of_freedom > 0
    require(is_count, "degrees_of_freedom", "above 0, or None", degrees_of_freedom)
    m = len(values)
    within, between = spread.mean(axis=0), values.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, (1 + 1 / m) * between / total, 0.0)
        freedom = (m - 1) / share**2
        if degrees_of_freedom is not None:
            observed = (degrees_of_freedom + 1) / (degrees_of_freedom + 3) * degrees_of_freedom * (1 - share)
            freedom = 1 / (1 / freedom + 1 / observed)
    return Pooled(*(value[()] for value in (values.mean(axis=0), within, between, total, freedom)))
