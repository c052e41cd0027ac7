"""Columns become numbers and columns of their type again, cell by cell."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from isthmus import InvalidData
from isthmus.data.column_types import KINDS, Column, type_of

NAN = np.nan
UTC = datetime.UTC

CELLS: dict[str, tuple[Column, pa.Array, list[float]]] = {
    "numbers": (KINDS["numeric"]("a", "double"), pa.array([1.5, None, -2.0]), [1.5, NAN, -2.0]),
    "whole numbers": (KINDS["numeric"]("a", "int16"), pa.array([1, None, -2], pa.int16()), [1, NAN, -2]),
    "booleans": (
        KINDS["boolean"]("a", "bool", values=(False, True)),
        pa.array([True, None, False]),
        [1, NAN, 0],
    ),
    "categories": (
        KINDS["categorical"]("a", "string", values=("y", "x")),
        pa.array(["x", None, "y"]),
        [1, NAN, 0],
    ),
    "whole numbers as categories": (
        KINDS["categorical"]("a", "int64", values=(90210, 10115)),
        pa.array([10115, None, 90210]),
        [1, NAN, 0],
    ),
    "ranks": (
        KINDS["ordinal"]("a", "string", values=("S", "M", "L")),
        pa.array(["L", None, "S"]),
        [2, NAN, 0],
    ),
    "days": (
        KINDS["datetime"]("a", "date32[day]"),
        pa.array([datetime.date(1970, 1, 2), None, datetime.date(1969, 12, 31)]),
        [86_400, NAN, -86_400],
    ),
    "milliseconds": (
        KINDS["datetime"]("a", "timestamp[ms]"),
        pa.array([1500, None, -250], pa.timestamp("ms")),
        [1.5, NAN, -0.25],
    ),
    "a zone": (
        KINDS["datetime"]("a", "timestamp[s, tz=Europe/Berlin]"),
        pa.array([3600, None, 0], pa.timestamp("s", "Europe/Berlin")),
        [3600, NAN, 0],
    ),
}


@pytest.mark.parametrize("case", CELLS)
def test_cells_become_numbers_and_come_back(case: str) -> None:
    column, array, due = CELLS[case]
    found = column.encode(array)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, due)
    back = column.decode(np.where(np.isnan(found), found[0], found))
    assert back.type == array.type
    assert [back[0].as_py(), back[2].as_py()] == [array[0].as_py(), array[2].as_py()]


def test_every_kind_is_tried() -> None:
    assert {column.kind for column, _, _ in CELLS.values()} | {"ignored"} == set(KINDS)


def test_what_is_ignored_is_missing_to_a_network() -> None:
    column = KINDS["ignored"]("a", "string")
    np.testing.assert_array_equal(column.encode(pa.array([["a"], None])), [NAN, NAN])
    assert column.decode(np.array([1.0])).to_pylist() == [None]


def test_what_a_network_gives_is_rounded_to_what_the_type_has() -> None:
    assert KINDS["numeric"]("a", "int8").decode(np.array([1.6, -0.4, 300.0, -1e9])).to_pylist() == [2, 0, 127, -128]
    assert KINDS["numeric"]("a", "uint64").decode(np.array([1e30, -1.0])).to_pylist() == [2**64 - 1, 0]
    assert KINDS["numeric"]("a", "int64").decode(np.array([1e19, -1e19])).to_pylist() == [2**63 - 1, -(2**63)]
    assert KINDS["numeric"]("a", "bool").decode(np.array([0.4, 0.6])).to_pylist() == [False, True]
    sizes = KINDS["ordinal"]("a", "string", values=("S", "M", "L"))
    assert sizes.decode(np.array([-3.0, 0.6, 9.0])).to_pylist() == ["S", "M", "L"]


def test_rare_and_new_categories_share_the_last_code() -> None:
    column = KINDS["categorical"]("a", "string", values=("x", "y"), rest="q")
    assert column.count == 3
    np.testing.assert_array_equal(column.encode(pa.array(["y", "q", "new", None])), [1, 2, 2, NAN])
    assert column.decode(np.array([2.0, 0.0])).to_pylist() == ["q", "x"]


def test_a_new_category_has_a_number_beyond_all_where_none_was_rare() -> None:
    column = KINDS["categorical"]("a", "string", values=("x", "y"))
    assert column.count == 2
    assert column.unseen == 2
    np.testing.assert_array_equal(column.encode(pa.array(["y", "new", None])), [1, 2, NAN])


def test_declared_categories_come_back_in_their_order() -> None:
    column = KINDS["categorical"]("a", "string", values=("x", "y"), declared=("z", "y", "x"))
    back = column.decode(np.array([0.0, 1.0]))
    assert back.to_pylist() == ["x", "y"]
    assert back.dictionary.to_pylist() == ["z", "y", "x"]
    assert not back.type.ordered


def test_texts_are_read_as_dates() -> None:
    column = KINDS["datetime"]("when", "string")
    found = column.encode(pa.array(["1970-01-01", None, "1970-01-01T01:00:00"]))
    np.testing.assert_array_equal(found, [0, NAN, 3600])
    assert column.decode(np.array([3600.0])).to_pylist() == ["1970-01-01T01:00:00"]


REFUSED: dict[str, tuple[Column, pa.Array, str]] = {
    "text for numbers": (
        KINDS["numeric"]("price", "double"),
        pa.array([None, "cheap"]),
        "column 'price': expected numbers; got 'cheap' (row 1). Turn it into numbers.",
    ),
    "dates for numbers": (
        KINDS["numeric"]("price", "double"),
        pa.array([0], pa.date32()),
        "column 'price': expected numbers; got values of type date32[day]. Turn them into numbers.",
    ),
    "no dates": (
        KINDS["datetime"]("when", "string"),
        pa.array(["2024-05-31", "soon"]),
        "column 'when': expected dates, as 2024-05-31 or 2024-05-31 12:00; got 'soon' (row 1). Write all of them so.",
    ),
    "numbers for dates": (
        KINDS["datetime"]("when", "timestamp[s]"),
        pa.array([1.5]),
        "column 'when': expected dates; got values of type double. Turn them into dates.",
    ),
    "numbers for texts": (
        KINDS["categorical"]("kind", "string", values=("x", "y")),
        pa.array([1.5]),
        (
            "column 'kind': expected values of type string, as 'x' in the fit; got values of type double. Pass the "
            "column in the type of the fit."
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_of_another_type_is_refused_by_name(case: str) -> None:
    column, array, message = REFUSED[case]
    with pytest.raises(InvalidData) as caught:
        column.encode(array)
    assert str(caught.value) == message


@pytest.mark.parametrize("column", [entry[0] for entry in CELLS.values()], ids=list(CELLS))
def test_a_column_without_values_is_all_holes(column: Any) -> None:
    np.testing.assert_array_equal(column.encode(pa.nulls(2)), [NAN, NAN])


def test_types_are_read_from_their_spelling_only() -> None:
    for kind in (pa.int8(), pa.large_string(), pa.timestamp("ns"), pa.timestamp("ms", "Asia/Tokyo"), pa.date64()):
        assert type_of(str(kind)) == kind
    for text in ("list<item: int64>", "", "timestamp[s, tz=UTC", "int64, tz=UTC]"):
        with pytest.raises(InvalidData, match="no column has the type"):
            type_of(text)
