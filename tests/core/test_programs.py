"""A process keeps few compiled programs, whatever the number of shapes that it fits and asks."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder
from isthmus.core import programs
from isthmus.training import step
from tiny import X, autoencoder


class Compiled:
    """Programs handed to XLA, by the name of their function."""

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, duration_secs: float, **_: Any) -> None:
        self.count += event == programs.COMPILED


@pytest.fixture(scope="module")
def counter() -> Compiled:
    return Compiled()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the process keep so few programs that the next fit or answer drops those there are."""
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 2)
    yield
    programs.drop_programs()


def fit(columns: int, epochs: int = 2) -> Autoencoder:
    return autoencoder(max_epochs=epochs, stops=None).fit(X[:, :columns])


def test_programs_are_counted(counter: Compiled) -> None:
    before, heard = programs._count, counter.count
    jax.jit(lambda x: x * 2 + 3)(np.ones(3))
    assert programs._count - before == counter.count - heard == 1


def test_the_programs_of_shapes_left_behind_are_dropped(few: None) -> None:
    for columns in (3, 4, 5):
        fit(columns)
        assert step.epoch._cache_size() <= 2  # the one of this shape, for the first epoch and for the others


def test_a_fit_compiles_its_epoch_once_however_few_programs_are_kept(few: None, counter: Compiled) -> None:
    counts = []
    for epochs in (1, 6):
        fit(4)
        before = counter.count
        fit(5, epochs)
        counts.append(counter.count - before)
    assert counts[0] == counts[1] > 0


def test_answers_are_the_same_when_programs_are_dropped_in_other_threads(few: None) -> None:
    def answers(columns: int) -> np.ndarray:
        model = fit(columns)
        return np.concatenate([model.transform(X[:, :columns]).ravel() for _ in range(3)])

    expected = [answers(columns) for columns in (3, 4, 5)]
    with ThreadPoolExecutor(3) as threads:
        for answered, wanted in zip(threads.map(answers, (3, 4, 5)), expected, strict=True):
            np.testing.assert_array_equal(answered, wanted)


def test_memory_goes_back_to_the_system_with_the_programs(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What malloc keeps in pieces came to 430 MB of 890 after a hundred shapes."""
    trimmed = []
    monkeypatch.setattr(programs, "_return_memory", lambda: trimmed.append(step.epoch._cache_size()))
    fit(3)
    fit(4)
    assert set(trimmed) == {0}  # once they are gone


def test_programs_of_others_are_dropped_seldom(monkeypatch: pytest.MonkeyPatch, counter: Compiled) -> None:
    double = jax.jit(lambda x: x * 2 + 5)
    double(np.ones(3))
    before = counter.count
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 1)
    monkeypatch.setattr(programs, "_times", 0)
    for times in range(1, programs.EVERY + 1):
        monkeypatch.setattr(programs, "_count", 1)
        programs.drop_programs()
        double(np.ones(3))
        assert counter.count == before + (times == programs.EVERY)


def test_what_a_process_sets_for_promotion_is_not_for_the_programs_of_the_library() -> None:
    add = programs.compiled(lambda x, y: x + y)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        with pytest.raises(ValueError, match="jax_numpy_rank_promotion"):
            jnp.ones((2, 3)) + jnp.ones(3)
        np.testing.assert_array_equal(add(np.ones((2, 3), np.float32), np.ones(3, np.int32)), np.full((2, 3), 2))


@pytest.mark.parametrize(
    "settings", [{"bottleneck": "top_k(4, k=2)", "init": "pca"}, {"bottleneck": "variational(2)", "optimizer": "lbfgs"}]
)
def test_a_model_is_fitted_and_used_under_strict_promotion(settings: dict[str, Any]) -> None:
    plain = autoencoder(**settings).fit(X)
    expected = [plain.transform(X), plain.reconstruct(X), plain.score_samples(X), plain.sample(3)]
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        strict = autoencoder(**settings).fit(X)
        answers = [strict.transform(X), strict.reconstruct(X), strict.score_samples(X), strict.sample(3)]
    for answer, wanted in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(answer, wanted)


def in_a_fork(act: Callable[[], Any]) -> str:
    """Return what a forked process ends with: its answer, or its error."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX and Python warn of the fork
        child = os.fork()
    if not child:
        signal.alarm(30)  # where it hangs, it ends without a word
        try:
            told = str(act())
        except BaseException as error:  # noqa: BLE001 -- whatever it is
            told = f"{type(error).__name__}: {error}"
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


@pytest.mark.parametrize("act", ["transform", "fit", "load"])
def test_use_in_a_process_forked_after_use_is_an_error(act: str, tmp_path: Path) -> None:
    """One forked before works: so do those of tests/training/test_checkpoint.py."""
    model, path = autoencoder().fit(X), tmp_path / "model.safetensors"
    model.save(path)
    acts: dict[str, Callable[[], Any]] = {
        "transform": lambda: model.transform(X),
        "fit": lambda: autoencoder().fit(X),
        "load": lambda: isthmus.load(path),
    }
    told = in_a_fork(acts[act])
    assert told.startswith("IsthmusError: this process was forked from one in which JAX had been used")
    assert "start it by 'spawn' or 'forkserver'" in told
