"""Files that appear at once or not at all: one way to write them, for models, checkpoints, tables and pictures."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from isthmus.errors import IsthmusError, ModelFileError, shown_path

# None on Windows, where what a killed process leaves stays.
fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None

MOST_STEM = 200  # bytes of a name that its temporary name begins with: no name may be longer than 255
TOKEN = 8  # random bytes in a temporary name
TRIES = 10


def write_file(path: str | os.PathLike[str], fill: Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one, whoever else writes it.

    What is written first has a random name in the same folder, opened for this process alone. The file keeps the rights
    of the one that it replaces; a new one has those that are usual. A link is followed: its target is replaced.

    Parameters
    ----------
    path : of the file; where there is something else, as a folder or a device, it is refused.
    fill : writes the content to an open file.

    Raises
    ------
    ModelFileError
        If it cannot be written; what was there before is still there.
    """
    with _refusals(path):
        target, replaced = _resolve(path)
        _remove_leftovers(target)
        temporary, file = _open_temporary(target, 0o666 if replaced is None else 0o600)
        try:
            with file:
                fill(file)
                file.flush()
                if replaced is not None and fcntl is not None:
                    _take_rights(file.fileno(), replaced)
                os.fsync(file.fileno())
                if fcntl is None:
                    file.close()  # Windows moves no open file
                temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `ModelFileError` where a file cannot be written: before any work is done for it."""
    with _refusals(path):
        target, _ = _resolve(path)
        temporary, file = _open_temporary(target, 0o600)
        temporary.unlink()
        file.close()


@contextlib.contextmanager
def _refusals(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says of a path into one sentence."""
    try:
        yield
    except (OSError, ValueError) as error:  # as of a NUL in a name
        if isinstance(error, IsthmusError):  # it is a sentence already
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ModelFileError(
            f"cannot write {shown_path(path)}: {reason}. What was there before is untouched."
        ) from error


def _resolve(path: str | os.PathLike[str]) -> tuple[Path, os.stat_result | None]:
    """Return the file that a path leads to, links followed, and what is known of the one there."""
    if not os.fspath(path):
        raise OSError(errno.ENOENT, "the path is empty")
    target = Path(os.path.realpath(path))
    try:
        there = target.lstat()
    except FileNotFoundError:
        target.parent.stat()
        return target, None
    if stat.S_ISDIR(there.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(there.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not stat.S_ISREG(there.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file, as a device or a pipe is none")
    return target, there


def _open_temporary(target: Path, mode: int) -> tuple[Path, IO[bytes]]:
    """Return the path of a new file beside the target, and the file, open and locked for as long as it is."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    for _ in range(TRIES):
        temporary = target.with_name(f".{_stem(target)}.{secrets.token_hex(TOKEN)}.part")
        with contextlib.suppress(FileExistsError):
            file = os.fdopen(os.open(temporary, flags, mode), "wb")
            if _lock(file):
                return temporary, file
            file.close()  # another writer takes it for what a killed one has left
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def _lock(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open, and say whether it still has a name."""
    if fcntl is not None:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
    return os.fstat(file.fileno()).st_nlink > 0


def _take_rights(descriptor: int, replaced: os.stat_result) -> None:
    """Give an open file the owner, where that is allowed, and the mode of the file that it replaces."""
    own = os.fstat(descriptor)
    mode = stat.S_IMODE(replaced.st_mode) & 0o777
    if (own.st_uid, own.st_gid) != (replaced.st_uid, replaced.st_gid):
        try:
            os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
        except OSError:
            mode &= 0o707 if own.st_gid != replaced.st_gid else 0o777  # another group has no part in it
    os.fchmod(descriptor, mode)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed writers left beside `target`: nobody holds its lock."""
    if fcntl is None:
        return
    pattern = re.compile(rf"\.{re.escape(_stem(target))}\.[0-9a-f]{{{2 * TOKEN}}}\.part")
    try:
        others = list(target.parent.iterdir())
    except OSError:  # a folder may be written to and not listed
        return
    for path in [other for other in others if pattern.fullmatch(other.name)]:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _stem(target: Path) -> str:
    """Return as much of a name as fits into a temporary one."""
    return os.fsencode(target.name)[:MOST_STEM].decode(errors="ignore")
