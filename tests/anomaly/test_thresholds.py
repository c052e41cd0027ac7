"""Levels and p-values: by hand, by SciPy, and the conformal guarantee by simulation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from isthmus.anomaly.thresholds import (
    THRESHOLDS,
    ValidationScores,
    by_conformal,
    by_pareto,
    by_quantile,
    discoveries,
    p_values,
    pareto,
    quantile,
    warn_of_few,
    warn_of_shift,
)
from isthmus.errors import InvalidData, InvalidPart

GENERATOR = np.random.default_rng(0)


def held_out(score: np.ndarray) -> ValidationScores:
    return ValidationScores(np.asarray(score, float), np.ones(len(score)))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("rows", [1, 4, 20, 37])
def test_a_quantile_is_that_of_numpy(rows: int, share: float) -> None:
    score = np.random.default_rng(rows).normal(size=rows)
    expected = np.quantile(score, share, method="averaged_inverted_cdf")
    assert quantile(score, np.ones(rows), share) == pytest.approx(expected, abs=1e-12)


def test_a_row_of_weight_two_is_the_row_twice() -> None:
    score, weight = GENERATOR.normal(size=30), GENERATOR.integers(1, 4, 30)
    twice = np.repeat(score, weight)
    for share in (0.05, 0.5, 0.8):
        assert quantile(score, weight.astype(float), share) == quantile(twice, np.ones(len(twice)), share)
    one, other = ValidationScores(score, weight.astype(float)), held_out(twice)
    for level in (by_quantile, by_conformal):
        assert level(one, 0.2) == level(other, 0.2)
    np.testing.assert_allclose(p_values(one, score), p_values(other, score), rtol=1e-12)


def test_p_values_by_hand() -> None:
    found = p_values(held_out([1, 2, 2, 5]), np.array([0, 1, 1.5, 2, 4, 5, 6]))
    np.testing.assert_allclose(found, np.array([5, 5, 4, 4, 2, 2, 1]) / 5)


def test_the_conformal_level_flags_what_has_a_small_p_value() -> None:
    score = np.round(GENERATOR.normal(size=57), 1)  # some are equal
    new = np.round(GENERATOR.normal(size=400), 1)
    for alpha in (0.02, 0.05, 0.3, 0.9):
        flagged = new > by_conformal(held_out(score), alpha)
        np.testing.assert_array_equal(flagged, p_values(held_out(score), new) <= alpha + 1e-12)


@pytest.mark.parametrize(("rows", "alpha"), [(19, 0.05), (57, 0.1), (99, 0.05)])
def test_a_usual_row_is_flagged_no_more_often_than_promised(rows: int, alpha: float) -> None:
    """Over calibrations and new rows together the rate is floor(α (m + 1)) / (m + 1): at most α."""
    trials = 20_000
    generator = np.random.default_rng(rows)
    score = generator.lognormal(sigma=2, size=(trials, rows + 1))
    flagged = [row[-1] > by_conformal(held_out(row[:-1]), alpha) for row in score]
    due = np.floor(alpha * (rows + 1) + 1e-9) / (rows + 1)
    assert due <= alpha
    assert abs(np.mean(flagged) - due) < 4 * np.sqrt(due / trials)


def test_the_plain_quantile_breaks_that_promise() -> None:
    """With few rows held out it flags more often: why there is another threshold."""
    score = np.random.default_rng(5).lognormal(sigma=2, size=(20_000, 20))
    flagged = np.mean([row[-1] > by_quantile(held_out(row[:-1]), 0.05) for row in score])
    assert flagged > 0.05 - 1e-3
    assert flagged >= np.mean([row[-1] > by_conformal(held_out(row[:-1]), 0.05) for row in score])


def test_a_pareto_tail_is_that_of_scipy() -> None:
    excess = stats.genpareto.rvs(0.3, scale=2.0, size=800, random_state=1)
    shape, scale = pareto(excess, np.ones(800))
    expected_shape, _, expected_scale = stats.genpareto.fit(excess, floc=0)
    assert shape == pytest.approx(expected_shape, abs=2e-3)
    assert scale == pytest.approx(expected_scale, rel=2e-3)
    twice = pareto(np.repeat(excess[:100], 2), np.ones(200))
    np.testing.assert_allclose(pareto(excess[:100], np.full(100, 2.0)), twice, rtol=1e-4)


def test_a_pareto_level_reaches_beyond_the_rows_held_out() -> None:
    score = np.random.default_rng(2).exponential(size=2000)
    level = by_pareto(held_out(score), 1e-4)
    assert level == pytest.approx(-np.log(1e-4), rel=0.3)  # 9.2
    assert level > score.max() * 0.9
    assert by_pareto(held_out(score), 0.2) == by_quantile(held_out(score), 0.2)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InvalidData, match=r"^threshold='conformal' with alpha=0\.05 needs 19 validation rows; got"):
        by_conformal(held_out(np.arange(18)), 0.05)
    assert by_conformal(held_out(np.arange(19)), 0.05) == 18
    with pytest.raises(InvalidData, match=r"^threshold='pareto' needs 10 validation scores above their quantile 0\.9"):
        by_pareto(held_out(np.arange(50)), 0.01)


def test_a_level_grows_where_less_may_be_flagged() -> None:
    score = held_out(np.random.default_rng(3).exponential(size=500))
    for level in THRESHOLDS.values():
        assert level(score, 0.2) < level(score, 0.05) < level(score, 0.01)


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    p = np.random.default_rng(0).random(50) ** 3
    order = np.sort(p)
    below = np.flatnonzero(order <= 0.1 * np.arange(1, 51) / 50)
    expected = p <= (order[below[-1]] if len(below) else -1)
    assert 0 < expected.sum() < 50
    np.testing.assert_array_equal(discoveries(p, 0.1), expected)
    assert discoveries(np.zeros(0), 0.1).tolist() == []


def test_of_flagged_rows_few_are_usual() -> None:
    random, shares = np.random.default_rng(1), []
    for _ in range(200):
        validation = ValidationScores(random.normal(size=500), np.ones(500))
        score = np.concatenate([random.normal(size=180), random.normal(6, 1, size=20)])
        flagged = discoveries(p_values(validation, score), 0.2)
        shares.append(flagged[:180].sum() / max(flagged.sum(), 1))
        assert flagged[180:].mean() > 0.9
    assert np.mean(shares) <= 0.2 + 2 * np.std(shares) / np.sqrt(200)


@pytest.mark.parametrize("rate", [0, 1, -0.5, "a"])
def test_a_wrong_rate_is_refused(rate: Any) -> None:
    with pytest.raises(InvalidPart, match=r"^false_discovery_rate must be in \(0, 1\)\. Got"):
        discoveries(np.ones(3), rate)


def test_far_too_many_flagged_rows_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"^60 of 200 rows are flagged, where of rows like those of fit about 10 are"):
        warn_of_shift(np.arange(200) < 60, 0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_shift(np.arange(200) < 40, 0.05)
        warn_of_shift(np.ones(5, bool), 0.05)  # a few rows may all be odd


def test_it_is_said_where_too_few_rows_are_held_out_for_any_discovery() -> None:
    """Of 99 rows p is at least 1/100. Of 50 rows k have it where k ≥ 50 · 0.01 / 0.1 = 5, or 1 of 499 rows."""
    with pytest.warns(UserWarning, match="flags no row") as caught:
        warn_of_few(held_out(np.arange(99)), 50, 0.1, is_own=False)
    assert str(caught[0].message) == (
        "false_discovery_rate=0.1 flags no row: with 99 validation rows no p-value is below 0.01, so a row is flagged "
        "only where at least 5 of the 50 rows have it. Fit on more usual rows, of which 499 are kept for validation, "
        "judge fewer rows at once, or ask for a larger rate."
    )
    score = np.where(np.arange(50) < 5, 100, 0)
    assert discoveries(p_values(held_out(np.arange(99)), score), 0.1).sum() == 5
    assert not discoveries(p_values(held_out(np.arange(99)), np.where(np.arange(50) < 4, 100, 0)), 0.1).any()
    with pytest.warns(UserWarning, match="no p-value is below 0.1, so none of these rows can be flagged"):
        warn_of_few(held_out(np.arange(9)), 50, 0.05, is_own=False)
    with pytest.warns(UserWarning, match="ranks among themselves, so hardly any row is ever flagged. Fit on usual"):
        warn_of_few(held_out(np.arange(99)), 5, 0.5, is_own=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_few(held_out(np.arange(99)), 10, 0.1, is_own=False)  # one row alone could be flagged: none is odd
