"""Each bad table is one sentence that names the place."""

import numpy as np
import pandas as pd
import pytest

import isthmus

FIT = ("--force", "--bottleneck", 2, "--max-epochs", 2, "--out", "model.safetensors")


def with_cell(frame, column, row, value):
    frame = frame.astype(object)
    frame.loc[row, column] = value
    return frame


BAD = {
    "NaN": (lambda f: with_cell(f, "c", 7, None), "column 'c' holds NaN (missing) in 1 row (first: 7)"),
    "inf": (lambda f: with_cell(f, "d", 3, np.inf), "column 'd' holds inf in 1 row (first: 3)"),
    "text": (lambda f: f.assign(b="warm"), "column 'b': expected numbers; got text"),
    "no rows": (lambda f: f.iloc[:0], "data.csv has 5 columns and no rows: expected at least one row."),
    "one row": (lambda f: f.iloc[:1], "data.csv: 1 row(s)"),
    "one column": (lambda f: f[["a"]], "data.csv: 1 column(s)"),
}


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"NaN", "text"}))  # such a model can be made
def test_a_bad_csv_is_refused(refused, frame, name, tmp_path):
    spoil, message = BAD[name]
    spoil(frame).to_csv("data.csv", index=False)
    assert message in refused("fit", "data.csv", *FIT)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_parquet_file_without_rows_is_refused(refused, frame):
    frame.iloc[:0].to_parquet("data.parquet")
    message = "data.parquet has 5 columns and no rows: expected at least one row."
    assert refused("fit", "data.parquet", *FIT) == message
    assert refused("detect", "data.parquet", "--window", 4) == message


@pytest.mark.parametrize("name", ["NaN", "inf", "text"])
def test_a_bad_table_is_refused_by_a_model(refused, frame, trained, name, tmp_path):
    spoil, message = BAD[name]
    spoil(frame).to_csv("data.csv", index=False)
    for command in ("transform", "reconstruct", "score"):
        assert message in refused(command, trained, "data.csv", "--out", "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(5), "1"),
        (np.ones((4, 3, 2, 2, 2)), "5"),
        (np.ones((4, 3), complex), "Complex data not supported"),
        (np.array([["a", "b"]]), "numbers"),
    ],
)
def test_a_bad_array_is_refused(refused, array, message):
    np.save("data.npy", array)
    assert message in refused("fit", "data.npy", *FIT)


def test_a_constant_column_works(told, frame):
    frame.assign(c=4.0).to_csv("data.csv", index=False)
    assert told("fit", "data.csv", *FIT)["columns"] == "5"


def test_a_likelihood_names_the_value_it_cannot_explain(refused, table):
    message = refused("fit", table, *FIT, "--likelihood", "bernoulli")
    assert message.startswith("column 'a' holds ")
    assert "use scaling='minmax' or likelihood='squared_error'" in message


def test_other_columns_are_refused_by_a_model(refused, frame, trained):
    frame.rename(columns={"c": "cc"}).to_csv("data.csv", index=False)
    message = refused("score", trained, "data.csv")
    assert message == "column 'c' is missing. Did you mean 'cc'? There are: a, b, cc, d, e."


def test_another_number_of_columns_is_refused_by_a_model(told, refused, frame):
    np.save("data.npy", frame.to_numpy())
    np.save("three.npy", frame.to_numpy()[:, :3])
    told("fit", "data.npy", *FIT)
    message = refused("score", "model.safetensors", "three.npy")
    assert message == "three.npy has 3 columns, and the model was fitted with 5."


def test_columns_without_names_are_noted(call, frame, trained):
    np.save("data.npy", frame.to_numpy())
    result = call("score", trained, "data.npy")
    assert result.exit_code == 0
    assert result.stderr.startswith("isthmus: note: data.npy names no columns")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["transform", "reconstruct", "score", "inspect"])
@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 100])
def test_what_is_not_a_model_is_refused(refused, table, tmp_path, command, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    words = () if command == "inspect" else (table, "--out", "out.csv")
    assert refused(command, "model.safetensors", *words).startswith("model.safetensors is not a model file")


def test_a_table_is_not_a_model(refused, table):
    assert f"{table} is not a model file" in refused("inspect", table)


def test_a_missing_model_is_refused(refused, table):
    assert "model.safetensors" in refused("score", "model.safetensors", table)
    assert "there is no file" in refused("score", "model.safetensors", table)


@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_word_vectors_are_no_network(refused, table, command):
    isthmus.WordVectors(2, min_count=1, max_epochs=0).fit(["a cat", "a dog"] * 3).save("model.safetensors")
    message = refused(command, "model.safetensors", table, "--out", "out.csv")
    assert message.startswith("model.safetensors holds WordVectors; expected Autoencoder or StackedAutoencoder or ")


@pytest.mark.parametrize("command", ["fit", "detect"])
def test_a_column_of_texts_alone_is_refused_by_its_name(call, command):
    """Neither learns from texts in a file."""
    words = ["cat", "dog", "sun", "sea", "oil", "car"]
    texts = [" ".join(words[i // 6**k % 6] for k in range(5)) for i in range(0, 6**4, 31)]
    pd.DataFrame({"text": texts}).to_csv("data.csv", index=False)
    result = call(command, "data.csv", "--out", "model.safetensors" if command == "fit" else "odd.csv")
    assert result.exit_code == 1
    assert "data.csv: 0 column(s), beside what is left out ('text'), while a minimum of" in result.stderr
    assert "Texts are learned from a list of them, fit(list(frame['text'])) (--text NAME)." in result.stderr


@pytest.mark.parametrize("command", ["fit", "detect", "impute"])
def test_a_file_of_one_row_is_refused_by_its_name(call, command):
    pd.DataFrame({"a": [1.5], "b": [2.5]}).to_csv("one.csv", index=False)
    result = call(command, "one.csv", "--out", "model.safetensors" if command == "fit" else "odd.csv")
    assert result.exit_code == 1
    assert "one.csv: 1 row(s) that count (shape=(1, 2)) while a minimum of 2 is required." in result.stderr
