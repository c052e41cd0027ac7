"""A column comes back in its own type: in reconstructions, fillings, samples, after loading, texts beside or not."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import isthmus
from isthmus import AnomalyDetector, Imputer, InvalidData
from tiny import X, autoencoder

A, B = X[:, 0], X[:, 1]
FRAME = pd.DataFrame({"a": A, "b": B})
WORDS = ["x", "y"] * 30
PRICES = [decimal.Decimal("1.25"), decimal.Decimal("0.50")] * 30
DAYS = pd.Series(pd.date_range("2024-01-01", periods=60))


def lacking(values: Any) -> list[Any]:
    return [None if i % 7 == 0 else value for i, value in enumerate(values)]


COLUMNS: dict[str, Any] = {
    "Int64": pd.Series(lacking([1, 2] * 30), dtype="Int64"),
    "UInt8": pd.Series(lacking([1, 2] * 30), dtype="UInt8"),
    "boolean": pd.Series(lacking([True, False] * 30), dtype="boolean"),
    "Float32": pd.Series(lacking(A), dtype="Float32"),
    "float16": pd.Series(A.astype("f2")),
    "int8": pd.Series(np.arange(60, dtype="i1")[::-1]),
    "bool": pd.Series(A > 0),
    "objects of bools": pd.Series(lacking([True, False] * 30), dtype=object),
    "objects with NA": pd.Series([pd.NA, 1, 2] * 20, dtype=object),
    "int64[pyarrow]": pd.Series(lacking([1, 2] * 30), dtype="int64[pyarrow]"),
    "bool[pyarrow]": pd.Series(lacking([True, False] * 30), dtype="bool[pyarrow]"),
    "string of Arrow": pd.Series(lacking(WORDS), dtype=pd.ArrowDtype(pa.string())),
    "string of pandas": pd.Series(lacking(WORDS), dtype=pd.StringDtype("pyarrow")),
    "dictionary of Arrow": pd.Series(lacking(WORDS), dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
    "decimal of Arrow": pd.Series(lacking(PRICES), dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "decimals": pd.Series(lacking(PRICES), dtype=object),
    "timestamp of Arrow": DAYS.astype(pd.ArrowDtype(pa.timestamp("us"))),
    "intervals": pd.cut(FRAME["a"], 4),
    "intervals of time": pd.cut(DAYS, 3),
    "sparse": pd.Series(np.where(A > 1, A, 0.0)).astype("Sparse[float]"),
    "beyond 64 bits": pd.Series([2**70 + i * 2**60 for i in range(60)], dtype=object),
}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside texts"])
@pytest.mark.parametrize("column", COLUMNS)
def test_pandas(column: str, beside: bool, tmp_path: Path) -> None:
    frame = FRAME.assign(column=COLUMNS[column])
    frame = frame.assign(t=WORDS) if beside else frame
    imputer = Imputer(autoencoder(max_epochs=0)).fit(frame)
    imputer.save(tmp_path / "model.safetensors")
    model, filled = isthmus.load(tmp_path / "model.safetensors").autoencoder_, imputer.transform(frame)
    for answer in (filled, imputer.autoencoder_.reconstruct(frame), model.reconstruct(frame), model.sample(3)):
        pd.testing.assert_series_equal(answer.dtypes, frame.dtypes)
        assert answer["column"].notna().all()
        kinds = {type(value) for value in frame["column"].dropna()}
        if column != "beyond 64 bits":  # which no float tells
            assert {type(value) for value in answer["column"]} <= kinds
    is_there = frame["column"].notna().to_numpy()
    assert filled["column"][is_there].tolist() == frame["column"][is_there].tolist()


def test_a_decimal_has_as_many_places_as_its_column() -> None:
    frame = FRAME.assign(price=COLUMNS["decimals"])
    filled = Imputer(autoencoder()).fit_transform(frame)["price"]
    assert {value.as_tuple().exponent for value in filled} == {-2}


POLARS: dict[str, pl.Series] = {
    "Int128": pl.Series([2**100 + i * 2**90 for i in range(60)], dtype=pl.Int128),
    "UInt16": pl.Series(lacking([1, 2] * 30), dtype=pl.UInt16),
    "Decimal": pl.Series(lacking(PRICES)),
    "Date": pl.Series(DAYS.dt.date.tolist()),
    "Datetime": pl.Series(DAYS.to_list()),
    "Boolean": pl.Series(lacking([True, False] * 30)),
    "Float32": pl.Series(A, dtype=pl.Float32),
}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside texts"])
@pytest.mark.parametrize("column", POLARS)
def test_polars(column: str, beside: bool, tmp_path: Path) -> None:
    frame = pl.from_pandas(FRAME).with_columns(column=POLARS[column])
    frame = frame.with_columns(t=pl.Series(WORDS)) if beside else frame
    imputer = Imputer(autoencoder(max_epochs=0)).fit(frame)
    imputer.save(tmp_path / "model.safetensors")
    model, filled = isthmus.load(tmp_path / "model.safetensors").autoencoder_, imputer.transform(frame)
    for answer in (filled, imputer.autoencoder_.reconstruct(frame), model.reconstruct(frame), model.sample(3)):
        assert answer.schema == frame.schema
        assert not answer["column"].null_count()
    assert filled.filter(frame["column"].is_not_null()).equals(frame.filter(frame["column"].is_not_null()))


def test_a_table_of_numbers_is_explained_in_pandas_whatever_it_is() -> None:
    frame = pl.from_pandas(FRAME).with_columns(day=POLARS["Date"])
    for table in (frame, frame.with_columns(t=pl.Series(WORDS)), pa.table(frame.to_dict(as_series=False))):
        detector = AnomalyDetector(autoencoder()).fit(table)
        expected = detector.explain(table)["expected"]
        assert len(set(map(type, expected["day"]))) == 1
        assert abs((pd.to_datetime(expected["day"]) - DAYS).dt.days).max() < 100


def test_half_a_character_is_named() -> None:
    frame = FRAME.assign(t=pd.Series(["\ud800", "x"] * 30, dtype=object))
    with pytest.raises(InvalidData, match=r"^column 't': expected text; got '\\ud800', which holds half a character\."):
        autoencoder().fit(frame)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside texts"])
def test_a_row_alone_whose_cell_is_none_is_one_that_lacks_it(beside: bool, tmp_path: Path) -> None:
    frame = FRAME.assign(c=lacking(A))
    frame = frame.assign(t=WORDS) if beside else frame
    model = autoencoder().fit(frame)
    row = {"a": 1.0, "b": 2.0, "c": None} | ({"t": None} if beside else {})
    alone = pd.DataFrame([row])
    both = pd.DataFrame([row, dict(frame.iloc[1])])
    np.testing.assert_array_equal(model.transform(alone), model.transform(both)[:1])
    np.testing.assert_array_equal(model.transform(pl.DataFrame([row])), model.transform(alone))
    alone.to_csv(tmp_path / "row.csv", index=False)
    np.testing.assert_array_equal(model.transform(tmp_path / "row.csv"), model.transform(alone))
    assert Imputer(autoencoder()).fit(frame).transform(alone)["c"].notna().all()
    if not beside:
        with pytest.raises(InvalidData, match=r"^column 'c' holds NaN \(missing\) in 1 row \(first: 0\)"):
            autoencoder().fit(FRAME.assign(c=A)).transform(alone)


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "bool"])
def test_arrays_of_whole_numbers_come_back_as_such(kind: str) -> None:
    """Whole numbers beyond 2**53, as ids are, would not survive as floats."""
    rows = (np.arange(180).reshape(60, 3) + (2**60 if kind == "int64" else 0)).astype(kind)
    filled = Imputer(autoencoder(max_epochs=0)).fit_transform(rows)
    assert filled.dtype == rows.dtype
    np.testing.assert_array_equal(filled, rows)
