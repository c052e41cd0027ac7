"""What columns hold is learned from a table, or said by the user, and kept as plain values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from isthmus import InvalidData, InvalidPart
from isthmus.data.column_types import MOST_VALUES
from isthmus.data.schema import Schema, from_json, learn
from isthmus.data.sources import open_table


def learned(frame: Any, **wishes: Any) -> Schema:
    source: Any = open_table(frame)
    source.select(None)
    return learn(source.schema, source.own_types(), lambda: source.record_batches(2), wishes)


def batch(frame: Any) -> Any:
    source: Any = open_table(frame)
    return next(iter(source.record_batches(100)))


FRAME = pd.DataFrame(
    {
        "age": [39, 50, 38],
        "pay": [1.5, None, 2.5],
        "job": ["b", "a", "b"],
        "size": pd.Categorical(["M", None, "S"], ["S", "M", "L"], ordered=True),
        "city": pd.Categorical(["x", "y", "x"], ["z", "y", "x"]),
        "paid": [True, False, True],
        "day": pd.to_datetime(["1970-01-01", "1970-01-02", None]),
    }
)


def test_kinds_come_from_types() -> None:
    schema = learned(FRAME)
    kinds = ["numeric", "numeric", "categorical", "ordinal", "categorical", "boolean", "datetime"]
    assert [column.kind for column in schema.columns] == kinds
    assert schema.names == list(FRAME)
    row = schema.row
    assert (row.shape, row.categories) == ((7,), (0, 0, 2, 0, 2, 2, 0))
    assert row.may_be_missing
    assert row.is_table
    due = [[39, 1.5, 0, 1, 0, 1, 0], [50, np.nan, 1, np.nan, 1, 0, 86_400], [38, 2.5, 0, 0, 0, 1, np.nan]]
    np.testing.assert_array_equal(schema.apply(batch(FRAME)), due)


def test_the_same_is_learned_from_polars() -> None:
    frame = pl.from_pandas(FRAME).with_columns(pl.col("city").cast(pl.String).cast(pl.Enum(["z", "y", "x"])))
    schema = learned(frame, size=["S", "M", "L"])
    np.testing.assert_array_equal(schema.apply(batch(frame)), learned(FRAME).apply(batch(FRAME)))


def test_it_comes_back_from_json() -> None:
    schema = learned(FRAME)
    told = json.loads(json.dumps(schema.to_json(), allow_nan=False))
    assert from_json(told) == schema


def test_the_frequent_categories_have_a_place_and_the_others_share_one() -> None:
    texts = [f"v{i:03}" for i in range(MOST_VALUES + 40)]
    frame = pd.DataFrame({"a": [*texts, *texts[60:], "v290", "v290"]})
    column = learned(frame).columns[0]
    first, second, *_ = known = list(vars(column)["values"])
    assert column.count == MOST_VALUES + 1
    assert (first, second) == ("v290", "v060")
    assert "v000" in known
    assert column.rest == "v020"  # of those that stand once, after 235 that stand twice or more
    codes = column.encode(batch(frame).column("a"))
    assert codes.max() == MOST_VALUES
    assert (codes[: len(texts)] == MOST_VALUES).sum() == 40


def test_the_user_has_the_last_word() -> None:
    frame = pd.DataFrame({"zip": [2, 1, 2], "when": ["2024-01-01", "2024-01-02", None], "rank": ["lo", "hi", "lo"]})
    schema = learned(frame, zip="categorical", when="datetime", rank=["lo", "hi"])
    assert [column.kind for column in schema.columns] == ["categorical", "datetime", "ordinal"]
    assert vars(schema.columns[0])["values"] == (2, 1)  # the frequent one first
    np.testing.assert_array_equal(schema.apply(batch(frame))[:, [0, 2]], [[0, 0], [1, 1], [0, 0]])


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "all missing": ({"a": [None, None]}, {}, "column 'a' holds no values at all: leave it out."),
    "all NaN": ({"a": [np.nan, np.nan], "b": ["x", "y"]}, {}, "column 'a' holds no values at all: leave it out."),
    "all missing, of a type": (
        {"a": pd.Categorical([None, None], ["x"])},
        {},
        "column 'a' holds no values at all: leave it out.",
    ),
    "numbers as text": (
        {"a": [None, "1.5", "2"]},
        {},
        (
            "column 'a' holds numbers written as text ('1.5', row 1): turn it into numbers, or say what it is, as "
            "columns={'a': 'categorical'}."
        ),
    ),
    "lists": (
        {"a": [[1], [2]]},
        {},
        (
            "column 'a': expected numbers, texts, categories or dates; got values of type list<item: int64> "
            "([1], row 0). Turn it into one of these or leave it out."
        ),
    ),
    "durations": (
        {"a": pd.to_timedelta([1, 2], unit="s")},
        {},
        "column 'a': expected numbers, texts, categories or dates; got values of type duration[",
    ),
    "no such column": (
        {"aim": [1, 2]},
        {"aims": "ordinal"},
        "columns: expected names of columns of the table; got 'aims'. Did you mean",
    ),
    "dates that do not parse": (
        {"a": ["2024-01-01", "tomorrow"]},
        {"a": "datetime"},
        "column 'a': expected dates, as 2024-05-31 or 2024-05-31 12:00; got 'tomorrow' (row 1). Write all of them so.",
    ),
    "text for numbers": (
        {"a": ["1", "two"]},
        {"a": "numeric"},
        "column 'a': expected numbers; got 'two' (row 1). Turn it into numbers.",
    ),
    "not true or false": (
        {"a": [0, 2]},
        {"a": "boolean"},
        "column 'a': expected true or false; got 2. Turn it into booleans, or write another kind.",
    ),
    "not in the list": (
        {"a": ["S", "XL"]},
        {"a": ["S", "M"]},
        "column 'a': expected one of ['S', 'M'], which columns lists; got 'XL'. Add it to the list, or drop such rows.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_by_name(case: str) -> None:
    cells, wishes, message = REFUSED[case]
    with pytest.raises(InvalidData) as caught:
        learned(pd.DataFrame(cells), **wishes)
    assert str(caught.value).startswith(message)


def test_numbers_and_booleans_alone_are_no_mixed_table() -> None:
    numbers = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]})
    assert learned(numbers).is_plain
    assert [column.type for column in learned(numbers).columns] == ["int64", "double", "bool"]
    assert not learned(numbers, c="boolean").is_plain
    assert not learned(FRAME).is_plain


def spoiled(**changes: Any) -> Any:
    told = learned(FRAME).to_json()
    told[2] |= changes
    return told


DAMAGED: dict[str, Any] = {
    "nothing": [],
    "no list": {"a": 1},
    "no columns": ["a"],
    "another kind": spoiled(kind="lambda"),
    "no kind": spoiled(kind=[]),
    "no name": spoiled(name=3),
    "another type": spoiled(type="list<item: int64>"),
    "values of another type": spoiled(values=["a", 2]),
    "values that are objects": spoiled(values=[{}, []]),
    "values twice": spoiled(values=["a", "a"]),
    "no values": spoiled(values=[]),
    "values that are not declared": spoiled(declared=["x"]),
    "a field too many": spoiled(other=1),
    "a name twice": [*learned(FRAME).to_json(), learned(FRAME).to_json()[0]],
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_file_may_hold_anything(case: str) -> None:
    with pytest.raises(InvalidPart):
        from_json(DAMAGED[case])
