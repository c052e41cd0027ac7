"""A table as it comes goes through the command line: no option says what its columns hold."""

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus.cli.table import choose
from isthmus.data.sources import source_type

RANDOM = np.random.default_rng(0)
GROUP = RANDOM.integers(0, 2, 60)
FIT = ("--force", "--bottleneck", 2, "--encoder", "(8,)", "--max-epochs", 3, "--out", "model.safetensors")


@pytest.fixture
def mixed():
    frame = pd.DataFrame(
        {
            "age": 20 + 20 * GROUP,
            "pay": np.where(RANDOM.random(60) < 0.2, np.nan, GROUP + RANDOM.normal(size=60)),
            "job": np.where(GROUP, "cook", "clerk"),
            "paid": GROUP > 0,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(24 * GROUP, unit="h"),
        }
    )
    frame.loc[::7, "job"] = None
    return frame


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_mixed_file_is_fitted_and_answered(told, mixed, suffix):
    path = f"data{suffix}"
    mixed.to_csv(path, index=False) if suffix == ".csv" else mixed.to_parquet(path)
    due = "5: 2 numbers, 1 category, 1 true or false, 1 date"
    assert told("fit", path, *FIT)["columns"] == due
    assert told("inspect", "model.safetensors")["columns"] == due
    told("transform", "model.safetensors", path, "--out", "codes.npy")
    assert np.load("codes.npy").shape == (60, 2)
    told("reconstruct", "model.safetensors", path, "--out", "out.parquet")
    back = pd.read_parquet("out.parquet")
    assert list(back) == list(mixed)
    assert set(back["job"]) <= {"cook", "clerk"}
    assert [back.dtypes[name].kind for name in ("age", "pay", "paid", "day")] == ["i", "f", "b", "M"]
    told("reconstruct", "model.safetensors", path, "--out", "out.csv")
    assert set(pd.read_csv("out.csv")["job"]) == set(back["job"])
    told("score", "model.safetensors", path, "--per-feature", "--out", "scores.csv")
    assert list(pd.read_csv("scores.csv"))[1:] == [f"error_{name}" for name in mixed]


def test_columns_are_chosen_before_it_is_asked_what_they_hold(told, mixed):
    mixed.assign(odd=[[1]] * 60).to_parquet("data.parquet")
    assert told("fit", "data.parquet", *FIT, "--drop", "odd")["columns"].startswith("5: 2 numbers, ")


def test_an_array_file_holds_numbers_only(refused, told, mixed):
    mixed.to_parquet("data.parquet")
    told("fit", "data.parquet", *FIT)
    message = refused("reconstruct", "model.safetensors", "data.parquet", "--out", "out.npy")
    assert message == "the table holds more than numbers, and .npy is for numbers: write .parquet or .csv."


def test_what_a_column_holds_can_be_said(told, refused, mixed):
    mixed.to_parquet("data.parquet")
    told("fit", "data.parquet", *FIT, "--kind", "age=categorical", "--kind", "job=clerk,cook")
    model = isthmus.load("model.safetensors")
    assert model.columns == {"age": "categorical", "job": ["clerk", "cook"]}
    assert model.model_.categories == (2, 0, 0, 2, 0)
    for said in ("age", "=categorical", "age="):
        message = refused("fit", "data.parquet", *FIT, "--kind", said)
        assert message == f"--kind: expected NAME=KIND, as zip=categorical or size=S,M,L; got {said!r}."
    assert refused("fit", "data.parquet", *FIT, "--kind", "age=odd").startswith("columns['age'] must be one of numeric")


@pytest.fixture
def labelled():
    return pd.DataFrame(RANDOM.normal(size=(60, 3)), columns=list("abc")).assign(y=np.where(GROUP, "yes", "no"))


def write(frame, path):
    frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.lower() else ",")


@pytest.mark.parametrize("path", ["t.tsv", "t.TSV", "t.CSV", "t.csv.gz", "t.tsv.gz", "t*.csv", "t.pq"])
def test_labels_are_read_as_the_table_is(told, labelled, path):
    if path == "t*.csv":
        write(labelled[:20], "t1.csv")
        write(labelled[20:], "t2.csv")
    else:
        labelled.to_parquet(path) if path.endswith(".pq") else write(labelled, path)
    assert told("fit", path, *FIT, "--label-column", "y")["columns"] == "3"
    assert isthmus.load("model.safetensors").sample(2, label="yes").shape == (2, 3)


LABELS = {
    "whole": ([3, 1], [3, 1], "i"),
    "halves": ([0.5, 1.5], [0.5, 1.5], "f"),
    "truth": ([True, False], [True, False], "b"),
    "text": (["a", "NA"], ["a", "NA"], "O"),  # a label may be called NA: columns are read so, too
    "missing text": (["a", None], ["a", None], "O"),
    "missing truth": ([True, None, False], [True, None, False], "O"),
    "dates": (["2020-01-02", None], ["2020-01-02", None], "O"),
}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("case", LABELS)
def test_labels_are_numbers_truth_values_or_texts(tmp_path, case, suffix):
    values, due, kind = LABELS[case]
    frame = pd.DataFrame({"a": 1.0, "w": range(len(values)), "y": pd.Series(values, dtype=object).convert_dtypes()})
    path = tmp_path / f"t{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else write(frame, str(path))
    chosen = choose(path, weight="w", label="y")
    assert chosen.label.tolist() == due
    assert chosen.label.dtype.kind == kind
    assert chosen.weight.tolist() == list(range(len(values)))
    assert list(chosen.table.names) == ["a"]


def test_a_table_is_opened_once_to_choose_from_it(tmp_path, labelled, monkeypatch):
    write(labelled.assign(w=1.0), str(tmp_path / "t.csv"))
    opened = []
    kind = source_type("csv")
    first = kind.__init__
    monkeypatch.setattr(kind, "__init__", lambda self, *given: (opened.append(given), first(self, *given))[1])
    choose(tmp_path / "t.csv", ["a,b"], weight="w", label="y")
    assert len(opened) == 1
