"""Predictions are followed as far as they are right on cells that were hidden: by hand, and no worse than modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder, Imputer
from isthmus.estimators._fill_calibration import FillCalibration, fit_calibration


def never(calibration: FillCalibration) -> np.ndarray:
    raise AssertionError("there are no categories")


def test_the_trust_in_numbers_is_a_slope() -> None:
    """x̂ twice as far as x: Σuv = 400, Σu² = 800; of all 450 / 850; so (400 + 100 · 9/17) / (800 + 100)."""
    x = np.tile([1.0, -1.0], 200)[:, None]
    found = fit_calibration(x, np.ones(400), (0,), [(x[:200], 2 * x[:200])], never)
    slope = (200 * 2 + 50) / (200 * 4 + 50)
    np.testing.assert_allclose(found.trust, (400 + 100 * slope) / 900)
    assert found.center.tolist() == [0.0]
    np.testing.assert_allclose(found.toward_center(np.array([[3.0]])), 3 * found.trust[0])
    assert fit_calibration(x, np.ones(400), (0,), [(x, 0.5 * x)], never).trust.tolist() == [1.0]  # never beyond 1
    np.testing.assert_allclose(fit_calibration(x, np.ones(400), (0,), [(x, -x)], never).trust, 0)


def test_the_mean_is_weighted() -> None:
    x = np.array([[0.0], [4.0], [np.nan], [100.0]])
    found = fit_calibration(x, np.array([3.0, 1.0, 1.0, 0.0]), (0,), [(x, x)], never)
    assert found.center.tolist() == [1.0]


def test_the_trust_in_categories_has_the_least_loss() -> None:
    """−log p = (a − t)² of cells of a column, best at t: of many cells its own, of few that of all."""
    counts, best = (2, 3, 0), np.array([0.2, 0.8])
    x = np.stack([np.tile([0.0, 1.0], 500), np.tile([0.0, 2.0], 500), np.zeros(1000)], axis=1)
    hidden = x.copy()
    hidden[5:, 1] = np.nan
    hidden[:, 2] = np.nan

    def log_probability(calibration: FillCalibration) -> np.ndarray:
        assert calibration.log_shares.shape == (5,)
        loss = (calibration.trust[:2] - best) ** 2 * ~np.isnan(hidden[:, :2])
        return np.concatenate([-loss, np.zeros((1000, 1))], axis=1)

    found = fit_calibration(x, np.ones(1000), counts, [(hidden, hidden)], log_probability)
    np.testing.assert_allclose(found.trust, [0.2, 0.2, 1.0], atol=0.051)
    # Shares as if each category had been there once more: 501 of 1,002, and 501, 1 and 501 of 1,003.
    np.testing.assert_allclose(np.exp(found.log_shares), [0.5, 0.5, 501 / 1003, 1 / 1003, 501 / 1003])


def test_a_value_that_half_of_a_column_holds_is_filled_in_as_such() -> None:
    """Three cells in four are 0, of which the network says 0.3; of the others, which are 4, it says 3."""
    x = np.tile([0.0, 0.0, 0.0, 4.0], 100)[:, None]
    x[:4, 0] = 5  # more than two values
    prediction = np.where(x == 0, 0.3, 3.0)
    found = fit_calibration(x, np.ones(400), (0,), [(x, prediction)], never)
    assert found.common.tolist() == [0.0]
    assert found.fill(found.toward_center(prediction))[8:12, 0].tolist() == pytest.approx([0, 0, 0, 3], abs=0.1)
    assert found.reach.tolist() == [0.5]  # an eighth of the distance of 4, and no wider one is better
    few = fit_calibration(np.arange(9.0)[:, None], np.ones(9), (0,), [(x[:9], prediction[:9])], never)
    assert few.reach.tolist() == [0.0]


def table(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return a table in which nothing tells anything of anything: a network can only learn it by heart."""
    return pd.DataFrame(
        {
            "gain": np.where(random.random(rows) < 0.9, 0.0, random.gamma(2, 1000, rows).round()),
            "work": random.choice(["private", "state", "self"], rows, p=[0.7, 0.2, 0.1]),
            "race": random.choice(["a", "b", "c"], rows, p=[0.8, 0.1, 0.1]),
            "age": random.normal(40, 9, rows).round(),
        }
    )


def test_what_cannot_be_known_is_filled_no_worse_than_by_means_and_modes() -> None:
    random = np.random.default_rng(160)
    whole = table(random, 160)
    gone = random.random(whole.shape) < 0.25
    settings: dict[str, Any] = {"encoder": (24,), "corruption": "varied_masking(0, 0.5)", "optimizer": "adam(0.01)"}
    model = Autoencoder(8, **settings, max_epochs=20, batch_size=40, stops=None, validation_fraction=0.0)
    imputer = Imputer(model).fit(lacking := whole.mask(gone))
    filled = imputer.transform(lacking)
    for place, name in ((1, "work"), (2, "race")):
        truth, mode = whole[name][gone[:, place]], lacking[name].mode()[0]
        assert (filled[name][gone[:, place]] == truth).mean() >= (truth == mode).mean() - 0.02
        share = lacking[name].value_counts(normalize=True)[mode]
        assert abs(imputer.uncertainty(lacking)[gone[:, place], place].mean() - (1 - share)) < 0.1
    truth, made = whole["gain"][gone[:, 0]], filled["gain"][gone[:, 0]]
    assert (made - truth).abs().mean() <= 1.2 * truth.abs().mean()  # the median is 0
    truth, made = whole["age"][gone[:, 3]], filled["age"][gone[:, 3]]
    assert ((made - truth) ** 2).mean() <= 1.15 * ((lacking["age"].mean() - truth) ** 2).mean()
    low, high = imputer.interval(lacking, 0.9)
    cells = filled[["gain", "age"]].to_numpy()
    assert ((low[:, [0, 3]] <= cells + 1e-3) & (cells - 1e-3 <= high[:, [0, 3]])).all()
