"""How many bytes tables take, beside pcodec, OpenZL, Parquet and zstd: one record at a time, whole, and as series.

    python benchmarks/compression.py --data FOLDER

`FOLDER` holds `adult/adult.parquet`, `kdd99_10pct/kdd99_10pct.parquet`, `beijing_air/beijing_air.parquet` and
`smd/smd.npz`. Rivals that are not installed are left out. Records are learned from one half of the rows, drawn at
random, and measured on others; so is the dictionary of zstd. Series are learned from the earlier half of each machine.
The bytes of models, of dictionaries, and of the categories that the rivals need, stand apart.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zstandard
from pcodec import ChunkConfig, standalone

from isthmus import Codec

TABLES = {
    "adult": ("adult/adult.parquet", None),
    "kdd99": ("kdd99_10pct/kdd99_10pct.parquet", 100_000),
    "beijing": ("beijing_air/beijing_air.parquet", None),
}
MACHINES = ("machine-1-6", "machine-2-7")
DICTIONARY = 64 * 1024  # bytes
MEASURED = 2000  # records


def read(folder: Path, name: str) -> pd.DataFrame:
    path, rows = TABLES[name]
    return pd.read_parquet(folder / path).iloc[:rows]


def lines_of(frame: pd.DataFrame) -> list[bytes]:
    """Return the rows as lines of CSV."""
    return frame.to_csv(index=False, header=False).encode().splitlines()


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start


def record_rows(frame: pd.DataFrame, seed: int, hidden: int) -> Iterator[tuple[str, float, int, float, float]]:
    """Yield method, bytes a row, bytes of the model, and microseconds to write and to read a row."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(frame))
    half = len(frame) // 2
    learned = frame.iloc[order[:half]].reset_index(drop=True)
    measured = frame.iloc[order[half : half + MEASURED]].reset_index(drop=True)
    lines, known = lines_of(measured), lines_of(learned)
    trained = zstandard.train_dictionary(DICTIONARY, known[:50_000])
    for method, dictionary in (("zstd-19", None), ("zstd-19, dictionary", trained)):
        packer = zstandard.ZstdCompressor(level=19, dict_data=dictionary, write_content_size=False)
        reader = zstandard.ZstdDecompressor(dict_data=dictionary)
        packed, writing = timed(lambda packer=packer: [packer.compress(line) for line in lines])
        _, reading = timed(lambda reader=reader, p=packed: [reader.decompress(r, max_output_size=10**6) for r in p])
        size = 0 if dictionary is None else DICTIONARY
        yield method, sum(map(len, packed)) / len(lines), size, writing / len(lines) * 1e6, reading / len(lines) * 1e6
    codec, training = timed(lambda: Codec(history=False, hidden=hidden).fit(learned))
    model = codec.rate(measured[:1]).model_bytes
    packed, writing = timed(lambda: codec.compress_rows(measured))
    restored, reading = timed(lambda: codec.decompress_rows(packed))
    pd.testing.assert_frame_equal(restored, measured)
    each = sum(map(len, packed)) / len(packed)
    label = f"isthmus, 1,024 at a time (trained in {training:.0f} s)"
    yield label, each, model, writing / len(packed) * 1e6, reading / len(packed) * 1e6
    records = [dict(zip(measured, row, strict=True)) for row in measured.itertuples(index=False, name=None)]
    assert [codec.compress_row(row) for row in records[:100]] == packed[:100]
    _, writing = timed(lambda: [codec.compress_row(row) for row in records[100:]])
    _, reading = timed(lambda: [codec.decompress_row(data) for data in packed[100:]])
    n = len(records) - 100
    yield "isthmus, a dict in, a dict out", each, model, writing / n * 1e6, reading / n * 1e6


def numbers_of(column: pd.Series) -> tuple[np.ndarray, int]:
    """Return a column as numbers, categories by their places, and how many bytes the categories take."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = "\0".join(map(str, column.cat.categories)).encode()
        return column.cat.codes.to_numpy().astype(np.int16), len(zstandard.ZstdCompressor(level=19).compress(names))
    values = column.to_numpy()
    return (values.astype(np.int16) if values.dtype.itemsize == 1 else values), 0


def by_openzl(values: np.ndarray) -> int | None:
    """Return how many bytes OpenZL takes for a column, the smallest of several graphs; None where it is missing."""
    try:
        zl = importlib.import_module("openzl.ext")
    except ImportError:
        return None
    whole = np.ascontiguousarray(values).view(f"i{values.dtype.itemsize}")
    match, tokens, delta = zl.graphs.FieldLz, zl.nodes.TokenizeNumeric(sort=True), zl.nodes.DeltaInt()
    graphs: list[Callable[[Any], Any]] = [
        lambda c: match()(c),
        lambda c: delta(c, match()(c)),
        lambda c: zl.graphs.Bitpack()(c),
        lambda c: tokens(c, alphabet=delta(c, match()(c)), indices=match()(c)),
    ]
    sizes = []
    for graph in graphs:
        compressor, context = zl.Compressor(), zl.CCtx()
        compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
        compressor.select_starting_graph(graph(compressor))
        context.ref_compressor(compressor)
        with contextlib.suppress(RuntimeError):  # a graph that is not for such values
            sizes.append(len(context.compress([zl.Input(zl.Type.Numeric, whole)])))
    return min(sizes, default=None)


def whole_rows(frame: pd.DataFrame, hidden: int) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield method, bytes, bytes of its model or categories, and MB a second of memory, written and read."""
    memory = sum(numbers_of(frame[name])[0].nbytes for name in frame)
    text = frame.to_csv(index=False).encode()
    packed, seconds = timed(lambda: zstandard.ZstdCompressor(level=9).compress(text))
    _, reading = timed(lambda: zstandard.ZstdDecompressor().decompress(packed))
    yield "zstd-9 of CSV", len(packed), 0, memory / seconds / 1e6, memory / reading / 1e6
    sink = io.BytesIO()
    _, seconds = timed(lambda: frame.to_parquet(sink, compression="zstd", compression_level=9))
    _, reading = timed(lambda: pd.read_parquet(io.BytesIO(sink.getvalue())))
    yield "Parquet, zstd-9", len(sink.getvalue()), 0, memory / seconds / 1e6, memory / reading / 1e6
    columns = [numbers_of(frame[name]) for name in frame]
    named = sum(size for _, size in columns)
    pressed, seconds = timed(lambda: [standalone.simple_compress(values, ChunkConfig()) for values, _ in columns])
    _, reading = timed(lambda: [standalone.simple_decompress(part) for part in pressed])
    pcodec = [len(part) for part in pressed]
    yield "pcodec by column", sum(pcodec), named, memory / seconds / 1e6, memory / reading / 1e6
    other = [by_openzl(values) for values, _ in columns]
    if all(size is not None for size in other):
        yield "OpenZL by column", sum(other), named, np.nan, np.nan
        yield "best of both by column", sum(map(min, zip(pcodec, other, strict=True))), named, np.nan, np.nan
    codec, training = timed(lambda: Codec(hidden=hidden).fit(frame))
    stream, seconds = timed(lambda: codec.compress(frame))
    restored, reading = timed(lambda: codec.decompress(stream))
    pd.testing.assert_frame_equal(restored, frame)
    model, order = codec.rate(frame[:1]).model_bytes, "row before" if codec.fitted_.layout.history else "rows alone"
    label = f"isthmus ({order}, trained in {training:.0f} s)"
    yield label, len(stream), model, memory / seconds / 1e6, memory / reading / 1e6
    for effort in ("contexts", "fast"):
        alone = Codec(effort=effort).fit(frame)
        stream, seconds = timed(lambda alone=alone: alone.compress(frame))
        restored, reading = timed(lambda stream=stream: Codec().decompress(stream))
        pd.testing.assert_frame_equal(restored, frame)
        label = f"isthmus without a model, {effort}"
        yield label, len(stream), 0, memory / seconds / 1e6, memory / reading / 1e6


def series_rows(earlier: np.ndarray, X: np.ndarray, hidden: int) -> Iterator[tuple[str, float, float]]:
    """Yield method and ratio to float32, without and with the bytes of the model, at two errors of the range."""
    spread = X.max(axis=0) - X.min(axis=0)
    for error in (1e-2, 1e-3):
        allowed = {place: float(error * width) for place, width in enumerate(spread) if width > 0}
        width = np.where(spread > 0, 2 * error * spread, 1.0)
        places = np.rint(X / width).astype(np.int32)
        size = sum(len(standalone.simple_compress(np.ascontiguousarray(c), ChunkConfig())) for c in places.T)
        yield f"quantised + pcodec, {error:g}", X.nbytes / size, X.nbytes / size
        alone = Codec(error=allowed, effort="contexts").fit(X)
        stream = alone.compress(X)
        assert (np.abs(Codec().decompress(stream).astype(np.float64) - X) <= error * spread).all()
        yield f"isthmus without a model, {error:g}", X.nbytes / len(stream), X.nbytes / len(stream)
        codec = Codec(error=allowed, history=True, hidden=hidden).fit(earlier)
        stream = codec.compress(X)
        assert (np.abs(codec.decompress(stream).astype(np.float64) - X) <= error * spread).all()
        model = codec.rate(X[:1]).model_bytes
        yield f"isthmus, {error:g}", X.nbytes / len(stream), X.nbytes / (len(stream) + model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cases", nargs="*", default=["records", "tables", "series"])
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if "records" in chosen.cases:
        print("\n| one record at a time | method | bytes a row | model bytes | us to write | us to read |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for name in chosen.tables:
            for method, size, model, write, reading in record_rows(read(chosen.data, name), chosen.seed, chosen.hidden):
                print(f"| {name} | {method} | {size:.1f} | {model:,} | {write:.0f} | {reading:.0f} |", flush=True)
    if "tables" in chosen.cases:
        print("\n| whole table | method | MB | model or categories, MB | MB/s written | MB/s read |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for name in chosen.tables:
            for method, size, model, write, reading in whole_rows(read(chosen.data, name), chosen.hidden):
                print(
                    f"| {name} | {method} | {size / 1e6:.3f} | {model / 1e6:.3f} | {write:.1f} | {reading:.1f} |",
                    flush=True,
                )
    if "series" in chosen.cases:
        print("\n| series | method | ratio to float32 | model counted in |")
        print("| --- | --- | ---: | ---: |")
        with np.load(chosen.data / "smd" / "smd.npz", allow_pickle=False) as file:
            for name in MACHINES:
                for method, ratio, counted in series_rows(file[f"{name}_train"], file[f"{name}_test"], chosen.hidden):
                    print(f"| SMD {name} | {method} | {ratio:.1f} | {counted:.1f} |", flush=True)


if __name__ == "__main__":
    main()
