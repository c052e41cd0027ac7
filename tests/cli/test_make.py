"""`sample` writes new rows, `plot` draws figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isthmus


def test_new_rows_are_those_of_python(call, trained):
    result = call("sample", trained, "--n", 7, "--random-state", 3, "--out", "new.csv")
    assert result.stdout == "new.csv: 7 rows, 5 columns\n"
    rows = pd.read_csv("new.csv")
    assert list(rows) == list("abcde")
    np.testing.assert_allclose(rows, isthmus.load(trained).sample(7, 3), rtol=1e-12)
    assert call("sample", trained, "--out", "more.parquet", "--quiet").output == ""
    assert pd.read_parquet("more.parquet").shape == (100, 5)
    assert call("sample", trained, "--n", 7, "--noise", "--out", "noisy.csv").exit_code == 0
    noisy = isthmus.load(trained).sample(7, noise=True)
    np.testing.assert_allclose(pd.read_csv("noisy.csv"), noisy, rtol=1e-12)


def test_rows_of_a_label(call, refused, frame):
    frame.assign(kind=np.arange(60) % 2).to_csv("data.csv", index=False)
    words = ("--label-column", "kind", "--bottleneck", 2, "--max-epochs", 2, "--out", "model.safetensors", "--quiet")
    assert call("fit", "data.csv", *words).exit_code == 0
    assert call("sample", "model.safetensors", "--n", 3, "--label", 1, "--out", "new.csv").exit_code == 0
    assert len(pd.read_csv("new.csv")) == 3
    assert "'7'" in refused("sample", "model.safetensors", "--label", 7, "--out", "seven.csv")


def test_no_rows_are_refused(refused, trained):
    assert refused("sample", trained, "--n", 0, "--out", "new.csv").startswith(
        "--n must be a whole number of at least 1"
    )


@pytest.mark.parametrize("name", ["codes", "compare", "columns", "worst", "scores"])
def test_every_figure_is_drawn(call, table, trained, name):
    result = call("plot", trained, table, "--figure", name, "--out", "figure.svg")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"figure.svg: {name} (")
    assert "<svg" in Path("figure.svg").read_text()


def test_codes_are_coloured_by_label(call, refused, trained, frame):
    frame.assign(kind=np.where(np.arange(60) % 2, "odd", "even")).to_csv("data.csv", index=False)
    words = ("plot", trained, "data.csv", "--label-column", "kind", "--force", "--out", "figure.svg")
    assert call(*words, "--figure", "codes").exit_code == 0
    assert "--label-column is for the figures codes and compare, not for worst" in refused(*words, "--figure", "worst")


def test_history_needs_no_table(call, trained):
    assert call("plot", trained, "--out", "figure.png", "--quiet").output == ""
    assert Path("figure.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_cannot_be_drawn_is_one_sentence(call, refused, table, trained):
    assert refused("plot", trained, table, "--figure", "code", "--out", "a.png") == (
        "no figure is called 'code'. Did you mean 'codes'? There are: history, codes, compare, columns, worst, scores."
    )
    assert refused("plot", trained, "--figure", "codes", "--out", "a.png").startswith("the figure codes needs a table:")
    assert "unsupported suffix" in refused("plot", trained, "--out", "a.gif")
    assert call("fit", table, "--bottleneck", 1, "--max-epochs", 1, "--out", "one.safetensors").exit_code == 0
    message = refused("plot", "one.safetensors", table, "--figure", "codes", "--out", "a.png")
    assert message.startswith(
        "codes of 1 numbers cannot be drawn as points: train with bottleneck=2 or 3 (--bottleneck)"
    )
