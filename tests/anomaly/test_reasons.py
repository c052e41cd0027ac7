"""Reasons: a column is blamed for what the score loses when it alone is as the others expect it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus import AnomalyDetector, Autoencoder

RANDOM = np.random.default_rng(0)
MIX = RANDOM.normal(size=(2, 4))
X = RANDOM.normal(size=(150, 2)) @ MIX + 0.1 * RANDOM.normal(size=(150, 4))
NEW = RANDOM.normal(size=(20, 2)) @ MIX + 0.1 * RANDOM.normal(size=(20, 4))


def detector(**settings: Any) -> AnomalyDetector:
    return AnomalyDetector(Autoencoder(1, encoder=(), max_epochs=2), **settings)


@pytest.fixture(scope="module")
def fitted() -> AnomalyDetector:
    return detector().fit(X)


def expected_by_hand(rows: np.ndarray) -> np.ndarray:
    """Return the mean of each cell given the others by regression on them, a thousandth of a variance added."""
    rows = np.clip(rows, X.min(axis=0), X.max(axis=0))
    covariance = np.cov(X.T, ddof=0)
    covariance += 1e-3 * np.diag(np.diag(covariance))
    found = np.empty_like(rows)
    for j in range(4):
        others = np.arange(4) != j
        slope = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, j])
        found[:, j] = X[:, j].mean() + (rows[:, others] - X[:, others].mean(axis=0)) @ slope
    return found


def test_what_the_others_expect_is_their_regression(fitted: AnomalyDetector) -> None:
    wild = NEW.copy()
    wild[:5, 1] = 1e6  # counts as the largest that was seen
    for rows in (NEW, wild):
        expected, found = expected_by_hand(rows), fitted.explain(rows)["expected"].to_numpy()
        is_within = np.abs(expected) < 0.7 * np.abs(X).max(axis=0)  # others are cut to what the column can hold
        assert is_within.mean() > 0.9
        np.testing.assert_allclose(found[is_within], expected[is_within], rtol=1e-3, atol=1e-3)


def test_the_shares_are_those_of_the_falls(fitted: AnomalyDetector) -> None:
    rows = np.vstack([NEW, NEW[:4] + np.diag([0.0, 4.0, -4.0, 2.0])])
    score, expected = fitted.anomaly_score(rows), expected_by_hand(rows)
    falls = np.empty_like(rows)
    for j in range(4):
        changed = rows.copy()
        changed[:, j] = expected[:, j]
        falls[:, j] = np.maximum(score - fitted.anomaly_score(changed), 0)
    found = fitted.explain(rows)["contribution"].to_numpy()
    lowered = falls.sum(axis=1) > 0.01 * score
    assert lowered.mean() > 0.8
    due = score[:, None] * falls / np.where(lowered, falls.sum(axis=1), 1)[:, None]
    np.testing.assert_allclose(found[lowered], due[lowered], rtol=0.02, atol=0.02)
    np.testing.assert_allclose(found.sum(axis=1), score, rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"n_models": 2}, {"contamination": 0.1}, {"neighbors": 0}], ids=str)
def test_a_cell_that_is_wrong_is_blamed_itself(settings: dict[str, Any]) -> None:
    """Each of the others is told from it, and so what the columns add up to points at them as well."""
    model = detector(**settings).fit(X)
    place = np.arange(20) % 4
    wrong = NEW.copy()
    wrong[np.arange(20), place] += 3 * X.std(axis=0)[place]
    top = model.explain(wrong)["contribution"].to_numpy().argmax(axis=1)
    plain = model.anomaly_score(wrong, per_feature=True).argmax(axis=1)
    assert (top == place).mean() >= (0.9 if model.neighbors else 0.3)
    assert (top == place).sum() >= (plain == place).sum()


def test_a_wrong_category_and_a_missing_cell() -> None:
    size = np.resize([0.0, 10.0, 20.0], 150) + RANDOM.normal(size=150)
    word = np.resize(["low", "mid", "high"], 150)
    table = pd.DataFrame({"size": size, "weight": 2 * size + RANDOM.normal(size=150), "word": word})
    model = AnomalyDetector(Autoencoder(8, encoder=(16,), max_epochs=30, optimizer="adam(0.01)")).fit(table)
    wrong = pd.DataFrame({"size": [0.1, 10.0, 20.2], "weight": [0.3, 20.0, np.nan], "word": ["high", "new", "high"]})
    frame = model.explain(wrong)
    assert frame["contribution"].idxmax(axis=1)[:2].tolist() == ["word", "word"]
    assert frame["expected"]["word"].tolist() == ["low", "mid", "high"]
    np.testing.assert_allclose(frame["contribution"].sum(axis=1), model.anomaly_score(wrong), rtol=1e-12)


def test_a_row_of_the_fit_does_not_vouch_for_what_is_made_of_it() -> None:
    """With another column changed it lies beside itself, and would be usual."""
    odd = np.zeros((1, 4))
    odd[0, 2] = 9.0
    rows = np.vstack([X - X.mean(axis=0), odd])
    model = detector(contamination=0.01).fit(rows)
    assert model.explain(odd)["contribution"].to_numpy().argmax() == 2


def test_of_many_columns_the_most_suspicious_are_tried() -> None:
    rows = np.random.default_rng(1).normal(size=(60, 80))
    model = detector().fit(rows)
    wrong = rows[:10].copy()
    wrong[np.arange(10), 7 * np.arange(10)] = 8
    found = model.explain(wrong)["contribution"].to_numpy()
    assert found.argmax(axis=1).tolist() == [*range(0, 70, 7)]
    assert ((found > 0).sum(axis=1) <= 64).all()
    np.testing.assert_allclose(found.sum(axis=1), model.anomaly_score(wrong), rtol=1e-12)


def test_a_row_alone_has_the_reasons_that_it_has_among_others(fitted: AnomalyDetector) -> None:
    whole = fitted.explain(NEW)
    np.testing.assert_allclose(fitted.explain(NEW[7:8]), whole.iloc[7:8], rtol=1e-6)
