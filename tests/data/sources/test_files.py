"""Folders, patterns and compressed files: the rows that pandas and pyarrow read, and a reason for what is no table."""

from __future__ import annotations

import bz2
import gzip
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from isthmus import Autoencoder, InvalidData
from isthmus.data.files import COMPRESSIONS
from isthmus.data.sources import is_path, open_numbers, open_table, source_type

X = np.random.default_rng(0).normal(size=(24, 3))
FRAME = pd.DataFrame(X, columns=list("abc"))
PARTS = {"x": FRAME[:9], "y": FRAME[9:10], "z": FRAME[10:]}


def saved(path: Path, frame: pd.DataFrame = FRAME) -> Path:
    """Write a table in the format of a path, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in (".parquet", ".pq"):
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=4)
        return path
    compression = COMPRESSIONS.get(path.suffix.lower())
    separator = "\t" if ".tsv" in path.name.lower() else ","
    content = frame.to_csv(index=False, sep=separator).encode()
    if compression is None:
        path.write_bytes(content)
    else:
        with pa.output_stream(path, compression=compression) as stream:
            stream.write(content)
    return path


def several(folder: Path, suffix: str) -> Path:
    """Write the table as three files, and return their folder."""
    for name, frame in PARTS.items():
        saved(folder / f"{name}{suffix}", frame)
    return folder


def rows_of(data: Any) -> np.ndarray:
    source = open_numbers(data)
    values = np.concatenate(list(source.blocks(5)))
    assert len(values) == source.n_rows
    return values


@pytest.mark.parametrize("text", [".csv", ".tsv", ".CSV"])
@pytest.mark.parametrize("suffix", [*COMPRESSIONS, ".GZ"])
def test_a_compressed_file_is_read(text: str, suffix: str, tmp_path: Path) -> None:
    path = saved(tmp_path / f"t{text}{suffix}")
    assert type(open_numbers(path)) is source_type("csv")
    np.testing.assert_allclose(rows_of(str(path)), X, rtol=1e-15)
    assert is_path(str(path))


def test_those_of_the_standard_library_are_read_too(tmp_path: Path) -> None:
    content = FRAME.to_csv(index=False).encode()
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "t.csv.bz2").write_bytes(bz2.compress(content))
    for name in ("t.csv.gz", "t.csv.bz2"):
        np.testing.assert_array_equal(rows_of(tmp_path / name), pd.read_csv(tmp_path / name).to_numpy())


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet", ".pq"])
@pytest.mark.parametrize("form", ["folder", "text", "slash", "pattern", "deep pattern"])
def test_files_with_the_same_columns_are_one_table(suffix: str, form: str, tmp_path: Path) -> None:
    folder = several(tmp_path / "data", suffix)
    forms: dict[str, Any] = {
        "folder": folder,
        "text": str(folder),
        "slash": f"{folder}/",
        "pattern": folder / f"*{suffix}",
        "deep pattern": f"{tmp_path}/**/[xyz]{suffix}",
    }
    source = open_numbers(forms[form])
    assert (source.n_rows, source.row.columns) == (24, ("a", "b", "c"))
    np.testing.assert_allclose(rows_of(forms[form]), X, rtol=1e-15)
    assert is_path(forms[form])


def test_a_pattern_names_some_of_them(tmp_path: Path) -> None:
    several(tmp_path, ".csv")
    np.testing.assert_allclose(rows_of(tmp_path / "[xz].csv"), np.delete(X, 9, axis=0), rtol=1e-15)


def test_a_file_whose_name_is_a_pattern_is_that_file(tmp_path: Path) -> None:
    saved(tmp_path / "x1.csv", FRAME[:3])
    saved(tmp_path / "x[1].csv", FRAME[3:])
    np.testing.assert_allclose(rows_of(tmp_path / "x[1].csv"), X[3:], rtol=1e-15)


def test_what_belongs_to_no_table_is_left_out(tmp_path: Path) -> None:
    several(tmp_path, ".parquet")
    for name in ("_SUCCESS", "README.md", ".x.parquet", "_metadata.parquet", "x.parquet.crc"):
        (tmp_path / name).write_bytes(b"no table")
    (tmp_path / "folder.parquet").mkdir()
    saved(tmp_path / ".hidden" / "x.parquet", FRAME * 2)
    np.testing.assert_array_equal(rows_of(tmp_path), X)


def test_a_model_answers_for_a_folder_as_for_one_file(tmp_path: Path) -> None:
    model = Autoencoder(1, encoder=(4,), max_epochs=1).fit(several(tmp_path / "parts", ".parquet"))
    saved(tmp_path / "t.parquet")
    same = Autoencoder(1, encoder=(4,), max_epochs=1).fit(tmp_path / "t.parquet")
    answer = model.reconstruct(tmp_path / "parts")
    assert isinstance(answer, pd.DataFrame)
    pd.testing.assert_frame_equal(answer, same.reconstruct(tmp_path / "t.parquet"), rtol=1e-5)
    np.testing.assert_allclose(model.transform(tmp_path / "t.parquet"), model.transform(tmp_path / "parts"), rtol=1e-5)
    model.save(tmp_path / "m.safetensors")
    assert model.similar(str(tmp_path / "parts"), 2).shape == (48, 3)


def test_of_parquet_only_the_columns_are_read_at_first(tmp_path: Path) -> None:
    """The rows are read from the files as they are asked for."""
    folder = several(tmp_path, ".parquet")
    source = open_numbers(folder)
    blocks = source.blocks(4)
    np.testing.assert_array_equal(next(blocks), X[:4])
    (folder / "z.parquet").unlink()
    assert source.n_rows == 24
    with pytest.raises(InvalidData, match=r"z\.parquet cannot be read as Parquet"):
        list(blocks)


TYPES: dict[str, list[list[Any]]] = {
    "whole and halves": [[1, 2], [0.5], [3]],
    "whole and missing": [[1, 2], [None, None], [3]],
    "halves and missing": [[None], [0.5, None]],
    "missing only at first": [[None, None], ["x", "y"]],
    "texts and numbers": [["x", "01"], [2, 3]],
    "truth and numbers": [[True, False], [2, 3]],
    "dates and times": [["2024-01-01"], ["2024-01-01T10:00:00"]],
    "dates and texts": [["2024-01-01"], ["soon"]],
    "dates": [["2024-01-01"], ["2024-01-02"]],
}


@pytest.mark.parametrize("case", TYPES)
def test_types_are_those_of_one_file_with_all_rows(case: str, tmp_path: Path) -> None:
    frames = [pd.DataFrame({"n": range(len(values)), "v": pd.Series(values, dtype=object)}) for values in TYPES[case]]
    for i, frame in enumerate(frames):
        saved(tmp_path / "parts" / f"{i}.csv", frame)
    saved(tmp_path / "all.csv", pd.concat(frames))
    found: Any = open_table(tmp_path / "parts")
    due: Any = open_table(tmp_path / "all.csv")
    assert found.schema.types == due.schema.types
    assert pa.Table.from_batches(found.record_batches(9)).equals(pa.Table.from_batches(due.record_batches(9)))
    assert pl.read_csv(tmp_path / "all.csv", infer_schema_length=None).height == found.n_rows


def test_the_order_of_columns_is_that_of_the_first_file(tmp_path: Path) -> None:
    for suffix in (".csv", ".parquet"):
        saved(tmp_path / suffix / f"1{suffix}", FRAME[:9])
        saved(tmp_path / suffix / f"2{suffix}", FRAME[9:][["c", "a", "b"]])
        np.testing.assert_allclose(rows_of(tmp_path / suffix), X, rtol=1e-15)


def test_a_file_without_rows_changes_nothing(tmp_path: Path) -> None:
    for suffix in (".csv", ".parquet"):
        folder = several(tmp_path / suffix, suffix)
        saved(folder / f"w{suffix}", FRAME[:0])
        np.testing.assert_allclose(rows_of(folder), X, rtol=1e-15)


def test_parquet_types_are_widened(tmp_path: Path) -> None:
    kinds = (pa.int16(), pa.int64(), pa.float32())
    for i, kind in enumerate(kinds):
        pq.write_table(pa.table({"v": pa.array([i, None], kind), "w": [1.0, 2.0]}), tmp_path / f"{i}.parquet")
    np.testing.assert_array_equal(rows_of(tmp_path)[:, 0], [0, np.nan, 1, np.nan, 2, np.nan])
    assert open_numbers(tmp_path).dtype == np.float64
    assert open_numbers(tmp_path / "2.parquet").schema.types == [pa.float32(), pa.float64()]  # type: ignore[attr-defined]


def test_categories_differ_from_file_to_file(tmp_path: Path) -> None:
    for i, values in enumerate((["x", "y"], ["z", "y", None])):
        frame = pd.DataFrame({"v": pd.Categorical(values), "w": range(len(values))})
        saved(tmp_path / f"{i}.parquet", frame)
    source: Any = open_table(tmp_path)
    found = pa.Table.from_batches(source.record_batches(9))
    assert found["v"].to_pylist() == ["x", "y", "z", "y", None]
    assert found.equals(ds.dataset(tmp_path).to_table().cast(found.schema))


def test_folders_named_by_a_value_are_columns(tmp_path: Path) -> None:
    frame = FRAME.assign(year=np.arange(24) % 3 + 2020, kind=np.where(np.arange(24) % 2, "x", "y z"))
    pq.write_to_dataset(pa.Table.from_pandas(frame), tmp_path / "t", partition_cols=["year", "kind"])
    source: Any = open_table(tmp_path / "t")
    found = pa.Table.from_batches(source.record_batches(5)).to_pandas()
    due = ds.dataset(tmp_path / "t", partitioning="hive").to_table().to_pandas()
    assert list(found) == ["a", "b", "c", "year", "kind"]
    order = ["a"]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True), due[list(found)].sort_values(order, ignore_index=True)
    )
    chosen = np.concatenate(list(source.select(["year", "a"]).blocks(9)))
    np.testing.assert_array_equal(chosen, found[["year", "a"]].to_numpy())
    (only,) = sorted((tmp_path / "t").glob("year=2020/kind=x/*"))
    np.testing.assert_array_equal(rows_of(only), found.query("year == 2020 and kind == 'x'")[["a", "b", "c"]])


def test_one_file_in_a_named_folder_has_its_column(tmp_path: Path) -> None:
    saved(tmp_path / "year=2024" / "x.parquet")
    assert open_numbers(tmp_path).row.columns == ("a", "b", "c", "year")
    np.testing.assert_array_equal(rows_of(tmp_path), np.column_stack([X, np.full(24, 2024)]))


def write(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def differing(folder: Path, suffix: str) -> Path:
    several(folder, suffix)
    saved(folder / f"y{suffix}", FRAME.rename(columns={"b": "d"}))
    return folder


def twice(folder: Path) -> Path:
    several(folder, ".parquet")
    pq.write_table(pa.Table.from_arrays([pa.array([1.0])] * 3, names=["a", "b", "a"]), folder / "a.parquet")
    return folder


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty folder": (
        lambda f: f,
        r" is a folder without tables: expected files that end in \.bmp, \.csv, \.gif, .*\.parquet, .*\.tsv, \.webp\.$",
    ),
    "folder of other files": (lambda f: write(f / "x.md").parent, r" is a folder without tables: "),
    "folder of arrays": (lambda f: write(f / "x.npy").parent, r" is a folder without tables: "),
    "mixed folder": (
        lambda f: several(several(f, ".csv"), ".parquet"),
        (
            r" stands for files of several kinds, \.csv and \.parquet: expected files of one kind\. Pass a pattern for "
            r"them, such as '.*/\*\.csv'\.$"
        ),
    ),
    "mixed pattern": (
        lambda f: several(several(f, ".csv"), ".parquet") / "*",
        r"\* stands for files of several kinds, \.csv and \.parquet: .* such as '.*0/\*\.csv'\.$",
    ),
    "no match": (
        lambda f: several(f, ".csv") / "*.parquet",
        r"^no table matches .*\*\.parquet: .* files that end in \.bmp, \.csv, \.gif, .*\.parquet, .*\.tsv, \.webp\.$",
    ),
    "no table matches": (lambda f: write(f / "x.md").parent / "*", r"^no table matches "),
    "csv with another column": (
        lambda f: differing(f, ".csv"),
        (
            r"y\.csv has no column 'b', which .*x\.csv has: expected the same columns in all files that are read as "
            r"one table\. Make them agree, or pass the files one by one\.$"
        ),
    ),
    "csv with one more": (
        lambda f: saved(several(f, ".csv") / "y.csv", FRAME.assign(d=1)).parent,
        r"x\.csv has no column 'd', which .*y\.csv has: ",
    ),
    "parquet with another column": (lambda f: differing(f, ".parquet"), r"y\.parquet has no column 'b', which .*x\.p"),
    "parquet of another type": (
        lambda f: saved(several(f, ".parquet") / "y.parquet", FRAME.assign(b="x")).parent,
        r"^column 'b' is of type (large_)?string in .*y\.parquet and of double in .*x\.parquet: expected types that ",
    ),
    "parquet with a name twice": (twice, "column 'a' stands 2 times"),
    "csv with a name twice": (
        lambda f: write(several(f, ".csv") / "y.csv", b"a,b,a\n1,2,3\n").parent,
        "column 'a' stands 2 times",
    ),
    "an empty one among others": (
        lambda f: write(several(f, ".csv") / "y.csv").parent,
        r"y\.csv: expected a header line and rows; got an empty file",
    ),
    "a broken one among others": (
        lambda f: write(several(f, ".parquet") / "y.parquet", b"PAR1").parent,
        r"y\.parquet cannot be read as Parquet",
    ),
    "a header only": (lambda f: saved(f / "x.csv", FRAME[:0]).parent, r"has \d columns and no rows: expected"),
    "gzip empty": (lambda f: write(f / "x.csv.gz"), r"x\.csv\.gz(: expected a header line| cannot be read as CSV)"),
    "gzip of nothing": (lambda f: write(f / "x.csv.gz", gzip.compress(b"")), r"x\.csv\.gz: expected a header line"),
    "gzip that is none": (lambda f: write(f / "x.csv.gz", b"a,b\n1,2\n"), r"x\.csv\.gz cannot be read as CSV: "),
    "gzip cut": (
        lambda f: write(f / "y.csv.gz", saved(f / "x.csv.gz").read_bytes()[:-40]),
        r"y\.csv\.gz cannot be read as CSV: ",
    ),
    "gzip of bytes": (
        lambda f: write(f / "x.csv.gz", gzip.compress(bytes(range(256)))),
        r"x\.csv\.gz cannot be read as CSV: it is not text in UTF-8",
    ),
    "unknown compression": (lambda f: write(f / "x.csv.xz"), r"x\.csv\.xz has an unsupported suffix\."),
    "compressed array": (lambda f: write(f / "x.npy.gz"), r"x\.npy\.gz has an unsupported suffix\."),
    "NUL in a path": (lambda f: "a\0b.csv", "there is no file"),
    "brackets in a path": (lambda f: f / "[.csv", r"^no table matches .*\[\.csv: "),
    "a name too long": (lambda f: f / ("x" * 5000) / "*.csv", "no table matches"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_says_why(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    folder = tmp_path / "0"
    folder.mkdir()
    with pytest.raises(InvalidData, match=message) as caught:
        Autoencoder(1, encoder=(4,), max_epochs=1).fit(make(folder))
    assert "\n" not in str(caught.value)


FORBIDDEN = """
import os, sys
import pandas, polars
from isthmus import InvalidData
from isthmus.data.sources import open_table, source_types

source_types()
if os.geteuid() == 0:  # who may read everything
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        open_table(path)
    except InvalidData as error:
        print(error)
"""


def test_what_may_not_be_read_says_so() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        files = [saved(root / f"x{suffix}") for suffix in (".csv", ".csv.gz", ".parquet")]
        np.save(root / "x.npy", X)
        files.append(root / "x.npy")
        for path in files:
            path.chmod(0)
        closed, hidden = root / "closed", root / "hidden"
        closed.mkdir(0)
        hidden.mkdir(0o311)
        paths = [*files, closed, closed / "x.csv", hidden / "x.csv"]
        ran = subprocess.run([sys.executable, "-c", FORBIDDEN, *paths], capture_output=True, text=True, check=False)
        closed.chmod(0o700)
        hidden.chmod(0o700)
    said = ran.stdout.splitlines()
    assert len(said) == len(paths), ran.stderr
    for path, message in zip(files, said, strict=False):
        assert message.startswith(f"{path} cannot be read as ")
        assert "ermission denied" in message
    assert said[4:] == [
        f"{closed} is a folder that may not be read: expected one that you have the right to read.",
        f"there is no file {closed / 'x.csv'}.",
        f"there is no file {hidden / 'x.csv'}.",
    ]
