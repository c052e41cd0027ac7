"""Names of columns of any kind come back, and tables are read by them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import AnomalyDetector, Imputer, InvalidData, ModelFileError
from tiny import X, autoencoder, forged

NAMES: dict[str, Any] = {
    "texts with a name": pd.Index(list("abc"), name="channel"),
    "floats": pd.Index([400.5, 401.0, 401.5]),
    "whole numbers": pd.Index([3, 1, 2]),
    "two levels": pd.MultiIndex.from_tuples([("s", "a"), ("s", "b"), ("t", 1)], names=["place", None]),
    "timestamps": pd.DatetimeIndex(["2024-03-31", "2024-04-01", "2024-05-01"], tz="Europe/Berlin"),
    "days": pd.Index([datetime.date(2024, 1, day) for day in (1, 2, 3)]),
    "periods": pd.PeriodIndex(["2024-01", "2024-02", "2024-04"], freq="M"),
    "intervals": pd.interval_range(0.5, 3.5),
    "bools and a number": pd.Index([True, False, 2], dtype=object),
    "texts and numbers": pd.Index([0, "a", 1], dtype=object),
    "a type of one's own": pd.Index([frozenset("a"), "b", "c"], dtype=object),
}


def frame_of(names: Any) -> pd.DataFrame:
    frame = pd.DataFrame(X[:, :3])
    frame.columns = names
    return frame


@pytest.mark.parametrize("names", NAMES)
def test_they_come_back(names: str, tmp_path: Path) -> None:
    frame = frame_of(NAMES[names])
    model = autoencoder(max_epochs=0).fit(frame)
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    answers = [model.reconstruct(frame), loaded.reconstruct(frame), model.inverse_transform(model.transform(frame))]
    answers += [model.sample(2), Imputer(autoencoder(max_epochs=0)).fit_transform(frame)]
    answers += [loaded.sample(2)] if names != "a type of one's own" else []
    for answer in answers:
        pd.testing.assert_index_equal(answer.columns, frame.columns)
    assert not (frame - answers[0]).isna().any().any()
    explained = AnomalyDetector(autoencoder(max_epochs=0)).fit(frame).explain(frame)
    pd.testing.assert_index_equal(explained["expected"].columns, frame.columns, check_names=False)


@pytest.mark.parametrize("names", ["whole numbers", "floats", "texts and numbers"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside texts"])
def test_columns_in_another_order_are_found_by_them(names: str, beside: bool) -> None:
    frame = frame_of(NAMES[names])
    frame = frame.assign(t=["x", "y"] * 30) if beside else frame
    model = autoencoder().fit(frame)
    np.testing.assert_array_equal(model.score_samples(frame[frame.columns[::-1]]), model.score_samples(frame))


def test_a_column_that_is_missing_among_numbered_ones_is_named() -> None:
    model = autoencoder().fit(pd.DataFrame(X))
    with pytest.raises(InvalidData, match=r"^column '0' is missing\. There are: 1, 2, 3, 4, 5\.$"):
        model.transform(pd.DataFrame(X, columns=range(1, 6)))
    np.testing.assert_array_equal(model.transform(X), model.transform(pd.DataFrame(X)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"values": [1.5], "names": [None]}, "two sorts of names"),
        ({"values": 3, "names": [None]}, "no proper names"),
        ({"values": [{"other": 1}], "names": [None]}, "no proper names"),
        ({"values": [{"timestamp": "soon", "zone": None}], "names": [None]}, "no proper names"),
        ({"values": [{"interval": [1, 2], "closed": "maybe"}], "names": [None]}, "no proper names"),
        ({"values": [{"period": "2024", "frequency": "often"}], "names": [None]}, "no proper names"),
        ([], "no proper names"),
    ],
)
def test_a_file_may_hold_anything_for_them(labels: Any, message: str) -> None:
    model = autoencoder(max_epochs=0).fit(frame_of(NAMES["floats"]))
    row = {"shape": [3], "columns": ["400.5", "401.0", "401.5"], "labels": labels}
    with pytest.raises(ModelFileError, match=message):
        forged(model, {}, {"row": row})
