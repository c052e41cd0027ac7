"""A stream holds its model only where that pays; without one, columns are written by themselves, or by contexts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard

import isthmus
from isthmus import Codec, InvalidData, InvalidPart, ModelFileError
from isthmus.codec.columns import NumberColumn
from isthmus.codec.container import Stream, write_stream
from isthmus.codec.forms import open_form
from isthmus.codec.plain import PlainCodec
from isthmus.codec.quantisers import fit_decimals
from isthmus.codec.streams import Table, pieces
from mixed_table import make_table


def embedding(codec: Codec) -> Codec:
    """Return a codec that has learned the same, and puts its model into streams."""
    other = Codec(embed=True)
    other._fitted = codec.fitted_
    return other


@pytest.fixture(scope="module")
def stream(kept: Codec, table: pd.DataFrame) -> bytes:
    """Return a small table as a stream that could hold its model."""
    return embedding(kept).compress(table)


def test_a_small_table_is_smaller_than_zstd_and_needs_no_model(kept: Codec, table: pd.DataFrame, stream: bytes) -> None:
    assert len(stream) < len(zstandard.ZstdCompressor(level=19).compress(table.to_csv(index=False).encode()))
    assert len(stream) < len(kept.compress(table)) + kept.rate(table).model_bytes
    assert Stream(stream).embedded is None
    pd.testing.assert_frame_equal(kept.decompress(stream), table)  # whoever reads it
    pd.testing.assert_frame_equal(Codec().decompress(stream, slice(7, 3, -1)), table[7:3:-1].reset_index(drop=True))
    report = embedding(kept).report(table)
    assert report["column"].tolist() == list(table)
    assert not (report["method"] == "network").any()


def test_a_large_table_has_its_model(kept: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many rows, the network saves more than the model takes, where columns are by themselves without it."""
    monkeypatch.setattr("isthmus.codec.blocks.MOST_CONTEXT_COLUMNS", 0)
    many = pd.concat([make_table(400, seed) for seed in range(60)], ignore_index=True)
    stream = embedding(kept).compress(many)
    embedded = Stream(stream).embedded
    assert embedded is not None
    assert len(embedded) == kept.rate(many[:1]).model_bytes
    pd.testing.assert_frame_equal(Codec().decompress(stream), many)


@pytest.mark.parametrize("name", ["f4", "f8", "i1", "u8", "M8[ns]", "?"])
def test_arrays_come_back_without_a_model(name: str) -> None:
    X = (np.arange(60).reshape(20, 3) % 7).astype(np.int64).astype(name)
    form, blocks = open_form(X)
    (cells,) = blocks
    plain = PlainCodec(form, [NumberColumn(fit_decimals(part.values)) for part in cells])
    header = {"model": plain.fingerprint, "form": form.to_json(to_pack=True), "plain": plain.to_json()}
    sink = io.BytesIO()
    Table(plain, header, b"", pieces(plain, cells)).write(sink)
    restored = Codec().decompress(sink.getvalue())
    assert restored.dtype == X.dtype
    assert (restored == X).all()


def test_errors_hold_without_a_model(table: pd.DataFrame, fitted) -> None:
    codec = embedding(fitted(table, "table", history=True, error={"price": (0.01, "range"), "noise": 0.1}))
    table = table[:100]
    restored = Codec().decompress(codec.compress(table))
    assert np.abs(restored["noise"].astype(float) - table["noise"].astype(float)).max() <= 0.1
    exact = [name for name in table if name not in ("price", "noise")]
    pd.testing.assert_frame_equal(restored[exact], table[exact])
    assert len(Codec().decompress(codec.compress(table[:0]))) == 0


@pytest.mark.parametrize(
    "plain", [None, [], [["Bits", {}]] * 7, [["Levels", {}], *[None] * 6], [["Steps", {"error": "x"}], *[None] * 6], 5]
)
def test_forged_columns_are_refused(stream: bytes, plain: object) -> None:
    opened = Stream(stream)
    sink = io.BytesIO()
    write_stream(sink, opened.header | {"plain": plain}, b"", [(opened.block(0), 400)])
    with pytest.raises(ModelFileError, match=r"^the stream is damaged: it does not say how its columns become"):
        Codec().decompress(sink.getvalue())


@pytest.mark.parametrize("effort", ["contexts", "fast"])
def test_less_effort_learns_nothing_and_keeps_the_same_error(effort: str, table: pd.DataFrame, tmp_path: Path) -> None:
    codec = Codec(effort=effort, error={"price": 0.01}).fit(table)
    stream = codec.compress(table[list(table)[::-1]])  # in another order
    restored = Codec().decompress(stream)
    assert list(restored) == list(table)[::-1]
    pd.testing.assert_frame_equal(restored.drop(columns="price"), table[list(restored)].drop(columns="price"))
    finite = np.isfinite(table["price"])
    assert np.abs(restored["price"][finite] - table["price"][finite]).max() <= 0.01
    assert (codec.report(table)["method"] == "mixed contexts").any() == (effort == "contexts")
    codec.save(tmp_path / "codec.safetensors")
    again = isthmus.load(tmp_path / "codec.safetensors")
    assert again.compress(table) == codec.compress(table)
    assert codec.rate(table).model_bytes == 0
    with pytest.raises(InvalidData, match=r'writes no rows alone: use compress, or effort="network"\.$'):
        codec.compress_rows(table)
    with pytest.raises(InvalidData, match=r"^column 'color' was not there at the fit\."):
        codec.compress(table.assign(color=1))
    with pytest.raises(InvalidPart, match='autoencoder must be None where effort is not "network"'):
        Codec(isthmus.Autoencoder(2), effort=effort).fit(table)


def test_blocks_are_short_where_rows_are_others_as_they_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.codec.blocks.NEAR_ROWS", 500)
    random = np.random.Generator(np.random.Philox(0))
    walk = np.cumsum(random.integers(-1, 2, (1200, 3)), axis=0)
    for X, rows in ((walk, [500, 500, 200]), (random.permutation(walk), [1200])):
        codec = Codec(effort="contexts").fit(X)
        stream = codec.compress(X)
        assert [entry.rows for entry in Stream(stream).entries] == rows
        assert (codec.decompress(stream) == X).all()
