"""The oddest rows: which they are, and what is said of their columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from isthmus.errors import InvalidData, InvalidPart
from tiny import NAMES, X, autoencoder

FRAME = pd.DataFrame(X, columns=NAMES)


@pytest.fixture(scope="module")
def detector():
    return isthmus.AnomalyDetector(autoencoder()).fit(FRAME)


def test_the_oddest_rows_come_first(detector):
    rows = isthmus.odd_rows(detector, FRAME, 4)
    score = detector.anomaly_score(FRAME)
    assert rows["row"].tolist() == np.argsort(-score)[:4].tolist()
    assert rows["anomaly_score"].to_numpy() == pytest.approx(np.sort(score)[::-1][:4], rel=1e-6)
    assert rows["p_value"].to_numpy() == pytest.approx(detector.p_values(FRAME)[rows["row"]])
    assert rows["is_odd"].tolist() == (detector.predict(FRAME)[rows["row"]] == -1).tolist()


def test_reasons_are_what_explain_says(detector):
    rows = isthmus.odd_rows(detector, FRAME, 3, reasons=5)
    explained = detector.explain(FRAME.iloc[rows["row"]])
    for place, row in rows.iterrows():
        added = explained["contribution"].iloc[place]
        for i, name in enumerate(added.sort_values(ascending=False, kind="stable").index, 1):
            assert row[f"column_{i}"] == name
            assert row[f"share_{i}"] == pytest.approx(added[name] / added.sum(), abs=1e-6)
            assert float(row[f"value_{i}"]) == pytest.approx(FRAME.loc[row["row"], name])
            assert float(row[f"expected_{i}"]) == pytest.approx(explained["expected"].iloc[place][name])


def test_all_rows_stay_in_their_order(detector):
    rows = isthmus.odd_rows(detector, FRAME, reasons=1)
    assert rows["row"].tolist() == list(range(60))
    assert list(rows) == ["row", "anomaly_score", "p_value", "is_odd", "column_1", "share_1", "value_1", "expected_1"]


def test_an_autoencoder_scores_by_its_error():
    model = autoencoder().fit(FRAME)
    rows = isthmus.odd_rows(model, FRAME, 2)
    error, back = model.reconstruction_error(FRAME, per_feature=True), model.reconstruct(FRAME)
    worst = error.sum(axis=1).argmax()
    assert rows["row"][0] == worst
    assert rows["anomaly_score"][0] == pytest.approx(error[worst].sum(), rel=1e-5)
    assert rows["column_1"][0] == NAMES[error[worst].argmax()]
    expected = np.asarray(back)[worst, error[worst].argmax()]
    lowest, highest = X.min(), X.max()
    assert float(rows["expected_1"][0]) == pytest.approx(np.clip(expected, lowest, highest), rel=1e-5)


@pytest.mark.parametrize("form", [pl.from_pandas, pd.DataFrame.to_numpy, lambda f: f.to_numpy().tolist()])
def test_any_form_of_table_can_be_asked(detector, form):
    table = form(FRAME)
    fitted = isthmus.AnomalyDetector(autoencoder()).fit(table)
    rows = isthmus.odd_rows(fitted, table, 1)
    same = isthmus.odd_rows(detector, FRAME, 1)
    assert rows[["row", "value_1"]].to_numpy().tolist() == same[["row", "value_1"]].to_numpy().tolist()


def test_cells_that_are_missing_and_dates_are_said():
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=30), "what": ["u", "v", None] * 10})
    model = autoencoder(bottleneck=1).fit(frame)
    rows = isthmus.odd_rows(model, frame, reasons=2)
    names = {row["column_1"]: row["value_1"] for _, row in rows.iterrows()}
    values = rows.melt(["row"], ["value_1", "value_2"])["value"]
    assert set(names) <= {"when", "what"}
    assert "2024-01-05" in set(values)
    assert values.isna().sum() == 10


@pytest.mark.parametrize(("n", "reasons", "name"), [(0, 3, "n"), (2, 0, "reasons")])
def test_numbers_are_checked(detector, n, reasons, name):
    with pytest.raises(InvalidPart, match=f"{name} must be a whole number of at least 1"):
        isthmus.odd_rows(detector, FRAME, n, reasons)


def test_a_model_that_scores_no_rows_is_refused():
    with pytest.raises(InvalidData, match="expected an AnomalyDetector or an autoencoder; got Imputer"):
        isthmus.odd_rows(isthmus.Imputer(), FRAME)
