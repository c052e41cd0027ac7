"""`transform`, `reconstruct` and `score` write what Python answers, in the format of the output's name."""

import numpy as np
import pandas as pd
import pytest

import isthmus

READERS = {
    ".csv": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".parquet": pd.read_parquet,
    ".npy": np.load,
}


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_the_answer_is_that_of_python(call, table, trained, command, suffix):
    result = call(command, trained, table, "--out", f"out{suffix}")
    model = isthmus.load(trained)
    expected, names = {
        "transform": (model.transform(table), ["autoencoder0", "autoencoder1"]),
        "reconstruct": (model.reconstruct(table), list("abcde")),
        "score": (model.score_samples(table)[:, None], ["score"]),
    }[command]
    found = READERS[suffix](f"out{suffix}")
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if suffix != ".npy":
        assert list(found.columns) == names
    plural = "s" if len(names) > 1 else ""
    assert result.stdout == f"out{suffix}: 60 rows, {len(names)} column{plural}\n"
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_quiet_prints_nothing(call, table, trained, command):
    result = call(command, trained, table, "--out", "out.csv", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_a_file_may_hold_other_columns_in_another_order(call, frame, table, trained, command, suffix):
    call(command, trained, table, "--out", "expected.npy")
    more = frame[list("edcba")].assign(label="text")
    writers = {".csv": more.to_csv, ".tsv": lambda *a, **k: more.to_csv(*a, sep="\t", **k), ".parquet": more.to_parquet}
    writers[suffix](f"more{suffix}", index=False)
    assert call(command, trained, f"more{suffix}", "--out", "found.npy").exit_code == 0
    np.testing.assert_array_equal(np.load("found.npy"), np.load("expected.npy"))


def test_reconstructions_of_a_table_without_names_are_numbered(told, frame):
    np.save("data.npy", frame.to_numpy())
    told("fit", "data.npy", "--max-epochs", 1, "--out", "model.safetensors")
    told("reconstruct", "model.safetensors", "data.npy", "--out", "out.csv")
    assert list(pd.read_csv("out.csv").columns) == ["x0", "x1", "x2", "x3", "x4"]


def test_score_by_feature_adds_the_error_of_each_column(told, table, trained):
    told("score", trained, table, "--per-feature", "--out", "out.parquet")
    found = pd.read_parquet("out.parquet")
    assert list(found.columns) == ["score", *(f"error_{name}" for name in "abcde")]
    expected = isthmus.load(trained).reconstruction_error(table, per_feature=True)
    np.testing.assert_array_equal(found.iloc[:, 1:], expected)


def test_score_without_an_output_shows_the_least_usual_rows(call, table, trained):
    result = call("score", trained, table)
    scores = isthmus.load(trained).score_samples(table)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["rows", "60"]
    assert lines[1] == ["mean", f"{scores.mean():.4g}"]
    assert lines[2] == ["median", f"{np.median(scores):.4g}"]
    shown = [[str(row), f"{scores[row]:.4g}"] for row in np.argsort(scores)[:5]]
    assert lines[-6:] == [["row", "score"], *shown]
    assert result.stderr == ""


def test_score_by_feature_names_the_column_of_the_largest_error(call, table, trained):
    result = call("score", trained, table, "--per-feature")
    model = isthmus.load(trained)
    row = model.score_samples(table).argmin()
    worst = "abcde"[model.reconstruction_error(table, per_feature=True)[row].argmax()]
    assert result.stdout.splitlines()[-5].split()[-1] == worst


def test_quiet_score_without_an_output_prints_nothing(call, table, trained):
    assert call("score", trained, table, "--quiet").output == ""


@pytest.mark.parametrize("command", ["transform", "reconstruct"])
def test_without_an_output_it_is_wrong_usage(call, table, trained, command):
    assert call(command, trained, table).exit_code == 2
