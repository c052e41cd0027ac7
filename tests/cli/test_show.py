"""`inspect`, `parts` and the version."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from isthmus import Autoencoder, NetworkClassifier, StackedAutoencoder
from isthmus.cli import show
from isthmus.core.registry import find_part, part_kinds, part_names
from isthmus.core.spelling import resolve
from isthmus.storage import container


def of_the_library(kind):
    """The parts of a kind that are files of it; other tests may have defined more."""
    return [
        part for part in (find_part(kind, name) for name in part_names(kind)) if part.__module__.startswith("isthmus.")
    ]


def test_inspect_shows_what_is_in_a_model_file(told, table):
    words = ["--bottleneck", "top_k(4, k=2)", "--penalty", "l1(0.01)", "--encoder", "(16,)"]
    told("fit", table, *words, "--max-epochs", 9, "--validation-fraction", 0.2, "--out", "model.safetensors")
    facts = told("inspect", "model.safetensors")
    size = (table.parent / "model.safetensors").stat().st_size
    assert facts["file"] == f"model.safetensors ({size / 1000:.4g} kB), written by isthmus {isthmus.__version__}"
    assert facts["model"] == f"Autoencoder with {6 * 16 + 17 * 4 + 5 * 16 + 17 * 5} weights"
    assert facts["encoder"] == "mlp((16,))"
    assert facts["decoder"] == "mirrors the encoder"
    assert facts["penalties"] == "l1(0.01)"
    assert facts["corruption"] == "none"
    assert facts["code"] == "4 numbers: top_k(4, k=2)"
    assert facts["names"] == "a, b, c, d, e"
    assert facts["max_epochs"] == "9"
    assert facts["stopped"] == "all epochs that were asked for have been taken: 9"
    assert facts["history"].startswith("epoch 1: ")


def test_inspect_shows_some_of_many_names_and_epochs(told, call):
    pl.DataFrame({f"column {i}": [0.0, i, 1.0] for i in range(30)}).write_csv("data.csv")
    told("fit", "data.csv", "--max-epochs", 9, "--out", "model.safetensors")
    shown = call("inspect", "model.safetensors").stdout
    assert "column 19 and 10 more\n" in shown
    assert [f"epoch {number}: " in shown for number in range(1, 10)].count(True) == 4
    assert "epoch 9: " in shown


def test_inspect_shows_a_model_that_took_no_epoch_and_saw_no_names(told, call, frame):
    np.save("data.npy", frame.to_numpy())
    call("fit", "data.npy", "--max-epochs", 0, "--out", "model.safetensors")
    facts = told("inspect", "model.safetensors")
    assert (facts["epochs"], facts["loss"]) == ("0", "none: no epoch was taken")
    assert facts["history"] == "none: no epoch was taken"
    assert facts["names"] == "none: the table had none"


def test_inspect_shows_the_code_of_the_whole_of_a_stack(told, frame, tmp_path):
    layers = [Autoencoder(3, encoder=(4,), max_epochs=1), Autoencoder("top_k(2, k=1)", encoder=(4,), max_epochs=1)]
    StackedAutoencoder(layers, max_epochs=1).fit(frame).save(tmp_path / "stack.safetensors")
    facts = told("inspect", tmp_path / "stack.safetensors")
    assert facts["code"] == "2 numbers: top_k(2, k=1)"
    assert facts["optimizer"] == "adam"
    assert facts["model"].startswith("StackedAutoencoder with ")


@pytest.mark.parametrize("kind", part_kinds())
def test_parts_shows_every_part_of_a_room(told, kind):
    shown = told("parts", kind)
    for part in of_the_library(kind):
        assert shown[show.spelling(part)] == part.__doc__.splitlines()[0]
    assert next(iter(shown)) == kind


def test_parts_shows_every_room(call):
    lines = call("parts").stdout.splitlines()
    assert set(part_kinds()) <= set(lines)
    assert sum(line != "" for line in lines) == sum(1 + len(part_names(kind)) for kind in part_kinds())


def test_parts_are_found_by_a_text(call):
    shown = call("parts", "--find", "KL").stdout
    assert "sparsity(" in shown
    assert "relu" not in shown
    assert "penalties" in call("parts", "penalties", "--find", "KL").stdout
    result = call("parts", "--find", "no such thing")
    assert result.exit_code == 1
    assert "no part says anything of 'no such thing'" in result.stderr


def test_what_parts_shows_can_be_written(told):
    for kind, contract in part_kinds().items():
        for part in of_the_library(kind):
            name, spelling = part.name, show.spelling(part)
            required = {
                "size": "16",
                "seconds": "1.0",
                "loss": "1.0",
                "start": "0.1",
                "end": "0.0",
                "steps": "5",
                "value": "1.0",
            }
            inside = spelling.removeprefix(name).removeprefix("(").removesuffix(")")
            settings = [required.get(setting, setting) for setting in inside.split(", ")] if inside else []
            assert resolve(contract, f"{name}({', '.join(settings)})").name == name


def test_an_unknown_room_is_refused_with_a_suggestion(refused):
    message = refused("parts", "bottlenecs")
    assert message.startswith(
        "no kind of parts is called 'bottlenecs'. Did you mean 'bottlenecks'? There are: corruptions, "
    )


def test_the_version(call):
    assert call("--version").stdout == f"isthmus {isthmus.__version__}\n"


def test_what_is_no_autoencoder_is_shown_by_its_settings(told, table, tmp_path):
    frame = pd.read_csv(table)
    NetworkClassifier((4,), max_epochs=1).fit(frame, np.arange(60) % 2).save("classifier.safetensors")
    found = told("inspect", "classifier.safetensors")
    assert found["model"].startswith("NetworkClassifier with ")
    assert (found["encoder"], found["max_epochs"], found["names"]) == ("mlp((4,))", "1", "a, b, c, d, e")
    assert told("detect", table, "--max-epochs", 2, "--save-model", "detector.safetensors")["rows"] == "60"
    shown = told("inspect", "detector.safetensors")
    assert (shown["threshold"], shown["rows"], shown["epochs"]) == ("quantile", "60", "2")


def test_nothing_that_a_terminal_acts_on_is_shown(call, frame, tmp_path):
    """Neither of a table's names nor of a file's texts."""
    frame.columns = ["a\x1b]0;pwned\x07", "b\x1b[31m", "c\u202e", "d", "e"]
    frame.to_csv("data.csv", index=False)
    for words in (
        ("fit", "data.csv", "--max-epochs", 1, "--out", "model.safetensors"),
        ("inspect", "model.safetensors"),
        ("detect", "data.csv", "--save-model", "detector.safetensors"),
        ("inspect", "detector.safetensors"),
        ("score", "model.safetensors", "data.csv", "--per-feature"),
        ("score", "model.safetensors", "other\x1b[31m.csv"),
    ):
        shown = call(*words)
        for text in (shown.stdout, shown.stderr):
            assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "b\\x1b[31m" in call("inspect", "model.safetensors").stdout
    opened = container.open_file(tmp_path / "model.safetensors", "model")
    header = {name: value for name, value in opened.header.items() if name not in ("format", "checksum")}
    container.write(tmp_path / "model.safetensors", header | {"version": "9\x1b]0;pwned\x07"}, opened.read())
    assert "9\\x1b]0;pwned\\x07" in call("inspect", "model.safetensors").stdout
