"""Rubin's rules, against a calculation by hand and limits that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from isthmus import InvalidData, InvalidPart, pool

ESTIMATES, VARIANCES = [10.0, 12.0, 11.0, 13.0], [2.0, 2.5, 1.5, 2.0]


def test_by_hand() -> None:
    """Mean 11.5; within 2; between (2.25 + 0.25 + 0.25 + 2.25) / 3 = 5/3; total 2 + 1.25 · 5/3 = 49/12."""
    found = pool(ESTIMATES, VARIANCES)
    assert found.estimate == 11.5
    assert found.within == 2.0
    np.testing.assert_allclose(found.between, 5 / 3)
    np.testing.assert_allclose(found.total, 49 / 12)
    # λ = (25/12) / (49/12) = 25/49, ν = 3 (49/25)²
    np.testing.assert_allclose(found.degrees_of_freedom, 3 * (49 / 25) ** 2)
    reach = scipy.stats.t.ppf(0.95, 3 * (49 / 25) ** 2) * np.sqrt(49 / 12)
    np.testing.assert_allclose(found.interval(0.9), [11.5 - reach, 11.5 + reach])


def test_a_small_table_has_fewer_degrees_of_freedom() -> None:
    """Barnard and Rubin: ν₁ = 21/23 · 20 · (1 − 25/49), and 1 / (1/ν + 1/ν₁)."""
    old, observed = 3 * (49 / 25) ** 2, 21 / 23 * 20 * 24 / 49
    found = pool(ESTIMATES, VARIANCES, degrees_of_freedom=20)
    np.testing.assert_allclose(found.degrees_of_freedom, old * observed / (old + observed))


def test_fillings_that_agree_leave_the_analysis_as_it_is() -> None:
    found = pool([3.0, 3.0, 3.0], [0.5, 0.5, 0.5], degrees_of_freedom=20)
    assert (found.estimate, found.between, found.total) == (3.0, 0.0, 0.5)
    np.testing.assert_allclose(found.degrees_of_freedom, 21 / 23 * 20)
    assert pool([3.0, 3.0], [0.5, 0.5]).degrees_of_freedom == np.inf
    low, high = pool([3.0, 3.0], [0.25, 0.25]).interval()
    np.testing.assert_allclose([low, high], 3 + 0.5 * scipy.stats.norm.ppf([0.025, 0.975]))


def test_several_estimates_are_pooled_each_by_itself() -> None:
    both = pool(np.stack([ESTIMATES, VARIANCES], axis=1), np.stack([VARIANCES, ESTIMATES], axis=1))
    for place, alone in enumerate((pool(ESTIMATES, VARIANCES), pool(VARIANCES, ESTIMATES))):
        for name in alone._fields:
            np.testing.assert_allclose(getattr(both, name)[place], getattr(alone, name))


BAD: list[tuple[Any, Any, str]] = [
    ([1.0], [1.0], r"for at least 2 imputations; got \(1,\) and \(1,\)"),
    ([1.0, 2.0], [1.0], r"of one shape, .*; got \(2,\) and \(1,\)"),
    (1.0, 1.0, "of one shape"),
    ([1.0, np.nan], [1.0, 1.0], "expected finite estimates"),
    ([1.0, 2.0], [1.0, -1.0], "at least 0"),
    (["a", "b"], [1.0, 1.0], "that are numbers, one for each imputation"),
]


@pytest.mark.parametrize(("estimates", "variances", "message"), BAD)
def test_what_cannot_be_pooled_is_refused(estimates: Any, variances: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        pool(estimates, variances)


def test_settings_are_checked() -> None:
    with pytest.raises(InvalidPart, match=r"^degrees_of_freedom must be above 0, or None\. Got 0\.$"):
        pool(ESTIMATES, VARIANCES, degrees_of_freedom=0)
    with pytest.raises(InvalidPart, match=r"^coverage must be in \(0, 1\)\. Got 1\.$"):
        pool(ESTIMATES, VARIANCES).interval(1)
