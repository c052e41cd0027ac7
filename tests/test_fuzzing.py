"""Few of the random cases of `fuzzing.py`: each ends with an answer or with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fuzzing


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return fuzzing.good_files(tmp_path_factory.mktemp("good"), few=True)


def ended(name: str, count: int, attempt: Callable[[int], str]) -> dict[str, int]:
    ends, wrong = fuzzing.run(name, count, 1, attempt)
    assert wrong == []
    return ends


def test_random_tables(tmp_path: Path) -> None:
    ends = ended("tables", 20, lambda seed: fuzzing.try_table(seed, tmp_path))
    assert min(ends["answered"], ends["refused"]) > 0


def test_random_estimators(tmp_path: Path) -> None:
    ends = ended("estimators", 6, lambda seed: fuzzing.try_estimator(seed, tmp_path))
    assert min(ends["answered"], ends["refused"]) > 0


def test_files_changed_at_random(tmp_path: Path, good: list[Path]) -> None:
    ends = ended("files", 60, lambda seed: fuzzing.try_file(seed, tmp_path, good))
    assert min(ends["answered"], ends["refused"]) > 0


def test_what_is_no_sentence_is_seen() -> None:
    def fail() -> None:
        with fuzzing.watched():
            raise KeyError("inner")

    def tell() -> None:
        with fuzzing.watched():
            raise fuzzing.isthmus.InvalidData("x" * 10_000)

    for act, told in ((fail, "KeyError"), (tell, "a message of 10000 characters")):
        with pytest.raises(fuzzing.Wrong, match=told):
            act()


def test_a_fault_is_told_when_it_is_found_and_progress_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def attempt(seed: int) -> str:
        if seed == 2:
            raise fuzzing.Wrong("odd")
        return "answered"

    monkeypatch.setattr(fuzzing, "TOLD_EVERY", 2)
    told: list[str] = []
    ends, wrong = fuzzing.run("tables", 4, 1, attempt, told.append)
    assert ends == {"answered": 3, "wrong": 1}
    assert told == [*wrong, "tables: 2 of 4 tried, 1 wrong", "tables: 4 of 4 tried, 1 wrong"]
    assert wrong[0].startswith("--seed 2 --tables 1: odd")
