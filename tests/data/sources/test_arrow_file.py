"""Files of Arrow keep their types; streams of bytes are read by their first ones."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from isthmus import InvalidData, open_table
from small_files import check_refused, write


@pytest.mark.parametrize("name", ["t.feather", "t.arrow", "t.arrows"])
def test_a_file_of_arrow_is_read(name: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": pd.array([1, None, 3], "Int32"), "b": [0.5, 1.5, 2.5]}, index=[7, 8, 9])
    table = pa.Table.from_pandas(frame)
    if name == "t.arrows":
        with pa.ipc.new_stream(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table)
    else:
        feather.write_feather(table, tmp_path / name)
    source: Any = open_table(tmp_path / name)
    assert (source.n_rows, source.schema.types) == (3, [pa.int32(), pa.float64()])
    filled = source.fill(pd.DataFrame({"a": [1.0, 2.4, 3.0], "b": frame["b"]}), np.eye(3, 2, -1, dtype=bool))
    assert filled["a"].to_pylist() == [1, 2, 3]
    assert filled.schema.types == source.schema.types


X = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 2)), columns=["a", "b"])


def as_bytes(write: Callable[[Any], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


STREAMS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: X.to_csv(index=False).encode(),
    "gzip": lambda: gzip.compress(X.to_csv(index=False).encode()),
    "parquet": lambda: as_bytes(lambda file: pq.write_table(pa.Table.from_pandas(X), file)),
    "feather": lambda: as_bytes(lambda file: feather.write_feather(X, file)),
    "json": lambda: X.to_json(orient="records", lines=True, double_precision=15).encode(),
    "npy": lambda: as_bytes(lambda file: np.save(file, X.to_numpy())),
}


@pytest.mark.parametrize("form", STREAMS)
def test_a_stream_of_bytes_is_read_by_its_first_ones(form: str) -> None:
    source = open_table(io.BytesIO(STREAMS[form]()))
    np.testing.assert_allclose(np.concatenate(list(source.blocks(4))), X, rtol=1e-12)


def test_a_stream_of_texts_is_refused() -> None:
    with pytest.raises(InvalidData, match=r"^expected a stream of bytes; got one of texts\. Open it with mode 'rb'\.$"):
        open_table(io.StringIO("a,b\n1,2\n"))


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file of Arrow": (lambda f: write(f / "x.feather", b"a,b\n"), r"x\.feather cannot be read as a file of Arrow: "),
    "a stream cut": (lambda f: write(f / "x.arrow", b"\xff" * 6), r"x\.arrow cannot be read as a file of Arrow: "),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_says_why(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    check_refused(make(tmp_path), message)
