"""Files are written at once or not at all, by whoever and however many, and replace regular files only."""

from __future__ import annotations

import io
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import ModelFileError
from isthmus.storage import files
from tiny import X, autoencoder

IS_ROOT = os.geteuid() == 0


def write(path: Path | str, text: str = "new") -> None:
    isthmus.write_file(path, lambda file: file.write(text.encode()))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.close()


def make_device(path: Path) -> None:
    if not IS_ROOT:
        pytest.skip("only root makes devices")
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices may not be made here")


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device])
@pytest.mark.parametrize("is_link", [False, True])
def test_only_regular_files_are_replaced(tmp_path: Path, make: object, is_link: bool) -> None:
    there, path = tmp_path / "there", tmp_path / "link"
    make(there)  # type: ignore[operator]
    if is_link:
        path.symlink_to(there)
    kind = stat.S_IFMT(there.stat().st_mode)
    for act in (write, files.check_writable):
        with pytest.raises(ModelFileError, match=r"cannot write .*: it is no regular file"):
            act(path if is_link else there)
    assert stat.S_IFMT(there.stat().st_mode) == kind
    assert len(list(tmp_path.iterdir())) == 1 + is_link


def test_a_file_keeps_the_mode_of_the_one_that_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "private"
    for mode in (0o600, 0o640, 0o666, 0o755):
        path.write_text("old")
        path.chmod(mode)
        with umask(0o022):
            write(path)
        assert mode_of(path) == mode
        assert path.read_text() == "new"


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027, 0o002])
def test_a_new_file_has_the_mode_that_is_usual_here(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        write(tmp_path / "new")
    assert mode_of(tmp_path / "new") == 0o666 & ~mask


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_text("old")
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (12345, 54321, 0o640)


def test_nothing_can_be_read_by_others_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_text("old")
    path.chmod(0o600)
    modes = []

    def look(file: object) -> None:
        modes.extend(mode_of(other) for other in tmp_path.iterdir())

    with umask(0):
        isthmus.write_file(path, look)
    assert modes == [0o600, 0o600]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "leads nowhere").symlink_to("absent")
    write(tmp_path / "link")
    write(tmp_path / "leads nowhere")
    assert [(tmp_path / name).is_symlink() for name in ("link", "leads nowhere")] == [True, True]
    assert [(tmp_path / name).read_text() for name in ("real", "absent")] == ["new", "new"]


def test_the_temporary_name_is_never_a_link_that_waits_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    tokens = iter(["00" * 8, "11" * 8])
    (tmp_path / f".model.{'00' * 8}.part").symlink_to(precious)
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tokens))
    write(tmp_path / "model")
    assert precious.read_text() == "precious"
    assert (tmp_path / "model").read_text() == "new"
    assert not (tmp_path / "model").is_symlink()


def test_names_differ_from_write_to_write(tmp_path: Path) -> None:
    names: list[str] = []
    for _ in range(3):
        isthmus.write_file(tmp_path / "model", lambda _: names.extend(n.name for n in tmp_path.glob(".model.*")))
    assert len(set(names)) == 3


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "x" * 242 + ".safetensors"])
def test_any_name_that_a_file_may_have_can_be_written(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "cannot write : the path is empty. What was there before is untouched."),
        (".", "cannot write .: Is a directory. What was there before is untouched."),
        ("a\0b", r"cannot write 'a\x00b': embedded null byte. What was there before is untouched."),
        ("x" * 300, f"cannot write {'x' * 300}: File name too long. What was there before is untouched."),
        ("loop", "cannot write loop: Too many levels of symbolic links. What was there before is untouched."),
        ("absent/file", "cannot write absent/file: No such file or directory. What was there before is untouched."),
    ],
)
def test_a_path_that_no_file_can_have_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for act in (write, files.check_writable):
        with pytest.raises(ModelFileError) as caught:
            act(path)
        assert str(caught.value) == reason
    assert [left.name for left in tmp_path.iterdir()] == ["loop"]


@pytest.mark.parametrize("path", ["", ".", "a\0b", "x" * 300, "x" * 5000, "loop"])
def test_a_path_that_no_file_can_have_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ModelFileError, match=r"there is no file|is a folder") as caught:
        isthmus.load(path)
    assert len(str(caught.value)) < 400


def test_threads_that_write_one_path_never_fail_and_never_show_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model"
    texts = ["a" * 50_000, "b" * 50_000]
    write(path, texts[0])
    failures: list[BaseException] = []

    def write_often(text: str) -> None:
        try:
            for _ in range(40):
                write(path, text)
        except BaseException as error:  # noqa: BLE001 -- whatever it is
            failures.append(error)

    threads = [threading.Thread(target=write_often, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_text() in texts
    assert failures == []
    assert [left.name for left in tmp_path.iterdir()] == ["model"]


KILLED = """
import os, signal, sys
import isthmus
isthmus.write_file(sys.argv[1], lambda file: (file.write(b"half"), file.flush(), os.kill(os.getpid(), signal.SIGKILL)))
"""


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".table.csv.")
    write(tmp_path / "other.csv")
    assert left.exists()
    write(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.csv", "table.csv"]


def test_what_another_writer_is_writing_is_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / "model"
    isthmus.write_file(path, lambda file: (write(path, "inner"), file.write(b"outer")))
    assert path.read_text() == "outer"


def test_a_model_is_loaded_from_bytes_and_from_a_file_that_is_open(tmp_path: Path) -> None:
    model, path = autoencoder(max_epochs=1).fit(X), tmp_path / "model.safetensors"
    model.save(path)
    data = path.read_bytes()
    with path.open("rb") as file:
        loaded = [isthmus.load(source) for source in (data, memoryview(data), io.BytesIO(data), file)]
    for other in loaded:
        np.testing.assert_array_equal(other.transform(X), model.transform(X))
    assert isthmus.file_info(data) == isthmus.file_info(path)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"abc", r"^the model is not a model file: it has 3 bytes\.$"),
        (b"", r"^the model is not a model file: it has 0 bytes\.$"),
        (b"\x00" * 20, "^the model"),
        (io.StringIO("abc"), r"^expected a file of bytes; got one of texts\. Open it with mode 'rb'\.$"),
        (3, r"^expected the path of a model file, its bytes, or a file open for reading; got a int\.$"),
    ],
)
def test_what_is_no_model_in_memory_is_said(file: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        isthmus.load(file)
