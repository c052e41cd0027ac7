"""Encodings, separators and lines of text files: noticed, said where guessed, and refused with the line's number."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from isthmus import InvalidData, InvalidPart, open_table
from isthmus.data.dialect import AS_SHOWN, read_cells

TEXT = "имя,b\nпривет,1.5\nмир,2.5\n"
SAID = {"cp1251": "it is read as cp1251", "cp1252": "it is read as cp1252"}


def write(folder: Path, content: bytes | str) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(path: Path, **options: Any) -> list[list[Any]]:
    frame: Any = open_table(path, **options).whole()
    return [list(frame), *frame.to_numpy(object).tolist()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_noticed(encoding: str, tmp_path: Path) -> None:
    text = "name,b\ncafé,1.5\nnaïve,2.5\n"
    assert cells(write(tmp_path, text.encode(encoding))) == [["name", "b"], ["café", 1.5], ["naïve", 2.5]]


@pytest.mark.parametrize(("encoding", "text"), [("cp1251", TEXT), ("cp1252", "name,b\ncafé,1.5\nnaïve,2.5\n")])
def test_a_code_page_is_guessed_and_said(encoding: str, text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text.encode(encoding))
    due = cells(write(tmp_path / ".." / tmp_path.name, text))
    path.write_bytes(text.encode(encoding))
    with pytest.warns(
        UserWarning, match=rf"t\.csv is not text in UTF-8: it is read as {encoding}; encoding= \(--encoding\)"
    ):
        assert cells(path) == due
    assert cells(path, encoding=encoding) == due
    with pytest.raises(InvalidData, match=r"t\.csv cannot be read as CSV: it is not text in utf-8\."):
        open_table(path, encoding="utf-8")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_a_separator_is_noticed(sign: str, tmp_path: Path) -> None:
    lines = ["a", "b", "c"], ["x, y; z", "1", "2"], ["w", "3", "4"]
    text = "\n".join(sign.join(f'"{cell}"' if " " in cell else cell for cell in line) for line in lines)
    assert cells(write(tmp_path, text)) == [["a", "b", "c"], ["x, y; z", 1, 2], ["w", 3, 4]]


def test_a_separator_is_declared(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "a:b\n1:2\n"), sep=":") == [["a", "b"], [1, 2]]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "\na,b\n1,2\n\n \n3,4\n\n\n")) == [["a", "b"], [1, 2], [3, 4]]


def test_a_column_of_nothing_is_left_out(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "a,b,\n1,2,\n3,4,\n")) == [["a", "b"], [1, 2], [3, 4]]


def test_comments_before_the_names_are_left_out(tmp_path: Path) -> None:
    assert cells(write(tmp_path, "# made by hand\n# today\na,b\n1,2\n")) == [["a", "b"], [1, 2]]
    assert cells(write(tmp_path, "#a,b\n1,2\n")) == [["#a", "b"], [1, 2]]


def test_a_longer_line_is_refused_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n"1\n",2\n\n3,4,5\n')
    with pytest.raises(
        InvalidData, match=r"CSV: line 5 has 3 cells, and the first line has 2\. Put a cell that holds ','"
    ):
        open_table(path)


def test_a_shorter_line_is_said_by_its_number(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1\n3,4\n5\n")
    with pytest.warns(
        UserWarning, match=r"t\.csv: line 2 has fewer cells than the first, and so have 1 more: what lacks"
    ):
        assert [row[0] for row in cells(path)] == ["a", 1, 3, 5]


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"\x1f\x8b\x08abc", r"compressed by gzip\. Give it the suffix \.csv\.gz"), (b"PAR1", "a Parquet")],
)
def test_another_format_under_this_suffix_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=rf"t\.csv cannot be read as CSV: it is {what}"):
        open_table(write(tmp_path, content))


BAD_OPTIONS: dict[str, tuple[Any, str]] = {
    "sep": ("ab", r"^sep must be one character that may stand between cells, or None\. Got 'ab'"),
    "decimal": ("x", r"^decimal must be '\.', ',' or None\."),
    "encoding": ("utf-99", r"^encoding must be one that Python knows\."),
    "na": ("NA", r"^na must be a list of texts, or None\."),
    "header": (3, r"^header must be True, False or None\."),
}


@pytest.mark.parametrize("option", BAD_OPTIONS)
def test_bad_options_are_refused(option: str, tmp_path: Path) -> None:
    value, message = BAD_OPTIONS[option]
    with pytest.raises(InvalidPart, match=message):
        open_table(write(tmp_path, "a,b\n1,2\n"), **{option: value})


def test_options_that_do_nothing_are_refused() -> None:
    with pytest.raises(
        InvalidData, match=r"^sep: expected a text file, as \.csv, which it is for; got a table in memory"
    ):
        open_table([[1.0, 2.0]], sep=";")


PLAIN = {
    "numbers": "a,b\n1,2\n3,4\n",
    "no end": "a,b\n1,2\n3,4",
    "windows": "a,b\r\n1,2\r\n\r\n3,4\r\n",
    "blank": "a,b\n\n1,2\n\n\n,\n 3 ,\n",
    "semicolons": "a;b;c\n1;;x,y\n;;\nNA;nan;null\n",
    "tabs": "a\tb\n\t\n1\t é\n",
    "same names": "a,a\n1,2\n",
    "quotes": 'a,b\n"1,5",2\n3"4,5\n',
    "old lines": "a,b\r1,2\r3,4\r",
    "no rows": "a,b\n",
    "long": f"a,b\n{'x' * 100_000},1\n",
    "words": "a,b\nTrue,2020-01-01\n#N/A,0x1F\n",
}


@pytest.mark.parametrize("case", PLAIN)
def test_cells_are_those_that_the_csv_module_of_python_cuts(case: str) -> None:
    text = PLAIN[case]
    sign = next((sign for sign in ";\t" if sign in text), ",")
    first, *rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign) if row)
    read = read_cells("x.csv", text.encode(), None, AS_SHOWN)
    assert read.first == first
    assert [list(row) for row in zip(*(column.to_pylist() for column in read.table), strict=True)] == rows
    assert all(column.type == pa.large_string() for column in read.table)
