"""The stream: a header, blocks of rows, and an index at the end, each with its checksum.

    magic, version, length and checksum of the header, the header: JSON packed by zstd
    the model file, where it is embedded
    blocks: length, checksum, bytes
    the index: length and rows of each block
    number of blocks, number of rows, checksum of the index, magic

The checksum of a block knows the model and the place of the block, so that blocks of other streams, and of other
places, are refused. Every claim of a size is compared with the size of the stream before memory is taken.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from isthmus.codec.methods import unzip, zip_bytes
from isthmus.errors import ModelFileError, is_file, no_file, shown_path

MAGIC = b"\x89isthmus"
END = b"\x89end"
VERSION, VERSION_OF_GRIDS = 1, 2
CHECK = 8  # bytes of a checksum
START = struct.Struct(f"<8sHI{CHECK}s")
BLOCK = struct.Struct(f"<I{CHECK}s")
ENTRY = struct.Struct("<II")
TAIL = struct.Struct(f"<IQ{CHECK}s4s")
MOST_HEADER = 2**26  # bytes, unpacked
MOST_MODEL = 2**30  # likewise
MOST_BLOCK = 2**20  # bytes of a block of more than one row
MOST_ROW = 2**28  # bytes of a block of one
MOST_ROWS = 2**16  # of a block


@dataclass(frozen=True)
class Entry:
    """One block of a stream."""

    start: int
    length: int
    rows: int


class Stream:
    """A stream that is read, from bytes or from a file: its header and its index are checked when it is opened."""

    def __init__(self, source: bytes | str | Path) -> None:
        self._source = Path(source) if isinstance(source, str | Path) else bytes(source)
        if isinstance(self._source, Path) and not is_file(self._source):
            raise ModelFileError(no_file(self._source))
        self.name = shown_path(self._source) if isinstance(self._source, Path) else "the stream"
        self.size = self._source.stat().st_size if isinstance(self._source, Path) else len(self._source)
        self.header = self._read_header()
        self.entries = self._read_index()

    def read(self, start: int, count: int) -> bytes:
        """Return some of the bytes, fewer where the stream ends."""
        if isinstance(self._source, bytes):
            return self._source[start : start + count]
        with self._source.open("rb") as file:
            file.seek(start)
            return file.read(count)

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return sum(entry.rows for entry in self.entries)

    @property
    def embedded(self) -> bytes | None:
        """The model file inside, where it is embedded.

        Raises
        ------
        ModelFileError
            If it cannot be unpacked.
        """
        if not self._model_size:
            return None
        data = self.read(self._model_start, self._model_size)
        try:
            return unzip(data, MOST_MODEL) if self.header.get("packed") is True else data
        except ValueError as error:
            raise self._damage("its model cannot be unpacked") from error

    def block(self, place: int) -> bytes:
        """Return the bytes of a block.

        Raises
        ------
        ModelFileError
            If they are not those that were written.
        """
        entry = self.entries[place]
        data = self.read(entry.start, BLOCK.size + entry.length)
        if len(data) < BLOCK.size + entry.length:
            raise self._damage("it was cut short while it was read")
        length, check = BLOCK.unpack_from(data)
        content = data[BLOCK.size :]
        if length != entry.length or check != checksum(content, f"{place} {entry.rows} {self.header['model']}"):
            raise self._damage(f"the checksum of block {place} does not fit its content")
        return content

    def _read_header(self) -> dict[str, Any]:
        start = self.read(0, START.size)
        if len(start) < START.size or not start.startswith(MAGIC):
            raise ModelFileError(f"{self.name} is none that a codec has written: it has another beginning.")
        _, version, length, check = START.unpack(start)
        if version not in (VERSION, VERSION_OF_GRIDS):
            raise ModelFileError(
                f"{self.name} is of version {version}; this isthmus reads up to {VERSION_OF_GRIDS}: "
                "install a newer isthmus."
            )
        if length > self.size - START.size:
            raise self._damage("it is cut short: its header is longer than all of it")
        packed = self.read(START.size, length)
        if checksum(packed, "header") != check:
            raise self._damage("the checksum of its header does not fit")
        try:
            header = json.loads(unzip(packed, MOST_HEADER))
        except (ValueError, RecursionError) as error:
            raise self._damage("its header cannot be read") from error
        is_header = isinstance(header, dict) and isinstance(header.get("model"), str)
        model_size = header.get("model_bytes", 0) if is_header else -1
        if type(model_size) is not int or not 0 <= model_size <= self.size - START.size - length:
            raise self._damage("its header does not say what is needed")
        self._model_start, self._model_size = START.size + length, model_size
        return header

    def _read_index(self) -> list[Entry]:
        first = self._model_start + self._model_size
        tail = self.read(self.size - TAIL.size, TAIL.size) if self.size - TAIL.size >= first else b""
        if len(tail) < TAIL.size or not tail.endswith(END):
            raise self._damage("it is cut short, or more has been added")
        blocks, n_rows, check, _ = TAIL.unpack(tail)
        index_start = self.size - TAIL.size - blocks * ENTRY.size
        if index_start < first:
            raise self._damage("its index is longer than all of it")
        index = self.read(index_start, blocks * ENTRY.size)
        if checksum(index, f"index {n_rows} {first} {self.header['model']}") != check:
            raise self._damage("the checksum of its index does not fit")
        entries, start = [], first
        for length, rows in ENTRY.iter_unpack(index):
            most = MOST_BLOCK if rows > 1 else MOST_ROW
            if not 0 < rows <= MOST_ROWS or length > most:
                raise self._damage("a block is larger than any may be")
            entries.append(Entry(start, length, rows))
            start += BLOCK.size + length
        if start != index_start or n_rows != sum(entry.rows for entry in entries):
            raise self._damage("its blocks do not fill it")
        return entries

    def _damage(self, what: str) -> ModelFileError:
        return ModelFileError(f"{self.name} is damaged: {what}.")


def write_stream(file: IO[bytes], header: dict[str, Any], model: bytes, blocks: Iterable[tuple[bytes, int]]) -> None:
    """Write a stream to a file that is open, block by block.

    Parameters
    ----------
    header : JSON; its "model" is the checksum of the model.
    model : the model file to embed, packed by zstd, empty for none.
    blocks : bytes, and how many rows they hold.
    """
    text = json.dumps(
        header | ({"model_bytes": len(model), "packed": True} if model else {}),
        separators=(",", ":"),
        ensure_ascii=False,
    )
    packed = zip_bytes(text.encode())
    version = VERSION_OF_GRIDS if "grid" in header else VERSION
    start = START.pack(MAGIC, version, len(packed), checksum(packed, "header"))
    file.write(start + packed + model)
    first, index, n_rows = len(start) + len(packed) + len(model), [], 0
    for place, (data, rows) in enumerate(blocks):
        file.write(BLOCK.pack(len(data), checksum(data, f"{place} {rows} {header['model']}")) + data)
        index.append(ENTRY.pack(len(data), rows))
        n_rows += rows
    entries = b"".join(index)
    check = checksum(entries, f"index {n_rows} {first} {header['model']}")
    file.write(entries + TAIL.pack(len(index), n_rows, check, END))


def chosen_blocks(entries: Sequence[Entry], rows: Sequence[int]) -> Iterator[tuple[int, int, list[int]]]:
    """Yield each block that holds one of some rows: its place, its first row, and which of `rows` are in it."""
    first = 0
    for place, entry in enumerate(entries):
        inside = [i for i, row in enumerate(rows) if first <= row < first + entry.rows]
        if inside:
            yield place, first, inside
        first += entry.rows


def checksum(data: bytes, role: str, size: int = CHECK) -> bytes:
    """Return a checksum of bytes in a role."""
    return hashlib.blake2b(data, digest_size=size, key=hashlib.sha256(role.encode()).digest()).digest()
