"""An output is written at once or not at all, and what is wrong with its name is said before any work."""

import csv
import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.cli import output
from isthmus.errors import IsthmusError

THERE = __file__  # is there, and would be refused if it were read
COMMANDS = {
    "fit": ("fit", THERE, "--out"),
    "transform": ("transform", THERE, THERE, "--out"),
    "reconstruct": ("reconstruct", THERE, THERE, "--out"),
    "score": ("score", THERE, THERE, "--out"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unsupported_suffix_is_said_before_any_work(refused, command):
    known = ".safetensors" if command == "fit" else ".csv, .tsv, .parquet, .npy"
    message = refused(*COMMANDS[command], "out.xlsx")
    assert message == f"the output out.xlsx has an unsupported suffix. There are: {known}."


def test_a_misspelled_suffix_is_suggested(refused):
    message = refused(*COMMANDS["transform"], "out.parqet")
    assert message.startswith("the output out.parqet has an unsupported suffix. Did you mean '.parquet'?")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_folder_is_said_before_any_work(refused, tmp_path, command):
    (tmp_path / "results").mkdir()
    name = "out.safetensors" if command == "fit" else "out.csv"
    message = refused(*COMMANDS[command], f"result/{name}")
    assert message == f"there is no folder result for {name}. Did you mean 'results'? Make it first."


def test_a_missing_folder_of_a_checkpoint_is_said_before_any_work(refused):
    message = refused(*COMMANDS["fit"], "model.safetensors", "--checkpoint", "absent/progress")
    assert message == "there is no folder absent for progress. Make it first."


def test_a_folder_is_no_output(refused, tmp_path):
    (tmp_path / "out.csv").mkdir()
    assert refused(*COMMANDS["score"], "out.csv") == "the output out.csv is a folder: name a file in it."


def test_a_file_that_is_there_is_not_overwritten_unasked(refused, call, table, trained, monkeypatch):
    words = ("transform", trained, table, "--out", "codes.csv")
    Path("codes.csv").write_text("mine")
    message = "codes.csv is there already: name another output, or overwrite it by --force."
    assert refused(*words) == message
    monkeypatch.setattr("isthmus.cli.screen.can_ask", lambda: True)  # as at a terminal
    for answer, stays in (("n\n", True), ("\n", True), ("y\n", False)):
        result = call(*words, stdin=answer)
        assert result.stderr.startswith("isthmus: codes.csv is there already: overwrite it? [y/N]:")
        assert (Path("codes.csv").read_text() == "mine") == stays == bool(result.exit_code)
    assert call(*words, stdin="").exit_code == 130  # Ctrl-D
    assert call(*words, "--force", "--quiet").output == ""


def test_what_train_and_keep_is_not_overwritten_unasked(refused, table):
    Path("kept.safetensors").write_text("mine")
    words = ("--out", "new.csv", "--save-model", "kept.safetensors")
    for command in ("detect", "impute"):
        assert refused(command, table, *words).startswith("kept.safetensors is there already")
    Path("mask.csv").write_text("mine")
    assert refused("impute", table, "--out", "new.csv", "--mask", "mask.csv").startswith("mask.csv is there already")


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe"])
def test_what_is_no_file_is_no_output(refused, tmp_path, kind):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    name = "pipe.csv" if kind == "pipe" else "link.csv"
    message = refused(*COMMANDS["score"], name)
    assert message == f"the output {name} is a device or a pipe, not a file: name another output."
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)


def test_an_input_is_no_output(refused, table):
    message = refused("score", THERE, table, "--out", "table.csv")
    assert message == "table.csv is named twice: give the output another name than the other files have."


def test_a_folder_that_may_not_be_written_to_is_said_before_any_work(refused, monkeypatch):
    monkeypatch.setattr("os.access", lambda _, mode: not mode & os.W_OK)
    assert refused(*COMMANDS["score"], "out.csv") == ("the folder . may not be written to: name an output elsewhere.")


@pytest.mark.parametrize("suffix", output.FORMATS)
def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"out{suffix}"
    path.write_text("old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(IsthmusError) as caught:
        output.write(path, np.ones((3, 2)), ["a", "b"])
    message = f"cannot write {path}: No space left on device. What was there before is untouched."
    assert str(caught.value) == message
    assert [other.name for other in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def test_an_interrupted_write_leaves_nothing_behind(tmp_path):
    def interrupt(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isthmus.write_file(tmp_path / "out.csv", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    output.write(tmp_path / "link.csv", np.array([[1.5]]), ["a"])
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "a\n1.5\n"


def test_the_formats_keep_every_digit(tmp_path):
    values = np.random.default_rng(0).normal(size=(7, 2)) * 1e-7
    output.write(tmp_path / "out.csv", values, ["a", 'odd, "name"'])
    head, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert head == 'a,"odd, ""name"""'
    np.testing.assert_array_equal([[float(cell) for cell in line.split(",")] for line in lines], values)


FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1+2", "-2+3"]


def test_formulas_are_said_and_written_as_texts_where_asked(call, frame, tmp_path):
    cells = frame.assign(**{"=HYPERLINK(1)": FORMULAS * 12, "low": -frame["a"]})
    cells.loc[3, "a"] = None
    cells.to_csv("data.csv", index=False)
    plain = call("impute", "data.csv", "--out", "plain.csv", "--max-epochs", 2, "--quiet")
    assert plain.exit_code == 0, plain.stderr
    shown = call("impute", "data.csv", "--force", "--out", "plain.csv", "--max-epochs", 2)
    note = (
        "plain.csv holds texts that a spreadsheet runs as formulas, as '=HYPERLINK(1)': --safe-csv writes them with '"
    )
    assert note in shown.stderr
    assert "=HYPERLINK(1)" in (tmp_path / "plain.csv").read_text()
    safe = call("impute", "data.csv", "--out", "safe.csv", "--max-epochs", 2, "--safe-csv")
    assert safe.exit_code == 0, safe.stderr
    assert "formulas" not in safe.stderr
    with (tmp_path / "safe.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["a", "b", "c", "d", "e", "'=HYPERLINK(1)", "low"]
    assert [row[5] for row in rows[:5]] == [f"'{formula}" for formula in FORMULAS]
    assert all(float(row[6]) == -float(row[0]) for i, row in enumerate(rows) if i != 3)
    with (tmp_path / "plain.csv").open(newline="") as file:
        assert [row[:5] + row[6:] for row in rows] == [row[:5] + row[6:] for row in list(csv.reader(file))[1:]]


def test_numbers_are_no_formulas(tmp_path, recwarn):
    output.write(tmp_path / "out.csv", np.array([[-1.5, 2e-300], [-np.inf, np.nan]]), ["a", "b"])
    assert list(recwarn) == []
    output.write(tmp_path / "safe.csv", np.array([[-1.5, 2e-300], [-np.inf, np.nan]]), ["a", "b"], is_safe=True)
    assert (tmp_path / "safe.csv").read_text() == (tmp_path / "out.csv").read_text()


def test_a_reader_that_leaves_a_table_is_known_as_such(monkeypatch):
    class Left:
        class buffer:
            @staticmethod
            def write(data):
                raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Left)
    with pytest.raises(BrokenPipeError):  # else polars says it in words of its own
        output.write(output.STANDARD, np.ones((3, 2)), ["a", "b"])
