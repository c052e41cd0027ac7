"""Workbooks are read as text files are."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus import MissingExtra, open_table
from small_files import check_read_as_text_file, check_refused, write

XML = "http://schemas.openxmlformats.org"
MAIN = f"{XML}/spreadsheetml/2006/main"
RELATED = f"{XML}/officeDocument/2006/relationships"
ROWS = [
    ["name", "n", "x", "day", "ok"],
    ["00501", 1, 1.5, 45322.0, True],
    ["NA", 2, "NA", 45323.0, False],
    [],
    ["00502", 3, -2.5, None, True],
]  # 45322 is 2024-01-31 in Excel's count of days


def cell(value: Any, is_date: bool) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c s="{int(is_date)}"><v>{value}</v></c>'


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    """Write a workbook by hand, as the standard has it (ECMA-376); its fourth column holds dates."""
    numbers = range(1, len(sheets) + 1)
    names = "".join(f'<sheet name="S{i}" sheetId="{i}" r:id="r{i}"/>' for i in numbers)
    links = "".join(f'<Relationship Id="r{i}" Type="{RELATED}/worksheet" Target="s{i}.xml"/>' for i in numbers)
    links += f'<Relationship Id="r0" Type="{RELATED}/styles" Target="styles.xml"/>'
    package = f"{XML}/package/2006/relationships"
    files = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r" Type="{RELATED}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{links}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
    }
    for i, rows in zip(numbers, sheets, strict=True):
        lines = ("".join(cell(value, place == 3) for place, value in enumerate(row)) for row in rows)
        data = "".join(f"<row>{line}</row>" for line in lines)
        files[f"xl/s{i}.xml"] = f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0"?>{text}')
    return path


@pytest.mark.filterwarnings("ignore:.*'NA' is read as a text")
def test_a_workbook_is_read_as_a_text_file_is(tmp_path: Path) -> None:
    check_read_as_text_file(open_table(workbook(tmp_path / "t.xlsx", ROWS)))
    with pytest.warns(UserWarning, match=r"t\.xlsx is read from its sheet 'S2', and not from 'S3'\."):
        source = open_table(workbook(tmp_path / "t.xlsx", [], ROWS, [["a"], [1]]))
    check_read_as_text_file(source)


def test_a_workbook_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(MissingExtra, match=r"t\.xlsx needs python-calamine to be read: pip install 'isthmus\[excel\]'"):
        open_table(workbook(tmp_path / "t.xlsx", ROWS))


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no workbook": (lambda f: write(f / "x.xlsx", b"a,b\n"), r"x\.xlsx cannot be read as a workbook: "),
    "an empty workbook": (
        lambda f: workbook(f / "x.xlsx", []),
        r"x\.xlsx: expected a header line and rows; got an empty sh",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_says_why(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    check_refused(make(tmp_path), message)
