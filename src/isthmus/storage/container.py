"""The model file: a safetensors file, whose JSON header names registered parts and whose tensors are numbers.

Nothing in a file is executed. The header is checked before a tensor is read, and the tensors' shapes are
compared with the model that the header describes before memory is taken for them.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from isthmus.core.coercion import short
from isthmus.errors import ModelFileError, is_file, no_file

FORMAT = 1
KEY = "isthmus"
MOST_HEADER = 64 * 2**20  # bytes
MOST_DEPTH = 32
MOST_AXES = 8
MOST_NAME = 500  # characters
TYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "U32": np.uint32}


@dataclass(frozen=True)
class Opened:
    """A file whose header has been checked; its tensors have not been read."""

    path: Path
    header: dict[str, Any]
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]  # type and shape, by name
    around: Opened | None = None  # the file, where this is a model inside it
    prefix: str = ""  # of its tensors there

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
        """Return the tensors.

        Raises
        ------
        ModelFileError
            If the file is damaged: its checksum does not fit.
        """
        if self.around is not None:
            whole = self.around.read()
            return {name: whole[self.prefix + name] for name in self.tensors}
        # The bytes are read, not mapped: a mapped file that is cut short later kills the process.
        data = self.path.read_bytes()
        try:
            tensors = safetensors.numpy.load(data)
        except safetensors.SafetensorError as error:
            raise ModelFileError(f"{self.path} is damaged: {error}.") from error
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
    target = Path(path)
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    header = {"format": FORMAT, **header}
    header["checksum"] = _checksum(header, arrays)
    data = safetensors.numpy.save(arrays, metadata={KEY: _dump(header)})
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _remove_leftovers(target)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise ModelFileError(
            f"cannot write {target}: {error.strerror or error}. What was there before is untouched."
        ) from error


def describe_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the type and the shape of arrays by name, as `Opened.tensors` has them."""
    kinds = {np.dtype(kind): name for name, kind in TYPES.items()}
    return {name: (kinds[array.dtype], array.shape) for name, array in arrays.items()}


def _remove_leftovers(target: Path) -> None:
    """Remove what killed processes left beside `target`."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        process = leftover.name.split(".")[-2]
        if process.isdigit() and int(process) != os.getpid() and not _is_alive(int(process)):
            leftover.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def open_file(path: str | os.PathLike[str], kind: str) -> Opened:
    """Return a file of a kind (`model`, `checkpoint`) with its header checked.

    Raises
    ------
    ModelFileError
        If it is missing, not of this format, of a newer version, or damaged; the message says which.
    """
    source = Path(path)
    if not is_file(source):
        raise ModelFileError(no_file(source))
    try:
        total = source.stat().st_size
        with source.open("rb") as file:
            table = _table(source, file.read(8), file, total)
    except OSError as error:
        raise ModelFileError(f"cannot read {source}: {error.strerror or error}.") from error
    header = _header(source, table.pop("__metadata__", None), kind)
    return Opened(source, header, {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in table.items()})


def _table(path: Path, prefix: bytes, file: Any, total: int) -> dict[str, Any]:
    """Return the JSON table at the head of a safetensors file, every claim of it compared with the size."""
    if len(prefix) < 8:
        raise ModelFileError(f"{path} is not a model file: it has {total} bytes.")
    (length,) = struct.unpack("<Q", prefix)
    if length > min(total - 8, MOST_HEADER):
        raise ModelFileError(
            f"{path} is not a model file, or cut short: it claims a header of {length} bytes and has {total} in all."
        )
    table = _parse(path, file.read(length))
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

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}")

    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        text.encode("utf-8")  # half a character may hide behind an escape
        data = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
        _check_depth(data)
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
