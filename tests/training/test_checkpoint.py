"""A fit that is killed, interrupted or stopped goes on to the very bits of one that was left alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus import Autoencoder, CheckpointError, InvalidPart, ModelFileError
from isthmus.contracts import Stop
from isthmus.storage import container as modelfile
from isthmus.training import checkpoint
from tiny import progress_of, weights_of

STORY = """
import os, sys, time, warnings, json
from dataclasses import dataclass
import jax
import numpy as np
import isthmus.training.checkpoint
from isthmus import Autoencoder
from isthmus.contracts import Stop

@dataclass(frozen=True)
class Slowly(Stop):
    # No machine is fast enough to end before it is killed.
    seconds: float = 0.006

    def __call__(self, history):
        time.sleep(self.seconds)
        return None

isthmus.training.checkpoint.INTERVAL = 0.05

def fit(checkpoint, out):
    x = np.random.default_rng(3).normal(size=(300, 5)).astype(np.float32)
    ae = Autoencoder(
        2, encoder="mlp((4,), dropout=0.1)", corruption="masking(0.2)", batch_size=16, max_epochs=600,
        stops=Slowly(), validation_fraction=0.1, random_state=11,
    )
    print("fit", os.getpid(), flush=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ae.fit(x, checkpoint=checkpoint or None)
    told = {"reason": ae.stop_reason_, "epochs": ae.n_iter_, "warnings": [str(w.message) for w in caught]}
    told["history"] = [{name: value for name, value in record.items() if name != "seconds"} for record in ae.history_]
    leaves = [leaf for leaf in jax.tree.leaves(ae.model_) if hasattr(leaf, "shape")]
    told["weights"] = [np.asarray(leaf).tobytes().hex() for leaf in leaves]
    with open(out, "w") as file:
        json.dump(told, file)

# Importing takes most of a process's life: it is done once, and each fit has a process forked from this one, which
# holds no device and no thread of JAX yet.
for line in sys.stdin:
    child = os.fork()
    if not child:
        fit(*json.loads(line))
        os._exit(0)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def compiled_in(folder: Path) -> dict[str, str]:
    """Return the variables by which what one process has compiled is there for the next."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


class Teller:
    """A process that has imported all, and forks one that fits whenever it is told to."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        with (folder / f"{name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", STORY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | compiled_in(folder),
                start_new_session=True,  # so that it ends together with the fit that it has begun
            )

    @property
    def log(self) -> str:
        return (self._folder / f"{self._name}.log").read_text()

    def begin(self, checkpoint: Path | None) -> int:
        """Start a fit; return its process when it is about to fit."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(checkpoint or ""), str(self._folder / self._name)]) + "\n")
        self._process.stdin.flush()
        return int(self._line("fit"))

    def wait(self) -> int:
        """Return how the fit that was begun ended, as `subprocess` has it: below 0 the signal that killed it."""
        return int(self._line("ended"))

    def outcome(self) -> dict[str, Any]:
        """Return what the fit that was begun ended with."""
        assert self.wait() == 0, self.log
        told: dict[str, Any] = json.loads((self._folder / self._name).read_text())
        return told

    def close(self) -> None:
        self._end()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _end(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)

    def _line(self, kind: str) -> str:
        assert self._process.stdout is not None
        too_long = threading.Timer(120, self._end)
        too_long.start()
        word, _, number = self._process.stdout.readline().partition(" ")
        too_long.cancel()
        assert word == kind, self.log
        return number


def mark(path: Path) -> tuple[int, int]:
    """Return what changes when a file is replaced."""
    found = path.stat() if path.exists() else None
    return (found.st_ino, found.st_mtime_ns) if found else (0, 0)


def wait_for_write(path: Path, process: int) -> None:
    before = mark(path)
    while mark(path) == before:
        os.kill(process, 0)  # it lives
        time.sleep(0.001)


def epochs_in(path: Path) -> int:
    return len(modelfile.open_file(path, "checkpoint").header["histories"][0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("story")


@pytest.fixture(scope="module")
def teller(folder: Path) -> Iterator[Teller]:
    teller = Teller(folder, "killed")
    yield teller
    teller.close()


@pytest.fixture(scope="module")
def whole(folder: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """Return a function that answers what a fit without a checkpoint ends with; it runs in the meantime."""
    teller = Teller(folder, "whole")
    teller.begin(None)
    yield teller.outcome
    teller.close()


def test_ten_kills_and_a_ctrl_c_change_no_bit(
    folder: Path, teller: Teller, whole: Callable[[], dict[str, Any]]
) -> None:
    path = folder / "killed.safetensors"
    draw = np.random.default_rng(20)
    epochs = []
    for number in range(10):
        process = teller.begin(path)
        if number < 2:  # while the program is compiled, or shortly after
            time.sleep(draw.uniform(0, 1.2))
        else:
            wait_for_write(path, process)
            time.sleep(draw.uniform(0, 0.3))
        os.kill(process, signal.SIGKILL)
        assert teller.wait() == -signal.SIGKILL
        epochs += [epochs_in(path)] if path.exists() else [0]
    assert epochs == sorted(epochs)
    assert epochs[1] < epochs[-1] < 600

    process = teller.begin(path)
    wait_for_write(path, process)
    time.sleep(0.1)
    os.kill(process, signal.SIGINT)
    stopped = teller.outcome()
    assert stopped["reason"] == "interrupted"
    assert stopped["warnings"] == [f"interrupted after epoch {stopped['epochs']}: what was learned is kept."]
    assert epochs[-1] < stopped["epochs"] < 600

    teller.begin(path)
    finished = teller.outcome()
    assert finished["reason"] == "all epochs that were asked for have been taken: 600"
    assert stopped["history"][-1].pop("stop") == "interrupted"
    assert 1 <= stopped["history"][-1].pop("kept") <= stopped["epochs"]
    assert stopped["history"] == finished["history"][: stopped["epochs"]]
    assert finished == whole()
    assert [left.name for left in folder.iterdir() if left.name.startswith(".")] == []


@dataclass(frozen=True)
class Press(Stop):
    """Ctrl-C in an epoch, once."""

    epoch: int

    compares = False  # it is asked in every epoch

    def __call__(self, history: Sequence[Any]) -> str | None:
        if len(history) == self.epoch:
            raise KeyboardInterrupt
        return None


X = np.random.default_rng(0).normal(size=(40, 5))

WAYS = {
    "adam": {},
    "sgd with momentum": {"optimizer": "sgd(0.01, momentum=0.9)"},
    "noise": {"encoder": "mlp((4,), dropout=0.2)", "corruption": "masking(0.3)"},
    "held out": {"validation_fraction": 0.25},
    "three starts": {"n_starts": 3, "validation_fraction": 0.25},
    "schedule of steps": {"optimizer": "adam(cosine(0.01, steps=50))"},
    "schedule that ends": {"optimizer": "adam(cosine(0.01, steps=6))", "validation_fraction": 0.25},
    "schedule of losses": {"optimizer": "sgd(plateau(0.2, epochs=1))"},
    "scheduled penalty": {"penalties": "l1(linear(0.0, 0.1, steps=10))"},
    "lbfgs": {"optimizer": "lbfgs(2)"},
    "lbfgs with noise, three starts": {"optimizer": "lbfgs(2)", "corruption": "gaussian(0.1)", "n_starts": 3},
    "cg": {"optimizer": "cg(2)"},
    "lowered steps": {"optimizer": "sgd(8.0)", "batch_size": 8},
}


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 8, "stops": ()} | settings)


def outcome(ae: Autoencoder) -> tuple[bytes, list[dict[str, float]], str]:
    history = [{name: value for name, value in record.items() if name != "seconds"} for record in ae.history_]
    return weights_of(ae).tobytes(), history, ae.stop_reason_


@pytest.mark.parametrize("way", WAYS)
def test_training_left_at_any_epoch_goes_on_to_the_same_bits(way: str, tmp_path: Path) -> None:
    settings = WAYS[way]
    whole = outcome(autoencoder(**settings).fit(X))
    for epoch in (1, 4, 7):
        path = tmp_path / f"left-{epoch}.safetensors"
        left = autoencoder(**settings, stops=Press(epoch))
        # Pressed within epoch e, e - 1 epochs are learned; nothing is kept of none.
        if epoch == 1:
            with pytest.raises(KeyboardInterrupt):
                left.fit(X, checkpoint=path)
            assert not path.exists()
        else:
            with pytest.warns(UserWarning, match=f"interrupted after epoch {epoch - 1}: what was learned is kept"):
                left.fit(X, checkpoint=path)
            assert left.stop_reason_ == "interrupted"
            assert left.n_iter_ == epoch - 1
            assert left.transform(X).shape == (40, 2)
        assert outcome(autoencoder(**settings).fit(X, checkpoint=path)) == whole


def test_lowered_steps_were_lowered() -> None:
    """The case above restores a state and lowers the step, so that is resumed too."""
    ae = autoencoder(**WAYS["lowered steps"]).fit(X)
    assert progress_of(ae).factor[0] < 1


@pytest.mark.parametrize("way", ["adam", "noise", "held out", "three starts", "lbfgs"])
def test_more_epochs_go_on_where_fewer_ended(way: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.safetensors"
    short = autoencoder(**WAYS[way], max_epochs=3).fit(X, checkpoint=path)
    assert (short.n_iter_, short.stop_reason_) == (3, "all epochs that were asked for have been taken: 3")
    long = autoencoder(**WAYS[way]).fit(X, checkpoint=path)
    assert long.n_iter_ == 8
    first = short.history_
    assert first[-1].pop("stop") == long.history_[-1]["stop"] == "max_epochs"
    assert first[-1].pop("kept") == 3
    assert long.history_[:3] == first  # their seconds too: they were not taken again
    assert outcome(long) == outcome(autoencoder(**WAYS[way]).fit(X))


def test_other_stops_decide_anew(tmp_path: Path) -> None:
    path = tmp_path / "fit.safetensors"
    early = autoencoder(stops="target(1000)").fit(X, checkpoint=path)
    assert (early.n_iter_, early.stop_reason_) == (1, "the loss reached 1000")
    again = autoencoder(stops="target(1000)").fit(X, checkpoint=path)
    assert (again.history_, again.stop_reason_) == (early.history_, early.stop_reason_)
    late = autoencoder().fit(X, checkpoint=path)
    assert outcome(late) == outcome(autoencoder().fit(X))


def test_what_has_settled_is_not_asked_again(tmp_path: Path) -> None:
    """Of rows of rank 2 two numbers tell all: more epochs are allowed, and none is taken."""
    x = X[:, :2] @ np.ones((2, 5)) * [1, 2, 3, 4, 5]
    path = tmp_path / "fit.safetensors"
    first = autoencoder(encoder=(), optimizer="lbfgs(50)", max_epochs=20).fit(x, checkpoint=path)
    assert first.history_[-1]["stop"] == "settled"
    more = autoencoder(encoder=(), optimizer="lbfgs(50)", max_epochs=40).fit(x, checkpoint=path)
    assert more.history_ == first.history_


def test_a_finished_fit_is_answered_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fit.safetensors"
    first = autoencoder().fit(X, checkpoint=path)
    written = path.read_bytes()
    second = autoencoder().fit(X, checkpoint=path)
    assert second.history_ == first.history_  # with the seconds of the first
    assert outcome(second) == outcome(first)
    np.testing.assert_array_equal(second.transform(X), first.transform(X))
    assert path.read_bytes() == written


def test_a_checkpoint_changes_nothing(tmp_path: Path) -> None:
    assert outcome(autoencoder().fit(X, checkpoint=tmp_path / "fit.safetensors")) == outcome(autoencoder().fit(X))


def test_the_progress_is_written_while_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.safetensors"
    seen = []

    @dataclass(frozen=True)
    class Look(Stop):
        def __call__(self, history: Sequence[Any]) -> str | None:
            there = path.exists()
            seen.append(len(modelfile.open_file(path, "checkpoint").header["histories"][0]) if there else 0)
            return None

    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    autoencoder(stops=Look()).fit(X, checkpoint=path)
    assert seen == [0, 1, 2, 3, 4, 5, 6, 7]
    seen.clear()
    path.unlink()
    monkeypatch.setattr(checkpoint, "INTERVAL", 1000.0)
    autoencoder(stops=Look()).fit(X, checkpoint=path)
    assert seen == [0] * 8


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return the checkpoint of three epochs."""
    path = tmp_path / "fit.safetensors"
    autoencoder(max_epochs=3).fit(X, checkpoint=path)
    return path


def moved(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[7, 3] += 1e-3
    return x


OTHERS: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray], Any]] = {
    "one value": ({}, moved, None),
    "fewer rows": ({}, lambda x: x[:-1], None),
    "weights": ({}, lambda x: x, np.arange(1, 41)),
    "seed": ({"random_state": 1}, lambda x: x, None),
    "size of the code": ({"bottleneck": 3}, lambda x: x, None),
    "width": ({"encoder": (5,)}, lambda x: x, None),
    "activation": ({"encoder": "mlp((4,), 'tanh')"}, lambda x: x, None),
    "optimizer": ({"optimizer": "adam(beta1=0.8)"}, lambda x: x, None),
    "corruption": ({"corruption": "masking"}, lambda x: x, None),
    "penalty": ({"penalties": "l1"}, lambda x: x, None),
    "batch size": ({"batch_size": 8}, lambda x: x, None),
    "rows held out": ({"validation_fraction": 0.1}, lambda x: x, None),
    "starts": ({"n_starts": 2}, lambda x: x, None),
    "likelihood": ({"likelihood": "absolute_error"}, lambda x: x, None),
    "scaling": ({"scaling": "minmax"}, lambda x: x, None),
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_checkpoint_of_another_fit_is_refused(other: str, kept: Path) -> None:
    settings, change, weight = OTHERS[other]
    before = kept.read_bytes()
    with pytest.raises(CheckpointError, match=r"fit\.safetensors is the checkpoint of another fit.*delete it"):
        autoencoder(**settings).fit(change(X), sample_weight=weight, checkpoint=kept)
    assert kept.read_bytes() == before


def test_a_checkpoint_is_gone_on_from_with_another_learning_rate(kept: Path) -> None:
    before = autoencoder().fit(X, checkpoint=kept).history_
    still = autoencoder(optimizer="adam(1e-30)", max_epochs=10).fit(X, checkpoint=kept)
    assert [record["loss"] for record in still.history_[:8]] == [record["loss"] for record in before]
    assert [record["weight_change"] for record in still.history_[8:]] == [0, 0]


def test_equal_settings_spelled_otherwise_are_no_other_fit(kept: Path) -> None:
    same = autoencoder(bottleneck="deterministic(2)", optimizer="adam(0.001)", encoder="mlp([4])", verbose=1)
    assert same.fit(X.tolist(), checkpoint=kept).n_iter_ == 8


def test_a_damaged_checkpoint_is_refused(kept: Path) -> None:
    data = kept.read_bytes()
    for place in (0, 9, len(data) // 2, len(data) - 1):
        kept.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ModelFileError, match=r"fit\.safetensors"):
            autoencoder().fit(X, checkpoint=kept)
        kept.write_bytes(data[:place])
        with pytest.raises(ModelFileError, match=r"fit\.safetensors"):
            autoencoder().fit(X, checkpoint=kept)


def test_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    autoencoder().fit(X).save(path)
    with pytest.raises(ModelFileError, match="is a 'model' file; expected a 'checkpoint' file"):
        autoencoder().fit(X, checkpoint=path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("histories", None),
        ("histories", "abc"),
        ("histories", [1]),
        ("histories", [[1, 2]]),
        ("histories", [[{"loss": "low"}]]),
        ("histories", []),
        ("histories", [[], []]),
        ("reasons", None),
        ("reasons", []),
        ("reasons", [3]),
        ("reasons", ["diverged"]),
        ("reasons", [["diverged"]]),
        ("reasons", [["diverged", 1]]),
        ("reasons", [["max_epochs", "max_epochs", "max_epochs"]]),
        ("reasons", [{"stop": "diverged", "reason": "diverged"}]),
        ("histories", [[{"epoch": 1, "loss": 1.0, "weight_change": 0.1, "seconds": 1.0, "stop": "patience"}]]),
        ("fingerprint", None),
    ],
)
def test_a_forged_checkpoint_is_refused(kept: Path, key: str, value: Any) -> None:
    """Its checksum is right, and its fingerprint; only what it tells is not."""
    opened = modelfile.open_file(kept, "checkpoint")
    header = {name: old for name, old in opened.header.items() if name != "checksum"}
    modelfile.write(kept, header | {key: value}, opened.read())
    with pytest.raises((ModelFileError, CheckpointError), match=r"fit\.safetensors"):
        autoencoder().fit(X, checkpoint=kept)


def test_a_checkpoint_with_other_tensors_is_refused(kept: Path) -> None:
    opened = modelfile.open_file(kept, "checkpoint")
    header = {name: old for name, old in opened.header.items() if name != "checksum"}
    tensors = opened.read()
    name = max(tensors, key=lambda name: tensors[name].size)  # of the weights, or of the optimizer's memory of them
    for forged in (
        {name: tensors[name][:, :-1]},
        {name: tensors[name].astype(np.int32)},
        {"other": np.zeros(3)},
    ):
        modelfile.write(kept, header, tensors | forged)
        with pytest.raises(ModelFileError, match="its tensors are not those of this fit"):
            autoencoder().fit(X, checkpoint=kept)


def test_a_seed_drawn_anew_each_time_is_refused(tmp_path: Path) -> None:
    """A second fit could not know which numbers the first one drew."""
    for drawn in (None, np.random.RandomState(0)):
        with pytest.raises(InvalidPart, match="random_state must be a whole number where a checkpoint is kept"):
            autoencoder(random_state=drawn).fit(X, checkpoint=tmp_path / "fit.safetensors")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot write .*missing.*No such file or directory"):
        autoencoder().fit(X, checkpoint=tmp_path / "missing" / "fit.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_cannot_be_written_is_told_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, or where the folder is gone."""
    folder = tmp_path / "there"
    folder.mkdir()

    @dataclass(frozen=True)
    class Remove(Stop):
        def __call__(self, history: Sequence[Any]) -> str | None:
            if len(history) == 2:
                shutil.rmtree(folder)
            return None

    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    with pytest.warns(
        UserWarning, match="training goes on without its checkpoint: cannot write .*No such file"
    ) as told:
        left = autoencoder(stops=Remove()).fit(X, checkpoint=folder / "fit.safetensors")
    assert len(told) == 1
    assert outcome(left) == outcome(autoencoder().fit(X))


def test_ctrl_c_keeps_what_was_learned_where_the_checkpoint_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()

    @dataclass(frozen=True)
    class RemoveAndPress(Stop):
        def __call__(self, history: Sequence[Any]) -> str | None:
            if len(history) == 3:
                shutil.rmtree(folder)
                raise KeyboardInterrupt
            return None

    ae = autoencoder(stops=RemoveAndPress())
    with (
        pytest.warns(UserWarning, match="training goes on without its checkpoint"),
        pytest.warns(UserWarning, match="interrupted after epoch 2"),
    ):
        ae.fit(X, checkpoint=folder / "fit.safetensors")
    assert ae.n_iter_ == 2


def test_a_path_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    seen: list[int] = []

    @dataclass(frozen=True)
    class Look(Stop):
        def __call__(self, history: Sequence[Any]) -> str | None:
            seen.append(len(history))
            return None

    for path in (tmp_path / "missing" / "c", tmp_path, "x" * 300, "a\0b"):
        with pytest.raises(ModelFileError, match=r"cannot write|is a folder|there is no file"):
            autoencoder(stops=Look()).fit(X, checkpoint=path)
    assert seen == []


def test_the_checkpoint_that_another_fit_has_written_meanwhile_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.safetensors"

    @dataclass(frozen=True)
    class Beside(Stop):
        """Another fit with the same checkpoint, in the first epoch."""

        def __call__(self, history: Sequence[Any]) -> str | None:
            if len(history) == 1:
                autoencoder(random_state=5).fit(X, checkpoint=path)
            return None

    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    with pytest.warns(UserWarning, match="goes on without its checkpoint: .* is the checkpoint of another fit"):
        mine = autoencoder(stops=Beside()).fit(X, checkpoint=path)
    assert outcome(mine) == outcome(autoencoder().fit(X))
    with pytest.raises(CheckpointError, match="another fit"):
        autoencoder().fit(X, checkpoint=path)
    assert autoencoder(random_state=5).fit(X, checkpoint=path).n_iter_ == 8


def test_a_checkpoint_of_more_epochs_than_are_asked_for_is_refused(kept: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds 3 epochs, and max_epochs is 2: .* Use more epochs, or name"):
        autoencoder(max_epochs=2).fit(X, checkpoint=kept)
    assert autoencoder(max_epochs=3).fit(X, checkpoint=kept).n_iter_ == 3


def test_a_finished_fit_is_answered_where_nothing_can_be_written(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelfile, "write_file", None)
    assert autoencoder(max_epochs=3).fit(X, checkpoint=kept).n_iter_ == 3
