"""Small tables, a small model, and ways to call the command line."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app


def small_table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)) + 3, columns=list("abcde"))


@pytest.fixture
def frame():
    """60 rows of the columns a to e."""
    return small_table()


@pytest.fixture
def call(monkeypatch, tmp_path):
    """A function that runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ISTHMUS_DEBUG", raising=False)

    def run(*words, stdin=None):
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin)

    return run


def messages(result):
    """Return what stands on standard error, but for lines that say how the table was read or how far a training is."""
    lines = result.stderr.splitlines(keepends=True)
    known = ("isthmus: read ", "fit: epoch ", "detect: epoch ", "impute: epoch ")
    return "".join(line for line in lines if not line.startswith(known))


@pytest.fixture
def refused(call):
    """A function that runs a command that must fail, and returns the one sentence it says."""

    def run(*words):
        result = call(*words)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        stderr = messages(result)
        assert stderr.startswith("isthmus: ")
        assert stderr.count("\n") == 1
        return stderr.removeprefix("isthmus: ").strip()

    return run


@pytest.fixture
def told(call):
    """A function that runs a command, and returns the facts it shows by name."""

    def run(*words):
        result = call(*words)
        assert result.exit_code == 0, result.output
        assert messages(result) == ""
        lines = [line.partition("   ") for line in result.stdout.splitlines()]
        return {name.strip(): value.strip() for name, _, value in lines if name}

    return run


@pytest.fixture
def table(tmp_path, frame):
    """The path of a CSV file of `frame`."""
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The path of a model with a code of two numbers, fitted on a table like `table`."""
    folder = tmp_path_factory.mktemp("trained")
    small_table().to_csv(folder / "table.csv", index=False)
    model = folder / "model.safetensors"
    words = ["fit", str(folder / "table.csv"), "--bottleneck", "2", "--max-epochs", "2", "--out", str(model)]
    assert CliRunner().invoke(app, words).exit_code == 0
    return model
