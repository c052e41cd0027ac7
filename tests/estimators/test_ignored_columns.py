"""Columns of ids and free text are left out, said, and come back as they are."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import isthmus
from isthmus import AnomalyDetector, Imputer, InvalidData, NetworkClassifier
from tiny import X, Y, autoencoder

ROWS = 60
FRAME = pd.DataFrame(
    {
        "id": np.arange(ROWS) + 1,
        "a": X[:, 0],
        "note": [f"likes {i}" for i in range(ROWS)],
        "b": X[:, 1],
        "t": ["x", "y"] * 30,
    },
    index=[f"r{i}" for i in range(ROWS)],
)
LACKING = FRAME.mask(np.random.default_rng(0).random(FRAME.shape) < 0.1).astype({"id": "Int64"})
LEARNED = ["a", "b", "t"]
NOTE = r"^left out columns 'id', 'note': nearly every row has a value of its own there\. columns=\{'id': 'c"
pytestmark = pytest.mark.filterwarnings("ignore:left out column")


def test_it_is_said_once_and_how_to_keep_them() -> None:
    with pytest.warns(UserWarning, match=NOTE):
        autoencoder().fit(FRAME)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = autoencoder(columns={"id": "numeric", "note": "categorical"}).fit(FRAME)
        autoencoder(columns={"id": "ignored", "note": "ignored"}).fit(FRAME)
    assert kept.model_.categories == (0, 0, ROWS, 0, 2)


def test_what_they_hold_makes_no_difference() -> None:
    model = autoencoder().fit(FRAME)
    other = FRAME.assign(id=range(100, 160), note="the same")
    for method in ("transform", "score_samples", "reconstruction_error"):
        np.testing.assert_array_equal(getattr(model, method)(other), getattr(model, method)(FRAME))
    detector = AnomalyDetector(autoencoder()).fit(FRAME)
    np.testing.assert_array_equal(detector.anomaly_score(other), detector.anomaly_score(FRAME))


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow", "csv"])
def test_they_come_back_as_they_are_and_new_rows_have_none(form: str, tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "x.csv", index=False)
    tables: dict[str, Any] = {
        "pandas": FRAME,
        "polars": pl.from_pandas(FRAME),
        "arrow": pa.Table.from_pandas(FRAME, preserve_index=False),
        "csv": tmp_path / "x.csv",
    }
    table = tables[form]
    model = autoencoder().fit(table)
    model.save(tmp_path / "model.safetensors")
    for fitted in (model, isthmus.load(tmp_path / "model.safetensors")):
        back = fitted.reconstruct(table)
        names = back.schema.names if form == "arrow" else list(back.columns)
        assert names == list(FRAME)
        for name in ("id", "note"):
            assert list(map(str, back[name].to_pylist() if form == "arrow" else back[name])) == list(
                map(str, FRAME[name])
            )
        drawn = fitted.sample(3)
        assert (drawn.schema.names if form == "arrow" else list(drawn.columns)) == LEARNED
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == list(FRAME)


def test_their_missing_cells_stay_missing() -> None:
    imputer = Imputer(autoencoder()).fit(LACKING)
    missing = LACKING.isna().to_numpy()
    missing[:, [0, 2]] = False
    np.testing.assert_array_equal(imputer.missing(LACKING), missing)
    for filled in (imputer.transform(LACKING), *imputer.impute(LACKING, 2)):
        pd.testing.assert_frame_equal(filled[["id", "note"]], LACKING[["id", "note"]])
        assert filled[LEARNED].notna().all(axis=None)
    assert (imputer.uncertainty(LACKING)[:, [0, 2]] == 0).all()
    assert imputer.set_output(transform="pandas").transform(LACKING).columns.tolist() == list(FRAME)


def test_no_reason_names_them() -> None:
    detector = AnomalyDetector(autoencoder()).fit(FRAME)
    explained = detector.explain(FRAME)
    assert explained["contribution"].columns.tolist() == explained["expected"].columns.tolist() == LEARNED
    np.testing.assert_allclose(explained["contribution"].sum(axis=1), detector.anomaly_score(FRAME))


def test_a_table_of_numbers_has_them_too() -> None:
    numbers = FRAME[["id", "a", "b"]].assign(c=X[:, 2])
    with pytest.warns(UserWarning, match=r"^left out column 'id': nearly every row"):
        model = autoencoder().fit(numbers)
    pd.testing.assert_series_equal(model.reconstruct(numbers)["id"], numbers["id"])
    assert NetworkClassifier(encoder=(4,), max_epochs=1).fit(numbers, Y).predict(numbers).shape == (ROWS,)


def test_what_is_left_is_to_be_a_table() -> None:
    with pytest.raises(InvalidData, match="with one column there is nothing to compress"):
        autoencoder().fit(FRAME[["id", "note", "a"]])


def test_how_a_table_was_read_says_so() -> None:
    described = autoencoder().fit(FRAME).fitted_.reader.describe()
    assert described == "5 columns: 2 numbers, 1 category; left out 'id', 'note'"
