"""The examples run, and tell the truth."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_is_run_here() -> None:
    assert [file.name for file in sorted(EXAMPLES.glob("*.py"))] == ["own_parts.py"]


def test_parts_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "own_parts.py"), run_name="__main__")
    told = capsys.readouterr().out
    first, last = map(float, re.findall(r"([\d.]+) at (?:first|last)", told))
    assert last < 0.7 * first
    assert "'decorrelation': " in told
    assert "loaded: the codes are the same" in told
