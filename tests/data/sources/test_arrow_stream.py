"""Frames of other libraries: read by way of Arrow, and answered in the same library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import isthmus
from isthmus import Autoencoder, Imputer, InvalidData
from isthmus.data.sources import open_numbers, open_table, source_type

X = np.random.default_rng(0).normal(size=(40, 3))
NAMES = ["a", "b", "c"]
TABLE = pa.table(dict(zip(NAMES, X.T, strict=True)))
SMALL: dict[str, Any] = {"bottleneck": 2, "encoder": (4,), "max_epochs": 2}


class Stream:
    """What DuckDB's relations are to a reader: an object with one method."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


class Frame:
    """A frame of a library that narwhals knows by a plug of its own: it gives no stream by itself."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __narwhals_dataframe__(self) -> Any:
        import narwhals as nw

        return nw.from_native(self._table)._compliant_frame


FORMS: dict[str, Callable[[pa.Table], Any]] = {
    "table": lambda table: table,
    "table of batches": lambda table: pa.Table.from_batches(table.to_batches(max_chunksize=7)),
    "batch": lambda table: table.to_batches()[0],
    "reader": lambda table: table.to_reader(max_chunksize=9),
    "stream": Stream,
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_read_in_blocks_as_often_as_wanted(form: str) -> None:
    source = open_numbers(FORMS[form](TABLE))
    assert type(source) is source_type("arrow_stream")
    assert (source.n_rows, source.row.columns, source.dtype) == (40, tuple(NAMES), np.float64)
    for rows in (1, 7, 100):
        blocks = list(source.blocks(rows))
        assert max(map(len, blocks)) <= rows
        np.testing.assert_array_equal(np.concatenate(blocks), X)
    np.testing.assert_array_equal(next(source.select(["c", "a"]).blocks(99))[:5], X[:5, [2, 0]])  # type: ignore[arg-type]
    assert source.whole().equals(TABLE)


def test_a_frame_that_gives_no_stream_is_known_by_narwhals() -> None:
    source = open_numbers(Frame(TABLE))
    assert type(source) is source_type("arrow_stream")
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(9))), X)


@pytest.mark.parametrize("form", FORMS)
def test_answers_are_those_of_pandas_in_the_same_library(form: str, tmp_path: Path) -> None:
    make, frame = FORMS[form], pd.DataFrame(X, columns=NAMES)
    model, same = Autoencoder(**SMALL).fit(make(TABLE)), Autoencoder(**SMALL).fit(frame)
    np.testing.assert_array_equal(model.feature_names_in_, NAMES)
    model.save(tmp_path / "m.safetensors")
    for each in (model, isthmus.load(tmp_path / "m.safetensors")):
        codes = each.transform(make(TABLE))
        assert isinstance(codes, np.ndarray)
        np.testing.assert_array_equal(codes, same.transform(frame))
        for answer, due in (
            (each.reconstruct(make(TABLE)), same.reconstruct(frame)),
            (each.inverse_transform(codes), same.inverse_transform(codes)),
        ):
            assert isinstance(answer, pa.Table)
            pd.testing.assert_frame_equal(answer.to_pandas(), due)
    assert isinstance(model.reconstruct(frame), pd.DataFrame)
    assert isinstance(same.reconstruct(make(TABLE)), pa.Table)


def mixed() -> pa.Table:
    return pa.table(
        {
            "age": pa.array([20, 30, None, 40] * 10, pa.int16()),
            "pay": pa.array([1.0, None, 2.5, 3.0] * 10),
            "job": pa.array(["cook", "clerk", "cook", None] * 10),
            "size": pa.array(["S", "M", None, "M"] * 10).dictionary_encode(),
            "paid": pa.array([True, False, True, None] * 10),
            "day": pa.array([1, 2, 3, 4] * 10, pa.timestamp("s")),
        }
    )


@pytest.mark.parametrize("form", ["table", "stream", "reader"])
def test_a_mixed_table_is_answered_with_its_types(form: str) -> None:
    table, model = mixed(), Autoencoder(**SMALL)
    answer = model.fit(FORMS[form](table)).reconstruct(FORMS[form](table))
    assert isinstance(answer, pa.Table)
    assert answer.schema.names == table.schema.names
    assert [str(field.type) for field in answer.schema] == [str(field.type) for field in table.schema]
    assert not any(column.null_count for column in answer.columns)
    pd.testing.assert_frame_equal(answer.to_pandas(), Autoencoder(**SMALL).fit(table).reconstruct(table).to_pandas())


def test_missing_values_are_filled_and_the_others_stay() -> None:
    table = mixed()
    filled = Imputer(Autoencoder(**SMALL)).fit(table).transform(table)
    assert filled.schema.equals(table.schema)
    for before, after in zip(table.columns, filled.columns, strict=True):
        assert after.null_count == 0
        there = before.is_valid()
        assert after.filter(there).to_pylist() == before.filter(there).to_pylist()


def test_columns_are_found_by_the_names_of_the_fit() -> None:
    model = Autoencoder(**SMALL).fit(TABLE)
    np.testing.assert_array_equal(model.transform(TABLE.select(["a", "c", "b"])), model.transform(TABLE))
    with pytest.raises(ValueError, match=r"^column 'b' is missing\. There are: a, c\.$"):
        model.transform(TABLE.select(["a", "c"]))


class Broken:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        raise self._error


BAD: dict[str, tuple[Any, str]] = {
    "a stream of numbers": (Stream(pa.chunked_array([[1.0, 2.0]])), r"Stream cannot be read as a table: Cannot import"),  # type: ignore[arg-type]
    "a stream that breaks": (Broken(ValueError("closed\nfor now")), r"\.Broken cannot be read as a table: closed$"),
    "a stream that breaks silently": (Broken(NotImplementedError()), "cannot be read as a table: NotImplementedError$"),
    "a name twice": (pa.Table.from_arrays(TABLE.columns, names=["a", "b", "a"]), "column 'a' stands 2 times"),
    "text": (pa.table({"a": ["x", "y"], "b": [1, 2]}), r"column 'a': expected numbers; got text \('x', row 0\)"),
    "lists": (
        pa.table({"a": [[1], [2]], "b": [1, 2]}),
        "column 'a': expected numbers; got values of type list",
    ),
    "one column alone": (pa.chunked_array([[1.0, 2.0]]), "Expected 2D array, got 1D array"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_of_numbers_is_refused(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(InvalidData, match=message) as caught:
        open_numbers(data)
    assert "\n" not in str(caught.value)


def test_no_rows_are_refused() -> None:
    assert open_table(TABLE[:0]).n_rows == 0
    with pytest.raises(InvalidData, match=r"X has 0 sample\(s\)"):
        Autoencoder(**SMALL).fit(TABLE[:0])
