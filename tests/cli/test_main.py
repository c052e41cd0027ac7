"""The door: help, and what is said when a command fails."""

import pytest

import isthmus
from isthmus.cli.main import sentence
from isthmus.errors import InvalidData

THERE = __file__  # a file that is there: what `load` makes of it is each test's own


def failing(monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(isthmus, "load", fail, raising=False)


def test_help_lists_the_commands(call):
    shown = call("--help").stdout
    for command in ("fit", "transform", "reconstruct", "score", "inspect", "parts", "demo"):
        assert f" {command} " in shown


@pytest.mark.parametrize("command", ["fit", "transform", "reconstruct", "score", "inspect", "parts", "demo"])
def test_every_command_has_help(call, command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert f"Usage: isthmus {command}" in result.stdout or f"Usage: root {command}" in result.stdout


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidData("first line\n  second line"), "first line second line"),
        (MemoryError(), "there is not enough memory (no more was given): use fewer rows or columns at a time."),
        (MemoryError("8 TB"), "there is not enough memory (8 TB): use fewer rows or columns at a time."),
        (PermissionError(13, "Permission denied", "secret.csv"), "secret.csv: Permission denied."),
        (OSError(28, "No space left on device"), "No space left on device."),
        (OSError("odd"), "odd."),
        (ValueError("X has 3 features"), "X has 3 features"),
        (KeyError("k"), "this should not have failed (KeyError: 'k'). ISTHMUS_DEBUG=1 shows where, for a report."),
    ],
)
def test_every_error_is_one_sentence(refused, monkeypatch, error, message):
    assert sentence(error) == message
    failing(monkeypatch, error)
    assert refused("inspect", THERE) == message


def test_a_model_that_is_not_fitted_is_one_sentence(refused, monkeypatch, table):
    monkeypatch.setattr(isthmus, "load", lambda path, **_: isthmus.Autoencoder(), raising=False)
    message = refused("transform", THERE, table, "--out", "out.csv")
    assert message.startswith("This Autoencoder instance is not fitted yet.")


def test_ctrl_c_is_one_line(call, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    result = call("inspect", THERE)
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "isthmus: interrupted.\n")


@pytest.mark.parametrize("way", ["option", "environment"])
def test_debugging_shows_the_traceback(call, monkeypatch, way):
    error = InvalidData("bad")
    failing(monkeypatch, error)
    if way == "environment":
        monkeypatch.setenv("ISTHMUS_DEBUG", "1")
    options = ["--debug"] if way == "option" else []
    assert call(*options, "inspect", THERE).exception is error


def test_an_unknown_command_is_wrong_usage_with_a_suggestion(call):
    result = call("transfrom")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Did you mean 'transform'?" in result.stderr


def test_a_long_message_is_cut():
    assert sentence(ValueError("digits " + "1" * 10**6)) == "digits " + "1" * 1993 + "..."
