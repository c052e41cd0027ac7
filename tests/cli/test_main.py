"""The door: help, and what is said when a command fails."""

import inspect
import re

import numpy as np
import pytest
import typer

import isthmus
from isthmus.cli import manual
from isthmus.cli.main import COMMANDS, app, sentence
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


def test_the_codes_of_its_exit_are_written_down(call):
    assert "Exit codes: 0 it is done; 1 it failed" in call("--help").stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_examples_name_options_that_there_are(command):
    (known,) = (c for name, c in typer.main.get_command(app).commands.items() if name == command.__name__)
    flags = {flag for option in known.params for flag in (*option.opts, *option.secondary_opts)}
    examples = (inspect.getdoc(command) or "").partition(manual.EXAMPLES)[2].splitlines()
    assert any(f"isthmus {command.__name__}" in line for line in examples)
    for line in examples:
        assert set(re.findall(r"(?<= )--[a-z-]+", line)) <= flags


def test_one_thing_has_one_option_in_all_commands():
    """Options of one name mean one thing: they have the same parameter, and nearly always the same words."""
    meanings = {}
    for command in typer.main.get_command(app).commands.values():
        for option in command.params:
            for flag in option.opts:
                meanings.setdefault(flag, set()).add(option.name)
    assert all(len(names) == 1 for names in meanings.values()), meanings


def test_the_defaults_that_help_shows_are_those_of_python(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = call("fit", "--help").stdout
    shown = dict(re.findall(r"(--[a-z-]+) .*\[default: ([^\]]*)\]", text))
    model = isthmus.Autoencoder()
    for flag, name in (("--bottleneck", "bottleneck"), ("--encoder", "encoder"), ("--max-epochs", "max_epochs")):
        assert shown[flag] == str(getattr(model, name))
    assert (shown["--n-starts"], shown["--seed"]) == (str(model.n_starts), str(model.random_state))
    rate = model.part("optimizer").learning_rate
    assert shown["--optimizer"] == f"adam({rate})"
    assert shown["--stop"] == str(model.part("stops")[0]).replace("patience", "patience")
    assert (model.corruption, model.neighborhood, model.decoder, model.init) == (None, None, None, None)
    assert (shown["--corruption"], list(model.penalties)) == ("none", [])


@pytest.mark.parametrize(
    ("words", "setting", "due"),
    [
        (("--epochs", 1), "max_epochs", 1),
        (("--max_epochs", 1), "max_epochs", 1),
        (("--random-state", 5), "random_state", 5),
        (("--latent-dim", 3), "bottleneck", 3),
        (("--encoder", 4), "encoder", 4),
    ],
)
def test_words_of_other_tools_are_read(call, table, words, setting, due):
    assert call("fit", table, "--max-epochs", 1, *words, "--out", "m.safetensors", "--quiet").output == ""
    value = getattr(isthmus.load("m.safetensors"), setting)
    assert value == due or str(due) in str(value)


def test_a_model_and_a_table_that_are_swapped_are_told_apart(refused, table, trained):
    message = refused("transform", table, trained, "--out", "o.csv")
    assert message == f"{trained} is a model, not a table. Write {trained} {table}: the model stands first."
    assert refused("fit", trained, "--out", "o.safetensors") == f"{trained} is a model, not a table. Name a table."


def test_a_detector_where_a_network_is_expected_names_its_command(refused, table):
    isthmus.AnomalyDetector(isthmus.Autoencoder(1, max_epochs=1)).fit(np.eye(5)).save("d.safetensors")
    message = refused("transform", "d.safetensors", table, "--out", "o.csv")
    assert message.endswith("Use isthmus detect TABLE --model d.safetensors.")


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
