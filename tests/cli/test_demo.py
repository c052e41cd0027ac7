"""`isthmus demo` does the main job, and does it better than PCA."""

import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import isthmus
from isthmus.cli import demo
from isthmus.cli.main import app


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder of a demo, and what it showed."""
    folder = tmp_path_factory.mktemp("demo") / "made"
    result = CliRunner().invoke(app, ["demo", "--out", str(folder)])
    assert result.exit_code == 0, result.output
    assert all(line.startswith("fit: 100 of at most 100 epochs: ") for line in result.stderr.splitlines())
    return folder, result.stdout


def test_it_writes_tables_a_model_and_a_picture(shown):
    folder, text = shown
    names = ["digits.parquet", "held_out.parquet", "model.safetensors", "digits.png"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert all(f"{folder / name}\n" in text for name in names)
    assert [len(pd.read_parquet(folder / name)) for name in names[:2]] == [1437, 360]
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_the_autoencoder_has_a_smaller_error_than_pca(shown):
    folder, text = shown
    lines = [line.split() for line in text.splitlines() if line.startswith(("autoencoder ", "PCA "))]
    errors = {(name, size): float(error) for name, size, error, _ in lines}
    assert errors["autoencoder", "8"] < 0.7 * errors["PCA", "8"]
    assert errors["autoencoder", "2"] < 0.8 * errors["PCA", "2"]
    held_out = pd.read_parquet(folder / "held_out.parquet")
    again = isthmus.load(folder / "model.safetensors").reconstruct(held_out)
    assert errors["autoencoder", "8"] == pytest.approx(np.mean((again - held_out) ** 2), abs=0.01)


def test_the_commands_to_go_on_with_run(shown, call, monkeypatch):
    _, text = shown
    commands = [line.strip() for line in text.splitlines() if line.startswith("  isthmus ")]
    assert [command.split()[1] for command in commands] == ["inspect", "transform", "score", "fit"]
    for command in commands[:3]:
        result = call(*command.split()[1:])
        assert (result.exit_code, result.stderr) == (0, "")


def test_a_loaded_model_with_other_codes_is_refused(shown, tmp_path):
    folder, _ = shown
    files = folder / "digits.parquet", folder / "held_out.parquet"
    digits = demo.Digits(files, (np.empty(0), np.empty(0)), np.empty(0))
    model = isthmus.load(folder / "model.safetensors")
    trial = demo.Trial("autoencoder", model, 0.0, model.transform(files[1]) + 1, np.empty(0))
    with pytest.raises(isthmus.ModelFileError) as caught:
        demo._save(trial, tmp_path / "model.safetensors", digits)
    assert str(caught.value) == (
        f"{tmp_path / 'model.safetensors'}, loaded again, gives other codes than the model that was saved: "
        "please report it."
    )


def test_a_file_is_no_folder(refused, table):
    assert refused("demo", "--out", table) == f"{table} is a file: name a folder for what the demo writes."


def test_without_matplotlib_it_names_the_extra_before_any_work(refused, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith("isthmus.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(isthmus, "plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert refused("demo") == "figures need matplotlib: pip install 'isthmus[plots]'"
    assert not (tmp_path / "demo").exists()
