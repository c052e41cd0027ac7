"""Tables come back as they were: form, names, types, categories, every bit, or within the error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import isthmus
from isthmus import Codec, InvalidData, InvalidPart, ModelFileError
from isthmus.codec.container import Stream
from mixed_table import make_table


def test_a_frame_comes_back_to_the_bit(kept: Codec, table: pd.DataFrame) -> None:
    stream = kept.compress(table)
    restored = kept.decompress(stream)
    pd.testing.assert_frame_equal(restored, table)
    assert list(restored["kind"].cat.categories) == ["small", "large", "none yet"]
    assert np.signbit(restored["price"][2])
    assert len(stream) < 4000 + 4 * len(table)  # 4 bytes a row are noise, that nobody can press


@pytest.mark.parametrize("rows", [slice(None), slice(5, 2, -1), [7, 7, -1], [], slice(390, None)])
def test_some_rows_come_back_alone(kept: Codec, table: pd.DataFrame, rows: slice | list[int]) -> None:
    restored = kept.decompress(kept.compress(table), rows)
    pd.testing.assert_frame_equal(restored, table.iloc[rows].reset_index(drop=True))


def test_rows_that_there_are_not_are_refused(kept: Codec, table: pd.DataFrame) -> None:
    with pytest.raises(InvalidData, match=r"^rows: expected places in a table of 400 rows; got 400\.$"):
        kept.decompress(kept.compress(table), [0, 400])


def test_an_index_comes_back(kept: Codec, table: pd.DataFrame) -> None:
    few = table.iloc[10:20]
    with pytest.raises(InvalidData, match=r"^column '__index_level_0__' was not there at the fit"):
        kept.compress(few)
    pd.testing.assert_frame_equal(
        kept.decompress(kept.compress(few.reset_index(drop=True))), few.reset_index(drop=True)
    )


def test_no_row_and_one_row(kept: Codec, table: pd.DataFrame) -> None:
    for n in (0, 1):
        pd.testing.assert_frame_equal(kept.decompress(kept.compress(table[:n])), table[:n])


@pytest.mark.parametrize("name", ["text", "noise"])
def test_a_column_that_is_missing_in_all_rows_is_of_any_type(kept: Codec, table: pd.DataFrame, name: str) -> None:
    """An object column of None, or one without rows, has no type in Arrow."""
    few = table[:3].assign(**{name: pd.Series([None] * 3, dtype=object)})
    for lacking in (few, few[:0]):
        pd.testing.assert_frame_equal(kept.decompress(kept.compress(lacking)), lacking)


def test_rows_are_written_one_by_one(kept: Codec, table: pd.DataFrame) -> None:
    rows = kept.compress_rows(table[:80])
    assert sum(map(len, rows)) / len(rows) < 9  # of them 2 + 4 for the checksum and the noise
    pd.testing.assert_frame_equal(kept.decompress_rows(rows), table[:80])
    pd.testing.assert_frame_equal(kept.decompress_rows(rows[7:8]), table[7:8].reset_index(drop=True))
    assert len(kept.decompress_rows([])) == 0


def test_rows_that_are_damaged_are_refused(kept: Codec, table: pd.DataFrame) -> None:
    row = kept.compress_rows(table[:1])[0]
    for bad in (b"", row[:-1], row + b"\0", bytes([row[0] ^ 1]) + row[1:], row[:-1] + bytes([row[-1] ^ 128])):
        with pytest.raises(ModelFileError, match="row 1 is damaged"):
            kept.decompress_rows([row, bad])


def test_categories_texts_and_numbers_never_seen_come_back(kept: Codec, table: pd.DataFrame) -> None:
    odd = table[:5].copy()
    odd["kind"] = pd.Categorical(["huge", "small", None, "large", "huge"], ["huge", "small", "large"])
    odd["text"] = ["", "new", "х" * 5000, None, "odd"]
    odd["size"] = np.array([2**31 - 1, -(2**31), 0, 39, 40], np.int32)
    pd.testing.assert_frame_equal(kept.decompress(kept.compress(odd)), odd)
    restored = kept.decompress_rows(kept.compress_rows(odd))
    assert restored["kind"].astype(object).tolist()[:2] == ["huge", "small"]
    pd.testing.assert_frame_equal(restored.drop(columns="kind"), odd.drop(columns="kind"))


def test_bad_tables_are_refused_by_a_sentence(kept: Codec, table: pd.DataFrame) -> None:
    with pytest.raises(InvalidData, match=r"^column 'sizes' was not there at the fit\. Did you mean 'size'\?"):
        kept.compress(table.rename(columns={"size": "sizes"}))
    with pytest.raises(InvalidData, match=r"^column 'price' is missing: expected the 7 columns of the fit\.$"):
        kept.compress(table.drop(columns="price"))
    with_nan = table.assign(size=table["size"].where(table["size"] > 3))
    with pytest.raises(
        InvalidData, match=r"^column 'size': expected values of type int32, as at the fit; got double\.$"
    ):
        kept.compress(with_nan)
    with pytest.raises(InvalidData, match="expected a table with names of columns, as at the fit; got an array"):
        kept.compress(np.ones((3, 7)))
    with pytest.raises(
        InvalidData, match="column 'z': expected numbers, truth values, dates, texts or categories; got list"
    ):
        Codec().fit(pd.DataFrame({"z": [[1], [2]]}))
    with pytest.raises(InvalidData, match=r"^X: expected at least one row to learn from; got none\.$"):
        Codec().fit(table[:0])
    with pytest.raises(
        InvalidData, match=r"^X: expected a table of rows; got shape \(3,\)\. Pass X\.reshape\(-1, 1\)\.$"
    ):
        Codec().fit(np.ones(3))
    with pytest.raises(InvalidData, match="got complex128"):
        Codec().fit(np.ones((3, 2), complex))


@pytest.mark.parametrize("error", [0, -1.0, np.nan, np.inf, "small", {"price": 0}, {"price": (1, "mean")}])
def test_errors_that_cannot_be_are_refused(error: object) -> None:
    with pytest.raises(InvalidPart, match=r"^error must be None for a lossless codec, a number above 0, or a dict"):
        Codec(error=error).fit(np.ones((3, 2)))


def test_errors_for_columns_that_there_are_not_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(InvalidData, match=r"^error: there is no column 'prize'\. Did you mean 'price'\?$"):
        Codec(error={"prize": 1}).fit(table)
    with pytest.raises(InvalidPart, match=r"^error: column 'text' must hold numbers"):
        Codec(error={"text": 1}).fit(table)
    with pytest.raises(InvalidPart, match=r"^relative_to must be None where there is no error"):
        Codec(relative_to="range").fit(table)


def test_the_model_of_a_stream_must_be_that_of_the_codec(kept: Codec, table: pd.DataFrame, fitted) -> None:
    other = fitted(table, "table", history=True, error={"price": (0.01, "range"), "noise": 0.1})
    with pytest.raises(ModelFileError, match=r"^the stream was written with another model"):
        other.decompress(kept.compress(table))
    with pytest.raises(ModelFileError, match="row 0 is damaged, or was written with another model"):
        other.decompress_rows(kept.compress_rows(table[:1]))


def test_errors_by_column_hold_and_the_row_before_is_seen(table: pd.DataFrame, fitted) -> None:
    codec = fitted(table, "table", history=True, error={"price": (0.01, "range"), "noise": 0.1})
    many = pd.concat([table, make_table(1500, 3)], ignore_index=True)
    restored = codec.decompress(codec.compress(many))
    finite = np.isfinite(table["price"])
    bound = 0.01 * (table["price"][finite].max() - table["price"][finite].min())
    assert 0 < np.abs(restored["noise"].astype(float) - many["noise"].astype(float)).max() <= 0.1
    numbers = np.isfinite(many["price"])
    assert 0 < np.abs(restored["price"] - many["price"])[numbers].max() <= bound
    assert (restored["price"].isna() == many["price"].isna()).all()
    assert np.isinf(restored["price"]).sum() == 2
    exact = [name for name in table if name not in ("price", "noise")]
    pd.testing.assert_frame_equal(restored[exact], many[exact])
    pd.testing.assert_frame_equal(codec.decompress_rows(codec.compress_rows(table[:9]))[exact], table[exact][:9])


def test_images_come_back_in_their_shape(fitted) -> None:
    X = np.random.Generator(np.random.Philox(1)).integers(0, 5, (40, 2, 3)).astype(np.uint8) * 50
    codec = fitted(X, "images", error=3, embed=True)
    restored = Codec().decompress(codec.compress(X))
    assert restored.dtype == np.uint8
    assert restored.shape == X.shape
    assert np.abs(restored.astype(int) - X).max() <= 3
    with pytest.raises(
        InvalidData, match=r"^X: expected an array with rows of shape \(2, 3\), as at the fit; got an array"
    ):
        codec.compress(X.reshape(40, 6))
    with pytest.raises(InvalidData, match=r"^X: expected values of type \|u1, as at the fit; got <f8\.$"):
        codec.compress(X.astype(float))


def test_polars_arrow_and_files_come_back(kept: Codec, table: pd.DataFrame, tmp_path: Path) -> None:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    assert kept.decompress(kept.compress(arrow)).equals(arrow)
    path = tmp_path / "table.parquet"
    pq.write_table(arrow, path)
    kept.compress_to(path, tmp_path / "table.isth")
    pd.testing.assert_frame_equal(kept.decompress(tmp_path / "table.isth"), pd.read_parquet(path))
    frame = pl.from_pandas(table)
    restored = kept.decompress(kept.compress(frame))
    assert isinstance(restored, pl.DataFrame)
    assert restored.equals(frame)
    assert restored.schema == frame.schema


def test_a_codec_is_saved_and_loaded(kept: Codec, table: pd.DataFrame, tmp_path: Path) -> None:
    kept.save(tmp_path / "codec.safetensors")
    loaded = isthmus.load(tmp_path / "codec.safetensors", Codec)
    assert loaded.get_params() == kept.get_params()
    assert loaded.compress(table) == kept.compress(table)
    assert loaded.n_features_in_ == 7


def test_the_rate_and_the_report_say_what_was_written(kept: Codec, table: pd.DataFrame) -> None:
    rate = kept.rate(table)
    assert rate.rows == 400
    assert rate.compressed * 400 == pytest.approx(len(kept.compress(table)))
    assert (rate.with_model - rate.compressed) * 400 == pytest.approx(rate.model_bytes)
    assert rate.ratio == pytest.approx(rate.original / rate.compressed)
    report = kept.report(table)
    assert report["column"].tolist() == list(table)
    assert (report["greatest_error"] == 0).all()
    assert report["bytes"].sum() < len(kept.compress(table))
    assert report["original"][0] == 1600


def test_writing_to_a_file_is_whole_or_not_at_all(kept: Codec, table: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "table.isth"
    path.write_bytes(b"before")
    with pytest.raises(InvalidData):
        kept.compress_to(table.drop(columns="price"), path)
    assert path.read_bytes() == b"before"
    assert [other.name for other in tmp_path.iterdir()] == ["table.isth"]


def test_blocks_of_wide_tables_have_fewer_rows(
    kept: Codec, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus.codec.streams.MOST_CELLS", 7 * 150)
    stream = kept.compress(table)
    assert [entry.rows for entry in Stream(stream).entries] == [150, 150, 100]
    pd.testing.assert_frame_equal(kept.decompress(stream), table)
    pd.testing.assert_frame_equal(kept.decompress(stream, slice(140, 310, 7)), table[140:310:7].reset_index(drop=True))


def test_the_code_of_an_autoencoder_stands_before_rows_where_it_pays(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = table[["size", "noise"]]
    settings = {"hidden": 4, "steps": 100, "history": False}
    codec = Codec(isthmus.Autoencoder(1, encoder=(), max_epochs=1), **settings).fit(numbers)
    assert not codec.uses_code_  # two columns that know nothing of each other
    learn = Codec._learn
    costs = iter([2.0, 1.0])
    monkeypatch.setattr(Codec, "_learn", lambda *arguments: (learn(*arguments)[0], next(costs)))
    codec.fit(numbers)
    assert codec.uses_code_
    assert codec.n_features_in_ == 2
    stream, rows = codec.compress(numbers), codec.compress_rows(numbers[:5])
    assert codec.report(numbers)["column"].tolist() == ["code 0", "size", "noise"]
    codec.save(tmp_path / "codec.safetensors")
    loaded = isthmus.load(tmp_path / "codec.safetensors")
    pd.testing.assert_frame_equal(loaded.decompress(stream), numbers)
    pd.testing.assert_frame_equal(loaded.decompress(stream, [3]), numbers[3:4].reset_index(drop=True))
    pd.testing.assert_frame_equal(loaded.decompress_rows(rows), numbers[:5])
