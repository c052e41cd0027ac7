"""Texts as tokens: what is taken, in which order, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from isthmus import InvalidData
from isthmus.data.tokens import are_texts, counts, join_tokens, most_frequent, number_tokens, split, texts_of

TWO = ["A cat, a DOG.", "cats"]


def test_words_and_characters() -> None:
    assert split("A cat’s tail; don't: x_1 (3.5)") == ["a", "cat’s", "tail", "don't", "x_1", "3", "5"]
    assert split("Мама МЫЛА раму!") == ["мама", "мыла", "раму"]
    assert split("Ab c", lower=False) == ["Ab", "c"]
    assert split("Ab c", "character") == ["a", "b", " ", "c"]
    assert join_tokens(["a", "cat"]) == "a cat"
    assert join_tokens(["a", " ", "b"], "character") == "a b"


@pytest.mark.parametrize(
    "data",
    [
        TWO,
        tuple(TWO),
        np.array(TWO),
        np.array(TWO, dtype=object),
        np.array(TWO)[:, None],
        pd.Series(TWO, index=[7, 9]),
        pd.DataFrame({"text": TWO}),
        pl.Series(TWO),
        pl.DataFrame({"text": TWO}),
    ],
    ids=["list", "tuple", "array", "objects", "column", "series", "frame", "polars series", "polars frame"],
)
def test_texts_come_in_any_form(data: Any) -> None:
    assert texts_of(data) == TWO
    assert all(type(text) is str for text in texts_of(data))
    assert are_texts(data)


@pytest.mark.parametrize(
    "data",
    [
        [None, "a"],
        (float("nan"), None, "a"),
        np.array([None, "a"], dtype=object),
        np.array([[None], ["a"]], dtype=object),
        pd.Series([None, "a"], dtype=object),
        pd.Series([pd.NA, "a"], dtype="string"),
        pd.DataFrame({"text": [None, "a"]}),
        pl.Series([None, "a"]),
        pl.DataFrame({"text": [None, "a"]}),
    ],
)
def test_the_first_may_be_missing_and_is_named(data: Any) -> None:
    assert are_texts(data)
    with pytest.raises(
        InvalidData, match=r"^text 0: expected text; got (None|nan|<NA>) of type (NoneType|float|NAType)\.$"
    ):
        texts_of(data)


@pytest.mark.parametrize(
    "data",
    [
        [None, None],
        [None, [1.0]],
        [None, 2.0, "a"],
        np.array([None, 1.0], dtype=object),
        pd.DataFrame({"a": [None, "x"], "b": ["y", "z"]}),
        "table.csv",
        [[1.0, 2.0]],
        [1.0],
        np.zeros((3, 2)),
        np.array([["1", "2"]]),
        pd.DataFrame({"a": ["x"], "b": ["y"]}),
        pd.DataFrame({"a": [1.0]}),
        pd.Series([1.0]),
        pl.DataFrame({"a": [1.0]}),
        [],
        None,
        3,
    ],
)
def test_other_data_are_no_texts(data: Any) -> None:
    assert not are_texts(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("one", r"^X: expected a list of texts; got one text, 'one'\. Pass \[X\]\.$"),
        (["a", 3.5], r"^text 1: expected text; got 3\.5 of type float\.$"),
        (pd.Series(["a", None], dtype=object), r"^text 1: expected text; got None of type NoneType\.$"),
        (np.array([["a", "b"]]), r"^expected a list of texts, or one column of a frame; got 1 x 2\.$"),
        (3, r"^expected a list of texts, or one column of a frame; got one value\.$"),
    ],
)
def test_what_is_no_text_is_said(data: Any, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        texts_of(data)


def test_the_frequent_come_first_and_equal_ones_by_alphabet() -> None:
    found = counts([["b", "a", "c"], ["b", "c", "d"]])
    assert found == Counter({"b": 2, "c": 2, "a": 1, "d": 1})
    assert most_frequent(found, None) == ["b", "c", "a", "d"]
    assert most_frequent(found, 3) == ["b", "c", "a"]
    assert most_frequent(found, None, 2) == ["b", "c"]


def test_tokens_by_number() -> None:
    ids, text = number_tokens([["a", "b"], [], ["c", "a"]], ["a", "c"])
    assert ids.tolist() == [0, -1, 1, 0]
    assert text.tolist() == [0, 0, 2, 2]
