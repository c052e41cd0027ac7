"""What only a process of its own can show: exit codes, streams, signals, terminals."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import isthmus

HEAVY = ("jax", "sklearn", "numpy", "scipy", "pandas", "polars", "pyarrow", "matplotlib")
RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from isthmus.cli.main import run; run()"


def command(*words):
    """Return the command line that runs isthmus, with Ctrl-C as in a terminal."""
    return [sys.executable, "-c", RUN, *map(str, words)]


def run(*words):
    return subprocess.run(command(*words), capture_output=True, text=True, check=False)


LIGHT = (
    *(["--help"], ["--version"], ["fit", "--help"], ["fit", "a.csv", "--out", "b.pt"], ["detect", "absent.csv"]),
    *(["transform", "absent.safetensors", "a.csv"], ["impute", "absent.csv", "--out", "b.csv"], ["inspect", "absent"]),
)


@pytest.mark.parametrize("words", LIGHT)
def test_what_needs_no_numbers_loads_no_numerics(words):
    code = f"import sys; from isthmus.cli.main import app\ntry: app({words!r})\nexcept SystemExit: pass\n"
    code += f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("LOADED []\n")


def test_it_is_a_module_and_a_command():
    shown = f"isthmus {isthmus.__version__}\n"
    for words in ([sys.executable, "-m", "isthmus"], [Path(sys.executable).parent / "isthmus"]):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == (shown, "")


def test_a_fit_away_from_a_terminal_shows_the_end_only(table, tmp_path):
    done = run("fit", table, "--bottleneck", 2, "--max-epochs", 3, "--out", tmp_path / "model.safetensors")
    said = f"isthmus: read {table} as 5 columns: 5 numbers. --kind NAME=KIND says otherwise.\n"
    assert (done.returncode, done.stderr) == (0, said)
    assert done.stdout.splitlines()[0].split() == ["rows", "60"]
    assert "\x1b" not in done.stdout
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())


def test_an_error_is_one_line_and_exit_code_1(tmp_path):
    done = run("fit", tmp_path / "absent.csv", "--out", tmp_path / "model.safetensors")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"isthmus: there is no file {tmp_path / 'absent.csv'}.\n"


def test_wrong_usage_is_exit_code_2():
    done = run("fit", "--bottleneck")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_on_a_terminal_a_bar_shows_epoch_loss_and_time_left(table, tmp_path, quiet):
    ours, theirs = pty.openpty()
    words = ["fit", table, "--bottleneck", 2, "--max-epochs", 5, "--out", tmp_path / "model.safetensors", *quiet]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    subprocess.run(command(*words), stdout=subprocess.PIPE, stderr=theirs, env=environment, check=True)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so where the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert all((word in shown) != bool(quiet) for word in (b"epoch", b"loss", b"left"))


def wait_for(path, process):
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_ctrl_c_in_fit_keeps_what_was_learned_and_saves_it(table, tmp_path):
    model, progress = tmp_path / "model.safetensors", tmp_path / "progress.safetensors"
    words = ["--max-epochs", 10**6, "--stop", "None", "--checkpoint", progress, "--bottleneck", 2]
    with subprocess.Popen(
        command("fit", table, "--out", model, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(progress, process)
        process.send_signal(signal.SIGINT)
        shown, messages = process.communicate(timeout=60)
    assert process.returncode == 0
    _, note = messages.splitlines()  # the first says how the table was read
    assert note.startswith("isthmus: note: interrupted after epoch ")
    assert "interrupted" in shown
    loaded = isthmus.load(model)
    assert 1 <= loaded.n_iter_ < 10**6
    assert np.isfinite(loaded.transform(table)).all()


def test_ctrl_c_elsewhere_is_one_line():
    endless = "import isthmus, time; isthmus.load = lambda path: (print('ready', flush=True), time.sleep(60)); "
    words = [sys.executable, "-c", endless + RUN, "inspect", __file__]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (130, "isthmus: interrupted.\n")


def test_ctrl_c_where_errors_are_ignored_is_one_line_a_moment_later():
    """As within a collection of garbage, where JAX has a callback."""
    ignoring = """
import gc, isthmus, os, signal, time

def press(phase, info):
    gc.callbacks.remove(press)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)

def load(path):
    gc.callbacks.append(press)
    gc.collect()
    time.sleep(60)

isthmus.load = load
"""
    words = [sys.executable, "-c", ignoring + RUN, "inspect", __file__]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "isthmus: interrupted.\n")


@pytest.mark.parametrize("module", ["typer", "rich.table"])
def test_ctrl_c_while_the_command_line_is_imported_is_one_line(tmp_path, module):
    (tmp_path / f"{module.partition('.')[0]}.py").write_text("raise KeyboardInterrupt")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-m", "isthmus", "parts"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "isthmus: interrupted.\n")


def test_closed_outputs_are_no_error(tmp_path, table):
    model = tmp_path / "model.safetensors"
    words = " ".join(map(shlex.quote, map(str, command("fit", table, "--max-epochs", 1, "--out", model))))
    done = subprocess.run(["bash", "-c", f"{words} >&- 2>&-"], check=False)
    assert done.returncode == 0
    assert isthmus.load(model).n_iter_ == 1


def test_a_reader_that_leaves_is_no_error():
    with subprocess.Popen(command("parts"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        messages = process.stderr.read()
        assert process.wait(timeout=60) == 1
    assert messages == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_standard_output_on_a_full_disk_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("parts", "stops"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "isthmus: No space left on device.\n")


def test_a_name_that_the_terminal_cannot_write_is_no_error(told, frame):
    frame.rename(columns={"a": "température"}).to_csv("data.csv", index=False)
    told("fit", "data.csv", "--max-epochs", 1, "--out", "model.safetensors")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = command("inspect", "model.safetensors")
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rature, b, c, d, e" in done.stdout
