"""The examples run, and tell the truth."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_is_run_here() -> None:
    found = [file.stem for file in sorted(EXAMPLES.glob("*.py"))]
    assert found == ["eight_three_eight", "own_parts", "what_layers_can_represent"]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs an example with words on its command line, and returns what it prints."""

    def run(name: str, *words: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_parts_of_ones_own(told: Callable[..., str]) -> None:
    text = told("own_parts")
    first, last = map(float, re.findall(r"([\d.]+) at (?:first|last)", text))
    assert last < 0.7 * first
    assert "'decorrelation': " in text
    assert "loaded: the codes are the same" in text


def numbers(text: str, line: str) -> list[float]:
    """Return the numbers that stand in the line that begins with `line`, after it."""
    found = re.search(rf"^ *{re.escape(line)}(.*)$", text, re.MULTILINE)
    assert found, f"no line begins with {line}"
    return [float(each) for each in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", found[1])]


def test_what_layers_can_represent(told: Callable[..., str], tmp_path: Path) -> None:
    text = told("what_layers_can_represent", str(tmp_path), "--epochs", "60", "--activations", "tanh")
    for exact in ("AND, one layer", "OR, one layer", "XOR, two layers", "polygon, two layers", "star, three layers"):
        assert numbers(text, exact)[0] == 1
    # 16 functions of two bits, and all but XOR and its opposite part the corners by a line.
    best, _, possible, functions = numbers(text, "XOR, one layer")
    assert (best, functions, possible) == (0.75, 14, 16)
    x = np.linspace(0, 1, 100_001)[1:-1]
    for bins in (5, 20, 80):
        step = np.floor(x * bins) / bins
        error = np.mean(np.abs(np.sin(2 * np.pi * step) + step - np.sin(2 * np.pi * x) - x))
        assert numbers(text, f"{bins:>3} bins")[0] == pytest.approx(error, rel=0.03)
    accuracies = {task: numbers(text, task + " ")[-4:] for task in ("half-plane", "XOR", "polygon", "star")}
    for task, (one_class, none, one, two) in accuracies.items():
        assert min(one, two) > 0.85
        assert none > 0.98 if task == "half-plane" else none < one_class + 0.05
    drawn = {file.name: file.read_bytes()[:4] for file in tmp_path.iterdir()}
    assert drawn == dict.fromkeys(("set_by_hand.png", "steps.png", "learned.png"), b"\x89PNG")


def test_eight_three_eight(told: Callable[..., str]) -> None:
    plain, decayed = told("eight_three_eight", "--seeds", "2").split("With weight decay")
    for text in (plain, decayed):
        table = re.findall(r"^  ([01]{8}) +(\d\.\d\d) +(\d\.\d\d) +(\d\.\d\d) +([01]{3}) +([01]{8})$", text, re.M)
        assert [row[0] for row in table] == [row[-1] for row in table] == [f"{1 << (7 - i):08b}" for i in range(8)]
        for _, *values, code, _ in table:
            assert all(abs(float(value) - int(bit)) <= 0.51 for value, bit in zip(values, code, strict=True))
        assert numbers(text, "different binary codes among the eight:") == [len({row[4] for row in table})]
    assert numbers(plain, "with")[:2] == [2, 2]
    assert numbers(decayed, "with") == [2, 2, 2]
