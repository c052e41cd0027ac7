"""Every kind of table: read in blocks, its names and type kept, what cannot be read refused."""

from __future__ import annotations

import dataclasses
import decimal
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse

from isthmus import Autoencoder, InvalidData
from isthmus.data.source import Source
from isthmus.data.sources import is_path, open_numbers, open_table, source_type, source_types

X = np.random.default_rng(0).normal(size=(23, 3))
NAMES = ["a", "b", "c"]


def frame(x: np.ndarray = X) -> pd.DataFrame:
    return pd.DataFrame(x, columns=NAMES)


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def saved(folder: Path, name: str, x: Any = X, **arrays: Any) -> Path:
    path = folder / name
    if path.suffix == ".npz":
        np.savez(path, **arrays or {"X": x})
    elif path.suffix == ".npy":
        np.save(path, x)
    elif path.suffix in (".parquet", ".pq"):
        pd.DataFrame(x, columns=NAMES[: x.shape[1]]).to_parquet(path)
    else:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        pd.DataFrame(x, columns=NAMES[: x.shape[1]]).to_csv(path, index=False, sep=separator)
    return path


TABLES: dict[str, tuple[str, Callable[[Path], Any], bool]] = {
    "array": ("array", lambda folder: X, False),
    "lists": ("array", lambda folder: X.tolist(), False),
    "tuples": ("array", lambda folder: tuple(map(tuple, X)), False),
    "array by column": ("array", lambda folder: np.asfortranarray(X), False),
    "objects": ("array", lambda folder: X.astype(object), False),
    "numbers as text": ("array", lambda folder: X.astype(str), False),
    "memory map": ("array", lambda folder: np.load(saved(folder, "x.npy"), mmap_mode="r"), False),
    "csr": ("sparse", lambda folder: scipy.sparse.csr_matrix(X), False),
    "csc": ("sparse", lambda folder: scipy.sparse.csc_array(X), False),
    "coo": ("sparse", lambda folder: scipy.sparse.coo_array(X), False),
    "pandas": ("pandas", lambda folder: frame(), True),
    "pandas of arrow": ("pandas", lambda folder: frame().convert_dtypes(dtype_backend="pyarrow"), True),
    "polars": ("polars", lambda folder: pl.DataFrame(X, schema=NAMES), True),
    "lazy polars": ("polars", lambda folder: pl.DataFrame(X, schema=NAMES).lazy(), True),
    "csv": ("csv", lambda folder: saved(folder, "x.csv"), True),
    "csv in capitals": ("csv", lambda folder: saved(folder, "x.CSV"), True),
    "tsv": ("csv", lambda folder: saved(folder, "x.tsv"), True),
    "csv with a mark": ("csv", lambda folder: write(folder, "x.csv", "\ufeff" + frame().to_csv(index=False)), True),
    "csv of Windows": ("csv", lambda f: write(f, "x.csv", frame().to_csv(index=False, lineterminator="\r\n")), True),
    "csv in UTF-16": (
        "csv",
        lambda folder: write(folder, "x.csv", frame().to_csv(index=False).encode("utf-16")),
        True,
    ),
    "csv in UTF-16, the other way": (
        "csv",
        lambda folder: write(folder, "x.csv", frame().to_csv(index=False).encode("utf-16-be")),
        True,
    ),
    "csv with quotes": ("csv", lambda folder: write(folder, "x.csv", frame().to_csv(index=False, quoting=1)), True),
    "parquet": ("parquet", lambda folder: saved(folder, "x.parquet"), True),
    "pq": ("parquet", lambda folder: str(saved(folder, "x.pq")), True),
    "npy": ("npy", lambda folder: saved(folder, "x.npy"), False),
    "npy as text": ("npy", lambda folder: str(saved(folder, "x.npy")), False),
    "npz called X": ("npy", lambda folder: saved(folder, "x.npz", X=X, y=np.ones(23)), False),
    "npz of one": ("npy", lambda folder: saved(folder, "x.npz", other=X), False),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_read_in_blocks_as_often_as_wanted(kind: str, tmp_path: Path) -> None:
    name, make, has_names = TABLES[kind]
    source = open_numbers(make(tmp_path))
    assert type(source) is source_type(name)
    assert (source.n_rows, source.row.shape, source.row.size) == (23, (3,), 3)
    assert source.row.columns == (tuple(NAMES) if has_names else None)
    assert source.row.column(1) == ("column 'b'" if has_names else "column 1")
    assert source.dtype == np.float64
    for rows in (1, 7, 23, 100):
        blocks = list(source.blocks(rows))
        assert all(len(block) <= rows for block in blocks)
        assert {block.dtype for block in blocks} == {np.dtype(np.float64)}
        np.testing.assert_allclose(np.concatenate(blocks), X, rtol=1e-15)


def test_every_kind_is_tried() -> None:
    """Here, or in a file of its own."""
    own = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert {kind.form for kind in source_types()} <= {name for name, _, _ in TABLES.values()} | own


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_of_one_kind_only(kind: str, tmp_path: Path) -> None:
    """Others that accept it, as NumPy makes an array of anything, are asked later, and not by chance."""
    data = TABLES[kind][1](tmp_path)
    accepting = [one for one in source_types() if one.accepts(data)]
    assert accepting[0].form == TABLES[kind][0]
    assert len({one.priority for one in accepting}) == len(accepting)
    assert source_types()[-1].form == "array"


def test_the_kinds_that_model_files_name_are_found() -> None:
    forms = ["array", "arrow_file", "csv", "excel", "json_lines", "mixed", "npy", "pandas", "parquet", "polars"]
    forms += ["sequences", "sparse", "texts", "windows"]
    assert [source_type(form).form for form in forms] == forms
    with pytest.raises(
        InvalidData, match=r"^no kind of table is called 'pandsa'\. Did you mean 'pandas'\? There are: a"
    ):
        source_type("pandsa")


NO_TABLES: dict[str, Any] = {
    "None": None,
    "set": {1, 2},
    "bytes": b"1,2",
    "number": 3.0,
    "NumPy's number": np.float64(3),
}


@pytest.mark.parametrize("case", NO_TABLES)
def test_what_is_no_table_is_refused(case: str) -> None:
    with pytest.raises(InvalidData, match=r"^a \w+\.\w+ is not a table: pass a frame or an array\.$"):
        open_table(NO_TABLES[case])


def test_an_array_is_decided_by_its_type_alone() -> None:
    """Its values are not looked at, and no library of frames is imported for it."""
    code = """
import sys
import numpy as np

sys.modules["pandas"] = sys.modules["polars"] = None  # whoever imports them fails


class Watched(np.ndarray):
    def __iter__(self):
        raise AssertionError

    def __getitem__(self, which):
        raise AssertionError


from isthmus.data.sources import open_table

print(open_table(np.ones((3, 2)).view(Watched)).form)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "array", ran.stderr


SELECTED: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda folder: frame(),
    "polars": lambda folder: pl.DataFrame(X, schema=NAMES),
    "csv": lambda folder: saved(folder, "x.csv"),
    "parquet": lambda folder: saved(folder, "x.parquet"),
}


@pytest.mark.parametrize("kind", SELECTED)
def test_columns_are_selected_into_a_new_source(kind: str, tmp_path: Path) -> None:
    source: Any = open_table(SELECTED[kind](tmp_path))
    whole = next(source.blocks(99))
    some = source.select(["c", "a"])
    np.testing.assert_array_equal(next(some.blocks(99)), whole[:, [2, 0]])
    assert (some.row.columns, list(some.names), some.labels()) == (("c", "a"), ["c", "a"], ["c", "a"])
    assert list(some.own_types()) in ([], ["c", "a"])
    assert list(some.whole().columns) == ["c", "a"]
    assert [batch.schema.names for batch in some.record_batches(99)] == [["c", "a"]]
    assert (source.row.columns, list(source.names), list(source.whole().columns)) == (tuple(NAMES), NAMES, NAMES)
    np.testing.assert_array_equal(next(source.blocks(99)), whole)
    assert source.select(None) is source
    is_missing = np.zeros((23, 2), bool)
    is_missing[4, 0] = True
    answer = some.frame(np.full((23, 2), 9.0), some.labels())
    assert float(some.complete(answer, is_missing)["c"][4]) == 9.0
    with pytest.raises(InvalidData, match=r"column 'd' is missing\. There are: a, b, c\."):
        source.select(["d"])


def test_a_row_is_described_anew_in_a_new_source() -> None:
    for table in (X, frame(), pl.DataFrame(X, schema=NAMES)):
        source = open_numbers(table)
        row = dataclasses.replace(source.row, may_be_missing=True)
        assert source.with_row(row).row == row
        assert source.row != row


SINGLE = X.astype(np.float32)
SINGLES: dict[str, Callable[[Path], Any]] = {
    "array": lambda folder: SINGLE,
    "jax": lambda folder: jnp.asarray(SINGLE),
    "sparse": lambda folder: scipy.sparse.csr_matrix(SINGLE),
    "pandas": lambda folder: pd.DataFrame(SINGLE, columns=NAMES),
    "polars": lambda folder: pl.DataFrame(SINGLE, schema=NAMES),
    "parquet": lambda folder: saved(folder, "x.parquet", SINGLE),
    "npy": lambda folder: saved(folder, "x.npy", SINGLE),
}


@pytest.mark.parametrize("kind", SINGLES)
def test_single_precision_stays(kind: str, tmp_path: Path) -> None:
    source = open_numbers(SINGLES[kind](tmp_path))
    assert source.dtype == np.float32
    (block,) = source.blocks(100)
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, SINGLE)


def test_mixed_precision_is_double() -> None:
    mixed = frame().astype({"a": np.float32})
    for table in (mixed, pl.DataFrame(mixed.to_dict("list"), schema_overrides={"a": pl.Float32})):
        source = open_numbers(table)
        assert source.dtype == np.float64
        np.testing.assert_array_equal(next(source.blocks(100)), mixed.to_numpy(np.float64))


NUMBERS: dict[str, Any] = {
    "whole": [1, 2, 3],
    "bytes": np.array([1, 2, 3], np.uint8),
    "truth": [True, False, True],
    "halves": np.array([1.5, 2.5, 3.5], np.float16),
    "large": [2**60, 2**61, 2**62],
    "decimal": [decimal.Decimal("1.5"), decimal.Decimal("2.25"), decimal.Decimal("-3")],
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("form", ["pandas", "polars", "array"])
def test_any_number_is_a_number(kind: str, form: str) -> None:
    values = NUMBERS[kind]
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "array": lambda d: np.array(list(d.values()), object).T}
    table = make[form]({"a": values, "b": [0.5, 1.5, 2.5]})
    (block,) = open_numbers(table).blocks(9)
    np.testing.assert_allclose(block[:, 0], [float(value) for value in values], rtol=1e-7)


def test_what_is_missing_is_nan() -> None:
    with_gap = {"a": [1.0, None, 3.0], "b": [4, 5, 6]}
    due = np.array([[1, 4], [np.nan, 5], [3, 6]])
    nullable = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [4, 5, 6]})
    for table in (pd.DataFrame(with_gap), nullable, pl.DataFrame(with_gap), [[1, 4], [None, 5], [3, 6]]):
        np.testing.assert_array_equal(next(open_numbers(table).blocks(9)), due)


def test_the_index_of_rows_and_the_names_of_columns_are_kept() -> None:
    table = frame().set_index(pd.Index([f"r{i}" for i in range(23)]))
    source = open_numbers(table)
    answer = type(source).frame(X, source.labels() or [], source.index)
    pd.testing.assert_frame_equal(answer, table)
    numbered = open_numbers(pd.DataFrame(X))
    assert numbered.labels() == [0, 1, 2]
    assert numbered.row.columns == ("0", "1", "2")


def test_the_index_of_a_frame_in_parquet_is_no_column(tmp_path: Path) -> None:
    """pandas writes the index of a frame with rows left out as one more column."""
    some = frame()[frame()["a"] > 0]
    some.to_parquet(tmp_path / "x.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "x.parquet").names
    source = open_numbers(tmp_path / "x.parquet")
    assert source.row.columns == tuple(NAMES)
    np.testing.assert_array_equal(next(source.blocks(99)), some.to_numpy())


def test_a_parquet_file_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(dict(zip(NAMES, X.T, strict=True))), path, row_group_size=5)
    source = open_numbers(path)
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(4))), X)
    assert max(len(block) for block in source.blocks(4)) <= 4


def test_a_sparse_matrix_is_never_dense_as_a_whole() -> None:
    wide = scipy.sparse.random_array((100_000, 200), density=1e-4, random_state=0, format="coo")
    source = open_numbers(wide)
    first = next(source.blocks(16))
    assert first.shape == (16, 200)
    np.testing.assert_array_equal(first, wide.tocsr()[:16].toarray())


BAD_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "csv empty": (lambda f: write(f, "x.csv", ""), r"x\.csv: expected a header line and rows; got an empty file"),
    "csv with a header only": (
        lambda f: write(f, "x.csv", "a,b,c\n"),
        r"x\.csv has 3 columns and no rows: expected at least one row",
    ),
    "csv of bytes": (lambda f: write(f, "x.csv", bytes(range(256)) * 9), r"x\.csv cannot be read as CSV"),
    "csv with longer lines": (lambda f: write(f, "x.csv", "a,b\n1,2\n3,4,5\n"), r"x\.csv cannot be read as CSV: "),
    "csv with a name twice": (lambda f: write(f, "x.csv", "a,b,a\n1,2,3\n3,4,5\n"), "column 'a' stands 2 times"),
    "csv with an empty column": (lambda f: write(f, "x.csv", "a,b\n1,\n3,\n"), "column 'b' holds no values at all"),
    "csv of one column": (lambda f: write(f, "x.csv", "a\n1\n2\n"), r"x\.csv: 1 column\(s\) while a minimum of 2"),
    "parquet empty": (lambda f: write(f, "x.parquet", b""), r"x\.parquet cannot be read as Parquet"),
    "parquet of text": (lambda f: write(f, "x.parquet", "a,b\n1,2\n"), r"x\.parquet cannot be read as Parquet"),
    "parquet cut": (
        lambda f: write(f, "y.parquet", saved(f, "x.parquet").read_bytes()[:-20]),
        r"y\.parquet cannot be read as Parquet",
    ),
    "parquet with a hole": (
        lambda f: write(f, "y.parquet", (d := saved(f, "x.parquet").read_bytes())[:40] + bytes(200) + d[240:]),
        r"y\.parquet cannot be read as Parquet",
    ),
    "npy empty": (lambda f: write(f, "x.npy", b""), r"x\.npy cannot be read as a NumPy file"),
    "npy of text": (lambda f: write(f, "x.npy", "a,b\n1,2\n"), r"x\.npy cannot be read as a NumPy file"),
    "npy cut": (
        lambda f: write(f, "y.npy", saved(f, "x.npy").read_bytes()[:-20]),
        r"y\.npy cannot be read as a NumPy file",
    ),
    "npy of objects": (
        lambda f: saved(f, "x.npy", np.array([[1, "a"], [2, None]], object)),
        r"x\.npy cannot be read as a NumPy file",
    ),
    "npy of text cells": (
        lambda f: saved(f, "x.npy", np.array([["1", "a"], ["2", "b"]])),
        r"column 1: expected numbers; got text \('a', row 0\)",
    ),
    "npy of complex numbers": (lambda f: saved(f, "x.npy", X + 1j), "Complex data not supported"),
    "npy of one dimension": (lambda f: saved(f, "x.npy", X[0]), "Expected 2D array, got 1D array"),
    "npy of five": (
        lambda f: saved(f, "x.npy", X[None, None, None]),
        r"X: expected 2 dimensions, or 3 or 4 for images; got 5 \(1 x 1 x 1 x 23 x 3\)",
    ),
    "npz empty": (lambda f: write(f, "x.npz", b""), r"x\.npz cannot be read as a NumPy file"),
    "npz of text": (lambda f: write(f, "x.npz", "a,b\n1,2\n"), r"x\.npz cannot be read as a NumPy file"),
    "npz cut": (
        lambda f: write(f, "y.npz", saved(f, "x.npz").read_bytes()[:-20]),
        r"y\.npz cannot be read as a NumPy file",
    ),
    "npz with a hole": (
        lambda f: write(f, "y.npz", (d := saved(f, "x.npz").read_bytes())[:200] + bytes(100) + d[300:]),
        r"y\.npz cannot be read as a NumPy file",
    ),
    "npz of two": (lambda f: saved(f, "x.npz", a=X, b=X), r"x\.npz: expected one array, or one called X; got a, b\."),
    "npz of none": (lambda f: write(f, "x.npz", nothing()), r"x\.npz: expected one array, or one called X; got none\."),
    "unsupported": (
        lambda f: write(f, "x.html", "a,b\n"),
        r"x\.html has an unsupported suffix\. There are: \.arrow, \.arrows, \.bmp, \.csv, \.feather, .*, \.xlsx\.$",
    ),
    "nearly supported": (
        lambda f: write(f, "x.parqet", "a,b\n"),
        r"unsupported suffix\. Did you mean '\.parquet'\? There are",
    ),
    "no suffix": (lambda f: write(f, "x", "a,b\n"), "x has an unsupported suffix"),
    "missing": (lambda f: f / "x.csv", r"there is no file .*x\.csv\."),
    "nearly there": (
        lambda f: (write(f, "sensors.csv", "a,b\n"), f / "sensor.csv")[1],
        r"there is no file .*sensor\.csv\. Did you mean 'sensors\.csv'\?",
    ),
    "nowhere near": (
        lambda f: (write(f, "new.csv", "a,b\n"), f / "nofile.csv")[1],
        r"there is no file .*nofile\.csv\.$",
    ),
    "in a folder that is missing": (lambda f: f / "no" / "x.csv", r"there is no file .*x\.csv\."),
    "a folder": (lambda f: f, r"is a folder without tables: expected files that end in "),
    "too long a name": (lambda f: f / ("x" * 5000 + ".csv"), "there is no file"),
}


def nothing() -> bytes:
    memory = io.BytesIO()
    np.savez(memory)
    return memory.getvalue()


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_read_says_why(case: str, tmp_path: Path) -> None:
    make, message = BAD_FILES[case]
    path = make(tmp_path)
    with pytest.raises(InvalidData, match=message) as caught:
        Autoencoder(1, encoder=(4,), max_epochs=1).fit(path)
    assert "\n" not in str(caught.value)
    assert "pickle" not in str(caught.value)  # numpy advises to unpickle what it does not know
    assert "truth value" not in str(caught.value)


def test_text_is_no_number(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "a,b\n1,2\n3,abc\n5,6\n")
    with pytest.raises(
        InvalidData, match=r"column 'b': expected numbers; got text \('abc', row 1\)\. Turn it into numbers or"
    ):
        open_numbers(path)


def test_dates_in_a_csv_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "a,b,c\n1,2020-01-01,2020-01-01T10:00:00\n2,2020-01-02,2020-01-02T11:30:00\n")
    source: Any = open_table(path)
    assert [str(kind) for kind in source.schema.types] == ["int64", "date32[day]", "timestamp[us]"]


def test_a_numpy_file_under_the_other_suffix_is_read(tmp_path: Path) -> None:
    swapped = write(tmp_path, "y.npy", saved(tmp_path, "x.npz").read_bytes())
    np.testing.assert_array_equal(next(open_numbers(swapped).blocks(99)), X)
    swapped = write(tmp_path, "y.npz", saved(tmp_path, "x.npy").read_bytes())
    np.testing.assert_array_equal(next(open_numbers(swapped).blocks(99)), X)


class Bomb:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.parquet"])
def test_nothing_in_a_table_is_unpickled(name: str, tmp_path: Path) -> None:
    fuse = tmp_path / "exploded"
    bomb = np.array([[Bomb(fuse), 1]], dtype=object)
    path = tmp_path / name
    if path.suffix in (".npy", ".npz"):
        saved(tmp_path, name, bomb)
    else:
        path.write_bytes(pickle.dumps(bomb))
    with pytest.raises(InvalidData):
        Autoencoder(1, encoder=(4,), max_epochs=1).fit(path)
    assert not fuse.exists()


def test_a_file_may_hold_more_columns_in_another_order(tmp_path: Path) -> None:
    ae = Autoencoder(1, encoder=(4,), max_epochs=1).fit(frame())
    codes = ae.transform(frame())
    more = frame().assign(name="x")[["name", "c", "a", "b"]]
    more.to_csv(tmp_path / "x.csv", index=False)
    more.to_parquet(tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        np.testing.assert_allclose(ae.transform(tmp_path / name), codes, rtol=1e-6)
        assert list(ae.reconstruct(tmp_path / name).columns) == NAMES


def test_a_file_that_lacks_a_column_says_which(tmp_path: Path) -> None:
    ae = Autoencoder(1, encoder=(4,), max_epochs=1).fit(frame())
    frame().rename(columns={"b": "bb", "c": "cc"}).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InvalidData, match=r"column 'b' \(and 1 more\) is missing\. Did you mean 'bb'\?"):
        ae.transform(tmp_path / "x.csv")
    np.save(tmp_path / "x.npy", X[:, :2])
    with pytest.raises(InvalidData, match=r"x\.npy has 2 columns, and the model was fitted with 3"):
        ae.transform(tmp_path / "x.npy")


def test_a_source_is_a_source() -> None:
    source = open_numbers(X)
    assert open_numbers(source) is source
    assert isinstance(source, Source)


PATHS: dict[str, tuple[Any, bool]] = {
    "csv": ("x.csv", True),
    "capitals": ("x.CSV", True),
    "tsv": ("x.tsv", True),
    "parquet": ("folder/x.parquet", True),
    "pq": ("x.pq", True),
    "npy": ("x.npy", True),
    "npz": ("x.NPZ", True),
    "pattern": ("folder/*.parquet", True),
    "pattern of folders": ("**/x.csv", True),
    "a path": (Path("x"), True),
    "a word": ("csv", False),
    "a sentence": ("The file is called x.csv, or so.", False),
    "nothing": ("", False),
    "a name too long": ("x" * 5000, False),
    "NUL": ("a\0b", False),
    "a list": (["x.csv"], False),
    "an array": (X, False),
}


@pytest.mark.parametrize("case", PATHS)
def test_a_text_that_ends_as_a_table_is_a_path(case: str) -> None:
    data, due = PATHS[case]
    assert is_path(data) is due
