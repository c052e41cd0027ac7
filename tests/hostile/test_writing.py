"""A model file is written at once or not at all."""

from __future__ import annotations

import errno
import os
import resource
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import Autoencoder, ModelFileError
from isthmus.storage import container
from isthmus.storage.state import load_state


def fails(error: BaseException) -> Callable[..., Any]:
    def fail(*arguments: object, **keywords: object) -> None:
        raise error

    return fail


def left_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.replace", "os.fsync and no old file"])
def test_a_failing_write_leaves_what_was_there(
    fitted: Autoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = tmp_path / "model.safetensors"
    if "no old file" not in where:
        path.write_bytes(b"what was there before")
    before = left_in(tmp_path)
    monkeypatch.setattr(where.split(" ")[0], fails(FULL))
    with pytest.raises(ModelFileError, match=r"cannot write .*model.safetensors: No space left on device\. What was"):
        fitted.save(path)
    assert left_in(tmp_path) == before


def test_a_disk_that_fills_up_within_the_write_leaves_what_was_there(fitted: Autoencoder, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"what was there before")
    before = left_in(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # a real write, cut by the system after 1000 bytes
    try:
        with pytest.raises(ModelFileError, match=r"cannot write .*: File too large\. What was there before is untouch"):
            fitted.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert left_in(tmp_path) == before
    fitted.save(path)
    assert isthmus.load(path).n_components_ == 2


def test_ctrl_c_within_the_write_leaves_what_was_there(
    fitted: Autoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"what was there before")
    before = left_in(tmp_path)
    monkeypatch.setattr("os.fsync", fails(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fitted.save(path)
    assert left_in(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_named(fitted: Autoencoder, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot write .*missing.*: No such file or directory"):
        fitted.save(tmp_path / "missing" / "model.safetensors")
    with pytest.raises(ModelFileError, match=r"cannot write .*: Is a directory"):
        fitted.save(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"cannot write .*: Not a directory"):
        fitted.save(tmp_path / "file" / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_rights_is_named(fitted: Autoencoder, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    is_root = os.geteuid() == 0  # to whom every folder is open
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(ModelFileError, match=r"cannot write .*closed.*: Permission denied"):
            fitted.save(folder / "model.safetensors")
    finally:
        if is_root:
            os.seteuid(0)
    assert not list(folder.iterdir())


def test_a_second_save_replaces_the_first(fitted: Autoencoder, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    first = path.read_bytes()
    isthmus.load(path).save(path)
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_save_keeps_to_the_rights_that_are_usual_here(fitted: Autoencoder, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        fitted.save(tmp_path / "model.safetensors")
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(before)
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_reader_of_another_file_in_the_meantime_sees_the_old_or_the_new(fitted: Autoencoder, tmp_path: Path) -> None:
    """A file read while it is written again and again is never half of one."""
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            fitted.save(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            assert isthmus.load(path).n_iter_ == 3
    finally:
        stop.set()
        writer.join()


def test_an_unfitted_model_is_not_saved(tmp_path: Path) -> None:

    with pytest.raises(NotFittedError, match="not fitted yet"):
        Autoencoder(2).save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_load_beside_a_save_is_of_one_file(fitted: Autoencoder, frame: Any, tmp_path: Path) -> None:
    """The header is of one file and its tensors are too, even where another file takes its name between the two."""
    path, other = tmp_path / "model.safetensors", Autoencoder(3, encoder=(4,), max_epochs=0).fit(frame)
    fitted.save(path)
    opened = container.open_file(path, "model")
    other.save(path)
    np.testing.assert_array_equal(load_state(opened).transform(frame), fitted.transform(frame))
    assert isthmus.load(path).n_components_ == 3


def test_threads_that_save_to_one_path_never_fail(fitted: Autoencoder, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: fitted.save(path), range(40))) == [None] * 40
    assert isthmus.load(path).n_components_ == 2
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_no_file_can_hold_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelFileError, match="no file can hold this model: Out of range float values"):
        container.write(path, {"kind": "model", "offset": float("inf")}, {})
    with pytest.raises(ModelFileError, match=r"no file can hold this model: .*surrogates not allowed"):
        container.write(path, {"kind": "model", "name": "\ud800"}, {})
    with pytest.raises(ModelFileError, match=r"no file can hold this model: .*not JSON serializable"):
        container.write(path, {"kind": "model", "name": {1, 2}}, {})
    monkeypatch.setattr(container, "MOST_HEADER", 1000)
    with pytest.raises(ModelFileError, match=r"take 1,\d\d\d bytes; at most are 1,000\. Leave out columns of free"):
        container.write(path, {"kind": "model", "name": "x" * 1000}, {})
    assert not path.exists()
    container.write(path, {"kind": "model", "name": "x" * 500}, {})
    assert container.open_file(path, "model").header["name"] == "x" * 500
