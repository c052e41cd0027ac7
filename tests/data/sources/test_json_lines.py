"""Lines of JSON are read as text files are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder, InvalidData, open_table

NAMES = ["name", "n", "x", "day", "ok"]
ROWS = [["00501", 1, 1.5, "2024-01-31", True], ["NA", 2, "NA", "2024-02-01", False], ["00502", 3, -2.5, None, True]]


def check(source: Any) -> None:
    source = source.declare({})
    assert [str(kind) for kind in source.schema.types] == ["large_string", "int64", "double", "date32[day]", "bool"]
    frame = source.whole()
    assert frame["name"].tolist() == ["00501", "NA", "00502"]
    assert frame["n"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(frame["x"], [1.5, np.nan, -2.5])
    assert frame["day"].tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01"), pd.NaT]
    assert frame["ok"].tolist() == [True, False, True]


@pytest.mark.filterwarnings("ignore:.*'NA' is read as a text")
def test_lines_of_json_are_read_as_a_text_file_is(tmp_path: Path) -> None:
    lines = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps({k: v for k, v in line.items() if v is not None}) for line in lines) + "\n\n")
    check(open_table(path))


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no JSON": (
        lambda f: write(f / "x.jsonl", b'{"a": 1}\n{a}\n'),
        r"x\.jsonl cannot be read as lines of JSON: .*\(line 2\)",
    ),
    "a list": (
        lambda f: write(f / "x.jsonl", b"\n[1]\n"),
        r"x\.jsonl: expected an object on each line; got \[1\] \(line 2\)",
    ),
    "nested": (
        lambda f: write(f / "x.jsonl", b'{"a": [1]}\n'),
        r"x\.jsonl: 'a' holds \[1\] \(line 1\): expected a number, a ",
    ),
    "no rows": (
        lambda f: write(f / "x.jsonl", b"\n"),
        r"x\.jsonl: expected an object with values on each line; got an empty",
    ),
    "no text": (lambda f: write(f / "x.jsonl", b"\xff\xfe{"), r"x\.jsonl cannot be read as lines of JSON: "),
}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_says_why(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    with pytest.raises(InvalidData, match=message) as caught:
        Autoencoder(1, encoder=(3,), max_epochs=1).fit(make(tmp_path))
    assert "\n" not in str(caught.value)
