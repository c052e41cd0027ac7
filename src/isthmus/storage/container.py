"""The model file: a safetensors file, whose JSON header names registered parts and whose tensors are numbers.

Nothing in a file is executed. The header is checked before a tensor is read, and the tensors' shapes are
compared with the model that the header describes before memory is taken for them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import safetensors
import safetensors.numpy

from isthmus.core.coercion import short
from isthmus.errors import ModelFileError, is_file, no_file, shown_path
from isthmus.storage.files import write_file

FORMAT = 1
KEY = "isthmus"
MOST_HEADER = 64 * 2**20  # bytes
MOST_DEPTH = 32
MOST_AXES = 8
MOST_NAME = 500  # characters
MOST_ENTRY = 700  # bytes of what is said of a tensor
TYPES = {
    "F32": np.float32,
    "F64": np.float64,
    "I8": np.int8,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U32": np.uint32,
}


FileLike = str | os.PathLike[str] | bytes | IO[bytes]


class Content:
    """The bytes of an open file: whatever takes its name meanwhile, header and tensors are of one file.

    `held` are those of a file that is in memory; the path is then a name for messages.
    """

    def __init__(self, path: Path, held: bytes | None = None) -> None:
        self.path, self._held = path, held
        if held is not None:
            self.size = len(held)
            return
        # Not to wait where a pipe has just taken the file's name.
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, start: int, count: int) -> bytes:
        """Return so many bytes, fewer where the file ends."""
        if self._held is not None:
            return self._held[start : start + count]
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(start)
            return file.read(count)

    def read_tensors(self) -> dict[str, np.ndarray]:
        """Return the tensors by name."""
        try:
            # The bytes are read, not mapped: a mapped file that is cut short later kills the process.
            return safetensors.numpy.load(self.read(0, self.size))
        except OSError as error:
            raise ModelFileError(f"cannot read {shown_path(self.path)}: {error.strerror or error}.") from error
        except safetensors.SafetensorError as error:
            raise ModelFileError(f"{self.path} is damaged: {error}.") from error


@dataclass(frozen=True)
class Opened:
    """A file whose header has been checked; its tensors have not been read."""

    path: Path
    header: dict[str, Any]
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]  # type and shape, by name
    around: Opened | None = None  # the file, where this is a model inside it
    prefix: str = ""  # of its tensors there
    content: Content | None = None

    def inside(self, name: str) -> Opened:
        """Return one of the models inside the file as if it were a file of its own.

        Raises
        ------
        ModelFileError
            If the header describes none.
        """
        header, prefix = self.header.get(name), f"{name}."
        if not isinstance(header, dict):
            raise ModelFileError(f"{self.path} is damaged: there is no model {name!r} in it.")
        own = {key.removeprefix(prefix): shape for key, shape in self.tensors.items() if key.startswith(prefix)}
        return Opened(self.path, header, own, self, prefix)

    def read(self) -> dict[str, np.ndarray]:
        """Return the tensors; they are read, and compared with the checksum, once.

        Raises
        ------
        ModelFileError
            If the file is damaged: its checksum does not fit.
        """
        if self.around is not None:
            whole = self.around.read()
            return {name: whole[self.prefix + name] for name in self.tensors}
        return dict(self._checked)

    @cached_property
    def _checked(self) -> dict[str, np.ndarray]:
        assert self.content is not None  # noqa: S101 -- what is opened has it
        tensors = self.content.read_tensors()
        if _checksum(self.header, tensors) != self.header["checksum"]:
            raise ModelFileError(f"{self.path} is damaged: its checksum does not fit its content.")
        return tensors


def write(path: str | os.PathLike[str], header: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """Write a file at once: a reader, or a crash, sees the old one or the new one.

    Raises
    ------
    ModelFileError
        If it cannot be written; what was there before is still there.
    """
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    header = {"format": FORMAT, **header}
    check_header(header, MOST_ENTRY * len(arrays))
    text = _dump(header | {"checksum": _checksum(header, arrays)})
    data = safetensors.numpy.save(arrays, metadata={KEY: text})
    write_file(path, lambda file: file.write(data))


def check_header(header: Mapping[str, Any], tensors: int = 0) -> str:
    """Return a header as a file holds it; where none can, say so: before any work is done for it.

    Parameters
    ----------
    tensors : how many bytes the table of tensors takes beside it.

    Raises
    ------
    ModelFileError
        If it is longer than `open_file` allows, or holds what JSON does not.
    """
    try:
        text = _dump(header)
        _check_characters(text, header)
        _check_depth(header)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelFileError(f"no file can hold this model: {error}.") from error
    length = len(text) + text.count('"') + text.count("\\") + tensors  # both are escaped: it is JSON inside JSON
    if length > MOST_HEADER:
        raise ModelFileError(
            f"no file can hold this model: names, categories and history take {length:,} bytes; at most are "
            f"{MOST_HEADER:,}. Leave out columns of free texts or ids."
        )
    return text


def describe_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the type and the shape of arrays by name, as `Opened.tensors` has them."""
    kinds = {np.dtype(kind): name for name, kind in TYPES.items()}
    return {name: (kinds[array.dtype], array.shape) for name, array in arrays.items()}


def open_file(file: FileLike, kind: str) -> Opened:
    """Return a file of a kind (`model`, `checkpoint`), by its path, its bytes or a stream, its header checked.

    Raises
    ------
    ModelFileError
        If it is missing, not of this format, of a newer version, or damaged; the message says which.
    """
    if isinstance(file, str | os.PathLike):
        source, held = Path(file), None
        if not os.fspath(file) or not is_file(source):
            raise ModelFileError(no_file(source))
    else:
        source, held = _in_memory(file)
    try:
        content = Content(source, held)
        table = _table(content)
    except OSError as error:
        raise ModelFileError(f"cannot read {source}: {error.strerror or error}.") from error
    header = _header(source, table.pop("__metadata__", None), kind)
    tensors = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in table.items()}
    return Opened(source, header, tensors, content=content)


def _in_memory(file: bytes | IO[bytes]) -> tuple[Path, bytes]:
    """Return a name for messages and the bytes of a file in memory, or of a stream from where it stands."""
    if isinstance(file, bytes | bytearray | memoryview):
        return Path("the model"), bytes(file)
    if not callable(getattr(file, "read", None)):
        expected = "the path of a model file, its bytes, or a file open for reading"
        raise ModelFileError(f"expected {expected}; got a {type(file).__name__}.")
    name = getattr(file, "name", None)
    held = file.read()
    if not isinstance(held, bytes):
        raise ModelFileError("expected a file of bytes; got one of texts. Open it with mode 'rb'.")
    return Path(name if isinstance(name, str) else "the model"), held


def _table(content: Content) -> dict[str, Any]:
    """Return the JSON table at the head of a safetensors file, every claim of it compared with the size."""
    path, total, prefix = content.path, content.size, content.read(0, 8)
    if len(prefix) < 8:
        raise ModelFileError(f"{path} is not a model file: it has {total} bytes.")
    (length,) = struct.unpack("<Q", prefix)
    if length > min(total - 8, MOST_HEADER):
        raise ModelFileError(
            f"{path} is not a model file, or cut short: it claims a header of {length} bytes and has {total} in all."
        )
    table = _parse(path, content.read(8, length))
    tensors = {name: entry for name, entry in table.items() if name != "__metadata__"}
    end = 0
    for name, entry in sorted(tensors.items(), key=lambda item: _begin(path, *item)):
        end = _check_tensor(path, name, entry, end)
    if end != total - 8 - length:
        raise ModelFileError(
            f"{path} is cut short or has been added to: expected {end} bytes of tensors; got {total - 8 - length}."
        )
    return table


def _begin(path: Path, name: str, entry: Any) -> int:
    """Return where a tensor begins."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(offset) for offset in offsets):
        raise ModelFileError(f"{path} is damaged: tensor {short(name)} does not say where it begins and ends.")
    return int(offsets[0])


def _check_tensor(path: Path, name: str, entry: Any, begin: int) -> int:
    """Return where a tensor ends, if it begins at `begin` and is as long as its shape says."""
    damaged = f"{path} is damaged: tensor {short(name)}"
    if not name.isprintable() or len(name) > MOST_NAME:
        raise ModelFileError(f"{path} is damaged: a tensor is called {short(name)}.")
    shape, kind = entry.get("shape"), entry.get("dtype")
    if set(entry) != {"dtype", "shape", "data_offsets"} or not isinstance(kind, str) or kind not in TYPES:
        raise ModelFileError(f"{damaged} is of type {short(kind)}; allowed are {', '.join(TYPES)}.")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(_is_size(axis) for axis in shape):
        raise ModelFileError(f"{damaged} has the shape {short(shape)}.")
    size = math.prod(shape) * np.dtype(TYPES[kind]).itemsize
    first, last = entry["data_offsets"]
    if first != begin or last - first != size:
        raise ModelFileError(
            f"{damaged} of shape {shape} takes {size} bytes from {begin}; the file says {first} to {last}."
        )
    return int(last)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _header(path: Path, metadata: Any, kind: str) -> dict[str, Any]:
    if not isinstance(metadata, dict) or not isinstance(metadata.get(KEY), str):
        raise ModelFileError(f"{path} is a safetensors file, but not one of isthmus: it has no {KEY!r} header.")
    header = _parse(path, metadata[KEY])
    version = header.get("format")
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{path} is damaged: its format is {short(version)}.")
    if version > FORMAT:
        raise ModelFileError(
            f"{path} is of format {short(version)}, written by isthmus {short(header.get('version'))}; this one reads "
            f"up to {FORMAT}: install a newer isthmus."
        )
    if header.get("kind") != kind:
        raise ModelFileError(f"{path} is a {short(header.get('kind'))} file; expected a {kind!r} file.")
    if not isinstance(header.get("checksum"), str):
        raise ModelFileError(f"{path} is damaged: it has no checksum.")
    return header


def _parse(path: Path, text: str | bytes) -> dict[str, Any]:
    """Return a JSON object; refuse what JSON itself allows but a model file never holds."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            raise ValueError("a key stands twice")
        return values

    def finite(number: str) -> float:
        if not math.isfinite(float(number)):
            raise ValueError(f"it holds {number[:20]}")
        return float(number)

    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        text.encode("utf-8")  # half a character may hide behind an escape
        data = json.loads(text, object_pairs_hook=unique, parse_constant=finite, parse_float=finite)
        _check_depth(data)
        _check_characters(text, data)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} is not a model file, or damaged: its header is not valid ({error}).") from error
    if not isinstance(data, dict):
        raise ModelFileError(f"{path} is not a model file, or damaged: its header is not an object.")
    return data


def _check_depth(data: Any) -> None:
    """Raise `ValueError` for what is nested deeper than any model file, without recursing into it."""
    level = [data]
    for _ in range(MOST_DEPTH):
        level = [inner for item in level if isinstance(item, list | dict) for inner in _inside(item)]
    if level:
        raise ValueError(f"it is nested more than {MOST_DEPTH} deep")


def _check_characters(text: str, data: Any) -> None:
    """Raise `ValueError` where the data that a text spells hold half a character, behind an escape of the text."""
    if "\\ud" in text.lower():
        json.dumps(data, ensure_ascii=False).encode()


def _inside(item: Any) -> list[Any]:
    return list(item.values()) if isinstance(item, dict) else item


def _checksum(header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(_dump({key: value for key, value in header.items() if key != "checksum"}).encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(f"\0{name}\0{tensor.dtype.str}\0{tensor.shape}\0".encode())
        digest.update(tensor.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _dump(header: Mapping[str, Any]) -> str:
    return json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False)
