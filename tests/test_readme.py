"""The README's snippets run, and what it lists exists."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.core.registry import part_kinds, part_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(snippets) == 11
    names_so_far: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), names_so_far)  # noqa: S102 -- it is our own page
    assert names_so_far["Z"].shape == (500, 2)
    assert list(names_so_far["X2"].columns) == list("abcdef")


def test_the_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(64, 12)), columns=[f"sensor{i}" for i in range(12)])
    table.to_parquet("sensors.parquet")
    (commands,) = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for command in commands.strip().splitlines():
        program, *words = command.split()
        assert program == "isthmus"
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
    assert pd.read_parquet("codes.parquet").shape == (64, 8)
    assert (pd.read_parquet("sensors2.parquet") - table).abs().max(axis=None) <= 1e-3
    assert pd.read_csv("clean.csv").columns.tolist() == table.columns.tolist()


def test_the_table_names_every_kind_and_parts_that_exist() -> None:
    rows = re.findall(r"^\| (\w+) \| (`.*) \|$", README, re.M)
    listed = {kind: set(re.findall(r"`(\w+)`", cell.partition(":")[0])) for kind, cell in rows}
    assert set(listed) == set(part_kinds())
    for kind, parts in listed.items():
        assert parts
        assert parts <= set(part_names(kind))


def test_the_readme_names_files_that_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
