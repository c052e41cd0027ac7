"""Lines of JSON are read as text files are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus import open_table
from small_files import check_read_as_text_file, check_refused, write

NAMES = ["name", "n", "x", "day", "ok"]
ROWS = [["00501", 1, 1.5, "2024-01-31", True], ["NA", 2, "NA", "2024-02-01", False], ["00502", 3, -2.5, None, True]]


@pytest.mark.filterwarnings("ignore:.*'NA' is read as a text")
def test_lines_of_json_are_read_as_a_text_file_is(tmp_path: Path) -> None:
    lines = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps({k: v for k, v in line.items() if v is not None}) for line in lines) + "\n\n")
    check_read_as_text_file(open_table(path))


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


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_says_why(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    check_refused(make(tmp_path), message)
