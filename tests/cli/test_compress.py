"""`compress` and `decompress` write a file of few bytes and the same table again."""

import numpy as np
import pandas as pd
import pytest

from mixed_table import FIXTURES, make_table

MODEL = FIXTURES / "lossless.safetensors"


def test_a_table_comes_back_as_it_was(told):
    table = make_table(50)
    table.to_parquet("table.parquet")
    found = told("compress", "table.parquet", "--model", MODEL, "--out", "table.isth", "--report")
    assert found["rows"] == "50"
    assert "bytes a row" in found["file"]
    told("decompress", "table.isth", "--model", MODEL, "--out", "again.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet("again.parquet"), table)
    told("decompress", "table.isth", "--model", MODEL, "--out", "again.csv")
    assert pd.read_csv("again.csv")["size"].tolist() == table["size"].tolist()


def test_a_codec_is_trained_where_none_is_given(told, refused, monkeypatch):
    monkeypatch.setattr("isthmus.codec.codec.STEPS", (100, 100))
    table = pd.DataFrame({"a": np.arange(300) % 9 + 0.25, "b": np.arange(300) % 9 * 2})
    table.to_parquet("table.parquet")
    told("compress", "table.parquet", "--out", "table.isth", "--error", "0.5", "--relative-to", "range")
    told("decompress", "table.isth", "--out", "again.parquet")
    again = pd.read_parquet("again.parquet")
    assert again["b"].equals(table["b"])
    assert (again["a"] - table["a"]).abs().max() <= 4
    message = refused("decompress", "table.isth", "--out", "again.npy")
    assert message.endswith("holds a table with names of columns: write .parquet or .csv.")
    told("decompress", "table.isth", "--model", MODEL, "--out", "b.parquet")  # so small a table is written without one
    assert pd.read_parquet("b.parquet").equals(again)


def test_arrays_of_files_come_back_as_they_were(told, refused):
    random = np.random.Generator(np.random.Philox(0))
    images = random.integers(0, 9, (3, 6, 5)).astype(np.uint8)
    np.save("images.npy", images)
    found = told("compress", "images.npy", "--out", "images.isth", "--report")
    assert found["rows"] == "3"
    told("decompress", "images.isth", "--out", "again.npy")
    assert np.array_equal(np.load("again.npy"), images)
    assert refused("decompress", "images.isth", "--out", "again.csv").endswith("holds images or fields: write .npy.")
    field = np.cumsum(random.normal(size=(20, 30)), axis=0).astype(np.float32)
    np.savez("field.npz", X=field)
    told("compress", "field.npz", "--grid", "--error", "0.05", "--out", "field.isth")
    told("decompress", "field.isth", "--out", "field.npy")
    assert np.abs(np.load("field.npy") - field).max() <= 0.05


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid"], "expected an array for a grid; got parquet. Leave out grid=True."),
        (["--model", MODEL, "--error", "0.1"], "is lossless: leave it out, or leave out --model to train another"),
        (["--model", MODEL, "--alone"], "--alone is for a codec that is trained, and"),
        (["--error", "0"], "error must be None for a lossless codec, a number above 0"),
        (["--relative-to", "range"], "--relative-to must be None where there is no error"),
    ],
)
def test_options_that_cannot_be_are_refused(refused, words, message):
    make_table(5).to_parquet("table.parquet")
    assert message in refused("compress", "table.parquet", "--out", "table.isth", *words)


def test_a_stream_without_its_model_says_so(told, refused):
    make_table(5).to_parquet("table.parquet")
    told("compress", "table.parquet", "--model", MODEL, "--out", "table.isth")
    assert "table.isth does not hold its model: name it by --model." in refused(
        "decompress", "table.isth", "--out", "table.csv"
    )
    assert "is none that a codec has written" in refused("decompress", "table.parquet", "--out", "table.csv")


def test_a_file_without_rows_is_named(refused, tmp_path):
    (tmp_path / "none.csv").write_text("a,b\n")
    message = refused("compress", "none.csv", "--out", "none.isth")
    assert message == "none.csv has 2 columns and no rows: expected at least one row."
