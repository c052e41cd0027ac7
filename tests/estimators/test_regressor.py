"""Regression: units, several outputs, holes among them, ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

import isthmus
from isthmus import InvalidData, InvalidPart, NetworkRegressor
from tiny import header_of, weights_of

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(300, 4))
B = np.array([[1.0, 0.5], [-2.0, 0], [0.5, 1], [0, -1]])
Y = 1e6 + 1e3 * (X @ B + 0.1 * GENERATOR.normal(size=(300, 2)))
LINEAR: dict[str, Any] = {"encoder": "mlp(())", "optimizer": "lbfgs", "validation_fraction": 0, "stops": None}


def test_a_linear_encoder_is_least_squares_in_the_units_of_y() -> None:
    for y in (Y, Y[:, 0]):
        ours = NetworkRegressor(**LINEAR, max_epochs=5).fit(X, y)
        theirs = LinearRegression().fit(X, y)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-5)
        assert ours.predict(X).shape == y.shape


def test_weight_decay_is_ridge_on_scaled_columns() -> None:
    x = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (Y[:, 0] - Y[:, 0].mean()) / Y[:, 0].std()
    ours = NetworkRegressor(**LINEAR, penalties="weight_decay(0.1)", max_epochs=5).fit(X, Y[:, 0])
    theirs = Ridge(0.1 * len(x)).fit(x, y)
    found = theirs.predict(x) * Y[:, 0].std() + Y[:, 0].mean()
    np.testing.assert_allclose(ours.predict(X), found, rtol=1e-6)


def test_an_output_that_is_missing_in_a_row_teaches_the_others() -> None:
    holed = Y.copy()
    holed[GENERATOR.random(300) < 0.4, 1] = np.nan
    ours = NetworkRegressor(**LINEAR, max_epochs=5).fit(X, holed)
    there = ~np.isnan(holed[:, 1])
    first = LinearRegression().fit(X, holed[:, 0])
    second = LinearRegression().fit(X[there], holed[there, 1])
    expected = np.stack([first.predict(X), second.predict(X)], axis=1)
    np.testing.assert_allclose(ours.predict(X), expected, rtol=1e-6)
    nullable = pd.DataFrame(holed).convert_dtypes()
    np.testing.assert_array_equal(NetworkRegressor(**LINEAR, max_epochs=5).fit(X, nullable).predict(X), ours.predict(X))


def test_shares_keep_their_range(tmp_path: Path) -> None:
    share = 1 / (1 + np.exp(-X @ B[:, 0]))
    model = NetworkRegressor(**LINEAR, target="bernoulli", max_epochs=5).fit(X, share)
    np.testing.assert_allclose(model.predict(X), share, atol=1e-3)
    with pytest.raises(
        InvalidData, match=r"^y holds 1\.5 \(row 3\), and the likelihood bernoulli needs .* \[0, 1\]\.$"
    ):
        model.fit(X, np.where(np.arange(300) == 3, 1.5, share))


def test_it_is_saved_with_its_units(tmp_path: Path) -> None:
    for y in (Y, Y[:, 0], Y[:, :1]):
        model = NetworkRegressor((4,), max_epochs=1).fit(X, y)
        model.save(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").predict(X), model.predict(X))
        assert model.predict(X).shape == y.shape
        assert model.predict(X.astype(np.float32)).dtype == np.float32


def test_weight_two_is_the_row_twice() -> None:
    x, y = X[:60], Y[:60]
    weighted = NetworkRegressor((6,), max_epochs=3).fit(x, y, np.where(np.arange(60) < 20, 2.0, 1.0))
    repeated = NetworkRegressor((6,), max_epochs=3).fit(np.vstack([x, x[:20]]), np.vstack([y, y[:20]]))
    np.testing.assert_allclose(
        header_of(weighted)["facts"]["center"], header_of(repeated)["facts"]["center"], rtol=1e-12
    )
    np.testing.assert_allclose(weights_of(weighted), weights_of(repeated), atol=1e-6)


def test_a_constant_target_is_told() -> None:
    model = NetworkRegressor((4,), max_epochs=60, optimizer="adam(0.02)").fit(X, np.full(300, 7.0))
    np.testing.assert_allclose(model.predict(X), 7, atol=0.3)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (None, r"^NetworkRegressor needs targets: call fit\(X, y\)\."),
        (np.where(np.arange(300) == 17, np.nan, 1.0), r"^y holds NaN \(missing\) in 1 row \(first: 17\): drop them\.$"),
        (np.where(np.arange(300) > 297, np.inf, 1.0), r"^y holds inf in 2 rows \(first: 298\): drop them\.$"),
        (np.zeros(7), r"^y has shape \(7,\), expected \(300,\) or \(300, outputs\)\.$"),
        (np.zeros((300, 2, 2)), r"^y has shape \(300, 2, 2\), expected \(300,\) or \(300, outputs\)\.$"),
        (["a"] * 300, r"^y holds what is no number \(.*\): NetworkRegressor needs numbers\.$"),
        (np.full(300, 1j), r"^Complex data not supported: y holds complex numbers\.$"),
        (np.full(300, 1e200), r"^y holds 1e\+200, too large to compute with\.$"),
        (
            np.column_stack([np.ones(300), np.full(300, np.nan)]),
            r"^y: expected numbers in every output; got none in output 1\.$",
        ),
    ],
)
def test_targets_that_are_none_are_refused(y: Any, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        NetworkRegressor(max_epochs=1).fit(X, y)


def test_another_number_of_outputs_is_refused_where_it_goes_on() -> None:
    model = NetworkRegressor((4,), max_epochs=1, warm_start=True).fit(X, Y)
    with pytest.raises(InvalidData, match=r"^y has 1 outputs, and the last fit had 2\.$"):
        model.fit(X, Y[:, 0])


def waves(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, targets, and the deviation of each."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, (rows, 1))
    spread = 5 * (0.1 + 0.4 * np.abs(x[:, 0]))
    return x, 100 + spread * generator.normal(size=rows), spread


@pytest.fixture(scope="module")
def scores() -> dict[str, tuple[float, float, float]]:
    """Log score, CRPS and coverage of 90 % intervals on new rows, by target."""
    x, y, _ = waves(800, 0)
    new, told, _ = waves(2000, 1)
    found = {}
    for target in ("gaussian", "gaussian(diagonal)", "mixture(3)", "histogram(20)"):
        settings: dict[str, Any] = {"optimizer": "adam(0.01)", "max_epochs": 60, "stops": None}
        model = NetworkRegressor("mlp((16,), activation=tanh)", target=target, **settings).fit(x, y)
        law = model.predict_dist(new)
        found[target] = law.log_prob(told).mean(), law.crps(told).mean(), law.coverage(told, 0.9)
    return found


@pytest.mark.parametrize("target", ["gaussian(diagonal)", "mixture(3)", "histogram(20)"])
def test_a_spread_that_is_told_beats_a_constant_one(target: str, scores: dict[str, tuple[float, float, float]]) -> None:
    log_score, crps, coverage = scores[target]
    assert log_score > scores["gaussian"][0] + 0.05
    assert crps < scores["gaussian"][1]
    assert 0.85 < coverage < 0.95


def test_the_best_log_score_is_near_that_of_the_truth(scores: dict[str, tuple[float, float, float]]) -> None:
    _, _, spread = waves(2000, 1)
    truth = -np.mean(np.log(spread)) - 0.5 * np.log(2 * np.pi) - 0.5
    assert abs(scores["gaussian(diagonal)"][0] - truth) < 0.1


def test_a_target_without_density_has_no_distribution() -> None:
    with pytest.raises(InvalidPart, match=r"'gaussian'.*'mixture'.*'histogram'"):
        NetworkRegressor((4,), max_epochs=1).fit(X, Y).predict_dist(X)
    averaged = NetworkRegressor((4,), target="gaussian", n_starts=2, combine="average", max_epochs=1).fit(X, Y)
    with pytest.raises(InvalidPart, match=r"^predict_dist answers for one network, and combine='average' keeps"):
        averaged.predict_dist(X)


def test_a_ranking_explains_no_numbers() -> None:
    for target in ("pairwise", "categorical", "hinge", "codes"):
        with pytest.raises(InvalidPart, match=r"^target must be a likelihood over numbers, as 'squared_error'\. Got"):
            NetworkRegressor(target=target).fit(X, Y)


def test_a_target_that_is_not_told_has_no_density() -> None:
    law = NetworkRegressor((4,), target="gaussian", max_epochs=1).fit(X, Y[:, 0]).predict_dist(X[:2])
    found = law.log_prob([Y[0, 0], np.nan])
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_the_score_is_over_the_targets_that_are_known() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 3))
    y = x[:, :2] + random.normal(scale=0.1, size=(60, 2))
    y[:20, 1] = np.nan
    weight = random.uniform(size=60)
    model = NetworkRegressor((4,), max_epochs=3).fit(x, y)
    found, known = model.predict(x), slice(20, None)
    due = [r2_score(y[:, 0], found[:, 0]), r2_score(y[known, 1], found[known, 1])]
    assert model.score(x, y) == pytest.approx(np.mean(due))
    due = [
        r2_score(y[:, 0], found[:, 0], sample_weight=weight),
        r2_score(y[known, 1], found[known, 1], sample_weight=weight[known]),
    ]
    assert model.score(x, y, weight) == pytest.approx(np.mean(due))
    only = np.where(np.arange(60) < 20, weight, 0)  # the second output has no row that counts
    assert model.score(x, y, only) == pytest.approx(r2_score(y[:20, 0], found[:20, 0], sample_weight=weight[:20]))


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.full((60, 2), np.nan), r"^y holds NaN \(missing\) in 60 rows \(first: 0\): drop them\.$"),
        (np.zeros(60), r"^y has 1 outputs, and the last fit had 2\.$"),
        (np.zeros((59, 2)), r"^y has shape \(59, 2\), expected \(60,\) or \(60, outputs\)\.$"),
        (np.full((60, 2), np.inf), r"^y holds inf in 60 rows"),
    ],
)
def test_a_score_refuses_what_fit_refuses(y: Any, sentence: str) -> None:
    x = np.random.default_rng(1).normal(size=(60, 3))
    model = NetworkRegressor((4,), max_epochs=0).fit(x, x[:, :2])
    with pytest.raises(InvalidData, match=sentence):
        model.score(x, y)
