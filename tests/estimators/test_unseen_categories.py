"""A category that the fit has not had stays where it is, is no missing cell, and is at least as odd as the rarest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from isthmus import AnomalyDetector, Autoencoder, Imputer
from tiny import autoencoder, header_of, scaled

ROWS = 80
RANDOM = np.random.default_rng(0)
A = RANDOM.normal(size=ROWS)
FRAME = pd.DataFrame({"a": A, "b": A + 0.1 * RANDOM.normal(size=ROWS), "t": np.where(A > 0, "Ulm", "Rom")})
NEW = pd.DataFrame({"a": [0.5], "b": [0.4], "t": ["Bonn"]})
RANKS: Any = pd.CategoricalDtype(["Rom", "Ulm"], ordered=True)

FORMS: dict[str, tuple[Any, Any]] = {
    "str": (FRAME, NEW),
    "object": (FRAME.astype({"t": object}), NEW.astype({"t": object})),
    "category": (FRAME.astype({"t": "category"}), NEW.astype({"t": "category"})),
    "declared": (FRAME.astype({"t": pd.CategoricalDtype(["Bonn", "Rom", "Ulm"])}), NEW.astype({"t": "category"})),
    "ordered": (FRAME.astype({"t": RANKS}), NEW),
    "whole numbers": (FRAME.assign(t=pd.Categorical((A > 0) * 7)), NEW.assign(t=pd.Categorical([5]))),
    "polars": (pl.from_pandas(FRAME), pl.from_pandas(NEW)),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_stays_in_its_cell_and_only_missing_cells_are_filled(form: str) -> None:
    table, new = FORMS[form]
    lacking = new.assign(b=np.nan) if isinstance(new, pd.DataFrame) else new.with_columns(b=pl.lit(None, pl.Float64))
    imputer = Imputer(autoencoder(corruption="varied_masking")).fit(table)
    assert imputer.missing(lacking).tolist() == [[False, True, False]]
    for filled in (imputer.transform(lacking), *imputer.impute(lacking, 2)):
        assert list(filled["t"]) == list(new["t"])
        assert np.isfinite(filled["b"][0])
    uncertainty, (low, high) = imputer.uncertainty(lacking), imputer.interval(lacking)
    assert uncertainty[0, 2] == 0 < uncertainty[0, 1]
    assert np.isnan([low[0, 2], high[0, 2]]).all()


@pytest.mark.parametrize("form", FORMS)
def test_it_is_an_outlier_and_named(form: str) -> None:
    table, new = FORMS[form]
    detector = AnomalyDetector(autoencoder()).fit(table)
    assert detector.predict(new).tolist() == [-1]
    assert detector.p_values(new).tolist() == [1 / (1 + 0.2 * ROWS)]  # no validation row, of 16, scores as high
    explained = detector.explain(new) if isinstance(new, pd.DataFrame) else detector.explain(new.to_pandas())
    assert explained["contribution"].loc[0].idxmax() == "t"
    hidden = new.assign(t=None) if isinstance(new, pd.DataFrame) else new.with_columns(t=pl.lit(None, pl.String))
    assert detector.anomaly_score(hidden)[0] < detector.anomaly_score(new)[0]  # missing is another matter


@pytest.mark.parametrize("form", FORMS)
def test_it_is_at_most_as_probable_as_the_least_probable(form: str) -> None:
    table, new = FORMS[form]
    model = autoencoder().fit(table)
    scores = model.score_samples(new)
    hidden = new.assign(t=None) if isinstance(new, pd.DataFrame) else new.with_columns(t=pl.lit(None, pl.String))
    np.testing.assert_allclose(scores - model.score_samples(hidden), -np.log(ROWS + 1), rtol=1e-5)
    errors = model.reconstruction_error(new, per_feature=True)
    assert errors[0, 2] >= 1


def test_what_is_less_probable_than_one_row_in_all_is_the_measure() -> None:
    """By hand: the least share of the categories, given the row without its cell."""
    model = autoencoder(max_epochs=200, optimizer="adam(0.02)", stops=None).fit(FRAME)
    row = NEW.assign(a=3.0, b=3.0)
    x = np.append(scaled(model, row[["a", "b"]].to_numpy()), [[np.nan]], axis=1).astype(np.float32)
    outcome = model.model_.decode(model.model_.encode(x).draws)
    least = np.log(np.asarray(outcome.shares()[2])).min()
    assert least < -np.log(ROWS + 1)
    hidden = model.score_samples(row.assign(t=None))
    np.testing.assert_allclose(model.score_samples(row) - hidden, least, rtol=1e-5)


def test_a_file_keeps_how_rare_it_is(tmp_path: Path) -> None:
    detector = AnomalyDetector(autoencoder()).fit(FRAME)
    detector.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.anomaly_score(NEW), detector.anomaly_score(NEW))
    assert header_of(detector)["rarity"] == detector.fitted_.validation.score.max()


def test_a_validation_row_that_holds_one_counts() -> None:
    """Where each row has a category of its own, a new one is nothing rare."""
    table = FRAME.assign(t=[f"t{i}" for i in range(ROWS)])
    model = autoencoder(columns={"t": "categorical"})
    detector = AnomalyDetector(model, calibration_fraction=0.5).fit(table)
    assert detector.p_values(NEW)[0] > 0.05


def test_training_goes_on_with_it_as_a_cell_that_tells_nothing() -> None:
    model = autoencoder().fit(FRAME)
    model.partial_fit(FRAME.assign(t="Bonn"))
    assert np.isfinite(model.transform(NEW)).all()
    assert isinstance(model, Autoencoder)
