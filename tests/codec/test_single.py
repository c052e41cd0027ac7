"""One row as a dict takes the bytes that a table of one row does, and comes back the same."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from isthmus import Codec, InvalidData, ModelFileError
from mixed_table import make_table


def as_dicts(table: pd.DataFrame) -> list[dict[str, object]]:
    return [dict(zip(table, row, strict=True)) for row in table.itertuples(index=False, name=None)]


def are_same(a: object, b: object) -> bool:
    if a is None or b is None or a is pd.NaT:
        return (a is None or a != a) and (b is None or b != b)
    if isinstance(a, float):
        return (
            math.isnan(a) and math.isnan(b) if math.isnan(a) else a == b and math.copysign(1, a) == math.copysign(1, b)
        )
    return a == b


def test_a_dict_takes_the_bytes_of_a_row_of_a_table(kept: Codec) -> None:
    table = make_table(60, seed=1)
    rows = kept.compress_rows(table)
    for row, expected in zip(as_dicts(table), rows, strict=True):
        assert kept.compress_row(row) == expected
        assert kept.compress_row(dict(reversed(row.items()))) == expected
        restored = kept.decompress_row(expected)
        assert list(restored) == list(table)
        assert all(are_same(row[name], restored[name]) for name in table), (row, restored)


def test_what_was_never_seen_comes_back(kept: Codec) -> None:
    row = as_dicts(make_table(5))[4]
    odd = row | {
        "kind": "huge",
        "text": "х" * 300,
        "size": 2**31 - 1,
        "price": -0.0,
        "noise": float("nan"),
        "day": None,
    }
    restored = kept.decompress_row(kept.compress_row(odd))
    assert math.copysign(1, restored["price"]) == -1
    assert math.isnan(restored["noise"])
    plain = [name for name in odd if name not in ("price", "noise")]
    assert [restored[name] for name in plain] == [odd[name] for name in plain]
    assert kept.decompress_row(kept.compress_row(odd | {"price": 0.0}))["price"] == 0
    assert math.copysign(1, kept.decompress_row(kept.compress_row(odd | {"price": 0.0}))["price"]) == 1


def test_contexts_of_columns_that_follow_are_seen(table: pd.DataFrame, fitted) -> None:
    codec = fitted(table, "table", history=True, error={"price": (0.01, "range"), "noise": 0.1})
    few = table[5:25]
    assert [codec.compress_row(row) for row in as_dicts(few)] == codec.compress_rows(few.reset_index(drop=True))


def test_rows_that_cannot_be_are_refused(kept: Codec) -> None:
    row = as_dicts(make_table(5))[4]
    with pytest.raises(InvalidData, match=r"^column 'sizes' was not there at the fit\. Did you mean 'size'\?"):
        kept.compress_row(row | {"sizes": 3})
    with pytest.raises(InvalidData, match=r"^column 'day' is missing: expected the 7 columns of the fit\.$"):
        kept.compress_row({name: value for name, value in row.items() if name != "day"})
    with pytest.raises(
        InvalidData, match=r"^column 'size': expected a value of type int32, as at the fit; got 'x' \(str"
    ):
        kept.compress_row(row | {"size": "x"})
    with pytest.raises(InvalidData, match=r"^column 'size': expected a value of type int32, as at the fit; got \[1\]"):
        kept.compress_row(row | {"size": [1]})
    with pytest.raises(InvalidData, match=r"^row: expected a dict from columns to values; got ndarray\."):
        kept.compress_row(np.ones(7))
    data = kept.compress_row(row)
    for bad in (b"", data[:-1], data + b"\0", bytes([data[0] ^ 1]) + data[1:]):
        with pytest.raises(ModelFileError, match="row 0 is damaged"):
            kept.decompress_row(bad)
