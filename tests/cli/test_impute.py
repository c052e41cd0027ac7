"""`impute` fills what is missing in a file, touches nothing else, and keeps what it has learned."""

import numpy as np
import pandas as pd
import pytest

import isthmus

RANDOM = np.random.default_rng(0)
GROUP = RANDOM.integers(0, 2, 120)


@pytest.fixture
def lacking():
    frame = pd.DataFrame(
        {
            "age": 20.0 + 20 * GROUP,
            "pay": GROUP + 0.1 * RANDOM.normal(size=120),
            "job": np.where(GROUP, "cook", "clerk"),
        }
    )
    for i, name in enumerate(frame):
        frame.loc[i::9, name] = None
    return frame


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Let trainings be short: here it is seen that cells are filled, not how well."""
    monkeypatch.setattr("isthmus.estimators.imputer.STEPS", 100)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_cells_are_filled_and_others_stay(told, lacking, suffix):
    path = f"data{suffix}"
    lacking.to_csv(path, index=False) if suffix == ".csv" else lacking.to_parquet(path)
    words = ("--save-model", "imputer.safetensors", "--mask", f"mask{suffix}")
    found = told("impute", path, "--out", "full.parquet", *words)
    mask = pd.read_csv("mask.csv") if suffix == ".csv" else pd.read_parquet("mask.parquet")
    pd.testing.assert_frame_equal(mask, lacking.isna())
    assert found["rows"] == "120"
    assert found["filled"] == "42 cells: age 14, pay 14, job 14"
    filled = pd.read_parquet("full.parquet")
    assert not filled.isna().any(axis=None)
    for name in lacking:
        there = lacking[name].notna()
        assert (filled.loc[there, name] == lacking.loc[there, name]).all()
    assert set(filled["job"]) == {"cook", "clerk"}
    again = told("impute", path, "--model", "imputer.safetensors", "--out", "again.parquet")
    assert again["filled"] == found["filled"]
    pd.testing.assert_frame_equal(pd.read_parquet("again.parquet"), filled)
    assert type(isthmus.load("imputer.safetensors")) is isthmus.Imputer


def test_nothing_to_fill_is_said(told, lacking):
    lacking.dropna().to_csv("data.csv", index=False)
    assert told("impute", "data.csv", "--out", "full.csv", "--drop", "job")["filled"] == "nothing: no cell is missing"
    assert list(pd.read_csv("full.csv")) == ["age", "pay"]


def test_a_model_that_is_no_imputer_is_refused(refused, table, trained):
    message = refused("impute", table, "--model", trained, "--out", "full.csv")
    assert "holds Autoencoder; expected Imputer." in message


def test_two_files_of_one_name_are_refused(refused, table):
    assert "is named twice" in refused("impute", table, "--out", table)
    assert "is named twice" in refused("impute", table, "--out", "full.csv", "--mask", "full.csv")
