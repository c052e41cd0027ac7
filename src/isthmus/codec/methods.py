"""Ways to write one column of a block by itself, and back: beside the network, so that the smallest wins."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from isthmus.codec.cells import Cells, distinct_texts
from isthmus.codec.columns import Column, NumberColumn
from isthmus.codec.contexts import LARGEST, code_column
from isthmus.codec.entropy import Reader, Writer
from isthmus.codec.libraries import library
from isthmus.codec.quantisers import ordered, unordered
from isthmus.codec.relatives import DIFFERENCES, PARENTS, RANKS, VALUES, Plan, Relatives, make_plan
from isthmus.codec.symbols import ESCAPE, NULL
from isthmus.errors import ModelFileError

NETWORK, LATTICE, PCODEC, ZSTD, RAW, DICTIONARY, CONTEXTS, NEIGHBORS, WAVELETS = range(9)
NAMES = (
    *("network", "numbers + pcodec", "pcodec", "zstd", "raw", "dictionary", "mixed contexts"),
    *("neighbors", "wavelets"),  # of images and fields
)
PLAN, NO_PARENT = struct.Struct(f"<BB{PARENTS}H"), 0xFFFF
MARKED = 2**50  # below all numbers that contexts are of
LEAST_ROWS = 32  # that are written by contexts
MOST_RANKS = 4096  # or an eighth of the rows
COUNT = struct.Struct("<I")
LEVEL = 9  # of zstd
MOST_GRID = 2**21  # cells of a block of more than one image or field
MOST_BYTES = 2**30  # that a column of a block can take in memory


def smallest(column: Column, cells: Cells, numbers: np.ndarray, special: np.ndarray) -> tuple[int, bytes]:
    """Return the method that takes the fewest bytes for the cells of a column by itself, and these."""
    tried = [(LATTICE, _write_numbers(cells, numbers, special)), (ZSTD, _write_values(cells, to_zstd))]
    if column.is_lossless:
        tried.append((DICTIONARY, _write_dictionary(cells)))
    if isinstance(column, NumberColumn):
        tried.append((RAW, _write_values(cells, np.ndarray.tobytes)))
        if cells.values.dtype.itemsize > 1:  # pcodec is for wider types
            tried.append((PCODEC, _write_values(cells, to_pcodec)))
    return min(tried, key=lambda pair: len(pair[1]))


def read(
    method: int, data: bytes, column: Column, n: int, relatives: Relatives | None = None
) -> tuple[Cells, np.ndarray, np.ndarray]:
    """Return the cells of a column, their whole numbers and symbols, from what one of the methods has written.

    Raises
    ------
    ModelFileError
        If the bytes are not what it has written.
    """
    try:
        if method == LATTICE:
            return _read_numbers(column, data, n)
        if method == DICTIONARY:
            cells = _read_dictionary(column, data, n)
            return cells, *column.numbers(cells)
        if method == CONTEXTS and relatives is not None:
            return _read_contexts(column, data, n, relatives)
        cells = _read_values(column, data, n, {PCODEC: from_pcodec, ZSTD: from_zstd, RAW: _from_raw}[method])
    except (ValueError, RuntimeError, KeyError, struct.error, OverflowError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError("the stream is damaged: a column in it cannot be read.") from error
    return cells, *column.numbers(cells)


def write_contexts(
    column: Column, cells: Cells, numbers: np.ndarray, special: np.ndarray, relatives: Relatives
) -> bytes | None:
    """Return a column by mixed contexts, given those before it; None where that cannot be, or is of no use."""
    rows, lengths, extra = np.flatnonzero(special < 0), b"", b""
    if isinstance(column, NumberColumn):
        raw = cells.values[special == ESCAPE]
        extra = to_zstd(raw)
        known = numbers[rows]
    else:
        special = np.where(cells.is_null, NULL, -1).astype(np.int8)
        rows = np.flatnonzero(special < 0)
        words, places = distinct_texts(cells.values[rows])
        order = np.argsort(-np.bincount(places, minlength=len(words)), kind="stable")
        known = np.argsort(order)[places]
        lengths, extra = _pack_texts(words[order])
    if len(rows) < LEAST_ROWS or (np.abs(known) > LARGEST).any():
        return None
    plan = make_plan(known, rows, relatives, is_ordered=isinstance(column, NumberColumn))
    levels, counts = np.unique(known, return_counts=True)
    levels = levels[np.argsort(-counts, kind="stable")] if plan.kind == RANKS else levels[:0]
    if len(levels) > max(MOST_RANKS, len(rows) // 8):
        return None
    coder = Writer()
    code_column(coder, plan, levels, rows, relatives, known)
    coder.flush()
    parents = (*plan.parents, *[NO_PARENT] * (PARENTS - len(plan.parents)))
    head = PLAN.pack(plan.kind, plan.in_lanes, *parents)
    packed = COUNT.pack(len(levels)) + (to_pcodec(levels) if isinstance(column, NumberColumn) else b"")
    return join(head, _pack_marks(special + 1), packed, lengths, extra, coder.to_bytes())


def as_relative(column: Column, cells: Cells, numbers: np.ndarray, special: np.ndarray) -> np.ndarray:
    """Return a column as the contexts of others see it, [n] int64."""
    if isinstance(column, NumberColumn):
        return np.where(special >= 0, special.astype(np.int64) - MARKED, numbers)
    return np.where(cells.is_null, -MARKED, distinct_texts(cells.values)[1])


def _read_contexts(column: Column, data: bytes, n: int, relatives: Relatives) -> tuple[Cells, np.ndarray, np.ndarray]:
    head, marks, packed, lengths, extra, body = split(data, 6)
    kind, in_lanes, *named = PLAN.unpack(head)
    parents = tuple(parent for parent in named if parent != NO_PARENT)
    special = (_unpack_marks(marks, n).astype(np.int16) - 1).astype(np.int8)
    if kind not in (DIFFERENCES, RANKS, VALUES) or in_lanes > 1 or any(p >= len(relatives) for p in parents):
        raise ValueError
    if (special > NULL).any():
        raise ValueError
    is_number, rows = isinstance(column, NumberColumn), np.flatnonzero(special < 0)
    plan = Plan(kind, bool(in_lanes), parents)
    (count,) = COUNT.unpack(packed[: COUNT.size])
    levels = np.arange(count if count <= n else 0)
    if count > n or not (is_number or kind == RANKS):
        raise ValueError
    if is_number:
        from_pcodec(packed[COUNT.size :], levels)
    coder = Reader(body)
    known = code_column(coder, plan, levels, rows, relatives, None)
    if not coder.is_finished:
        raise ValueError
    if not is_number:
        words = _unpack_texts(lengths, extra, len(levels))
        values = np.full(n, b"", object)
        values[rows] = words[known]
        cells = Cells(values, special == NULL)
        return cells, *column.numbers(cells)
    numbers = np.zeros(n, np.int64)
    numbers[rows] = known
    cells = column.cells(numbers, special)
    is_raw = special == ESCAPE
    raw = np.empty(int(is_raw.sum()), cells.values.dtype)
    from_zstd(extra, raw)
    cells.values[is_raw] = raw
    return cells, numbers, special


def _write_values(cells: Cells, pack: Callable[[np.ndarray], bytes]) -> bytes:
    if cells.values.dtype != object:
        return join(_pack_marks(cells.is_null), pack(cells.values[~cells.is_null]))
    texts = cells.values[~cells.is_null]
    return join(_pack_marks(cells.is_null), *_pack_texts(texts))


def _read_values(column: Column, data: bytes, n: int, unpack: Callable[[bytes, np.ndarray], None]) -> Cells:
    if not isinstance(column, NumberColumn):
        marks, lengths, body = split(data, 3)
        is_null = _unpack_marks(marks, n).astype(bool)
        values = np.full(n, b"", object)
        values[~is_null] = _unpack_texts(lengths, body, int((~is_null).sum()))
        return Cells(values, is_null)
    marks, body = split(data, 2)
    is_null = _unpack_marks(marks, n).astype(bool)
    kept = np.empty(int((~is_null).sum()), column.quantiser.dtype)
    unpack(body, kept)
    values = np.zeros(n, kept.dtype)
    values[~is_null] = kept
    return Cells(values, is_null)


def _write_numbers(cells: Cells, numbers: np.ndarray, special: np.ndarray) -> bytes:
    raw = cells.values[special == ESCAPE]
    packed = _pack_texts(raw) if raw.dtype == object else (b"", to_zstd(raw))
    return join(_pack_marks(special + 1), to_pcodec(numbers[special < 0]), *packed)


def _read_numbers(column: Column, data: bytes, n: int) -> tuple[Cells, np.ndarray, np.ndarray]:
    marks, body, lengths, raw = split(data, 4)
    special = (_unpack_marks(marks, n).astype(np.int16) - 1).astype(np.int8)
    if (special > NULL).any():
        raise ModelFileError("the stream is damaged: a mark in it is none.")
    kept = np.empty(int((special < 0).sum()), np.int64)
    from_pcodec(body, kept)
    numbers = np.zeros(n, np.int64)
    numbers[special < 0] = kept
    cells = column.cells(numbers, special)
    is_raw = special == ESCAPE
    if isinstance(column, NumberColumn):
        values = np.empty(int(is_raw.sum()), column.quantiser.dtype)
        from_zstd(raw, values)
        cells.values[is_raw] = values
    else:
        cells.values[is_raw] = _unpack_texts(lengths, raw, int(is_raw.sum()))
    return cells, numbers, special


def _write_dictionary(cells: Cells) -> bytes:
    """Return the distinct values of a block, and the place of each cell among them."""
    known = cells.values[~cells.is_null]
    if known.dtype == object:
        words, places = distinct_texts(known)
        packed = _pack_texts(words)
    else:
        levels, places = np.unique(ordered(known), return_inverse=True)
        words, packed = levels, (b"", to_pcodec(levels))
    count = COUNT.pack(len(words))
    return join(_pack_marks(cells.is_null), count, to_pcodec(places.astype(np.uint32)), *packed)


def _read_dictionary(column: Column, data: bytes, n: int) -> Cells:
    marks, counted, body, lengths, packed = split(data, 5)
    is_null = _unpack_marks(marks, n).astype(bool)
    (count,) = COUNT.unpack(counted)
    places = np.empty(int((~is_null).sum()), np.uint32)
    from_pcodec(body, places)
    if count > n or (len(places) and places.max() >= count):
        raise ValueError
    if isinstance(column, NumberColumn):
        levels = np.empty(count, np.int64)
        from_pcodec(packed, levels)
        words: np.ndarray = unordered(levels, column.quantiser.dtype)
        values = np.zeros(n, words.dtype)
    else:
        words, values = _unpack_texts(lengths, packed, count), np.full(n, b"", object)
    values[~is_null] = words[places]
    return Cells(values, is_null)


def to_pcodec(values: np.ndarray) -> bytes:
    """Return numbers packed by pcodec."""
    if not len(values):
        return b""
    settings = library("pcodec").ChunkConfig()
    return library("pcodec.standalone").simple_compress(np.ascontiguousarray(values), settings)


def from_pcodec(data: bytes, values: np.ndarray) -> None:
    """Fill an array with what pcodec has packed."""
    if not len(values) and not data:
        return
    progress = library("pcodec.standalone").simple_decompress_into(data, values)
    if progress.n_processed != len(values) or not progress.finished:
        raise ValueError


def to_zstd(values: np.ndarray) -> bytes:
    """Return the bits of values packed by zstd."""
    return zip_bytes(np.ascontiguousarray(values).tobytes())


def from_zstd(data: bytes, values: np.ndarray) -> None:
    """Fill an array with what zstd has packed."""
    _fill(values, unzip(data, values.nbytes))


def _from_raw(data: bytes, values: np.ndarray) -> None:
    _fill(values, data)


def _fill(values: np.ndarray, data: bytes) -> None:
    values[...] = np.frombuffer(data, values.dtype, len(values))
    if len(data) != values.nbytes:
        raise ValueError


def unzip(data: bytes, most: int) -> bytes:
    """Return what zstd has packed, `most` bytes at most; a claim of more is refused before memory is taken."""
    zstandard = library("zstandard")
    try:
        if not 0 <= zstandard.frame_content_size(data) <= most:
            raise ValueError
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=max(most, 1))
    except zstandard.ZstdError as error:
        raise ValueError from error


def zip_bytes(data: bytes) -> bytes:
    """Return bytes packed by zstd."""
    return library("zstandard").ZstdCompressor(level=LEVEL).compress(data)


def _pack_marks(marks: np.ndarray) -> bytes:
    return zip_bytes(marks.astype(np.uint8).tobytes()) if marks.any() else b""


def _unpack_marks(data: bytes, n: int) -> np.ndarray:
    marks = np.zeros(n, np.uint8)
    if data:
        from_zstd(data, marks)
    return marks


def _pack_texts(texts: np.ndarray) -> tuple[bytes, bytes]:
    lengths = np.array([len(text) for text in texts], np.uint32)
    return to_pcodec(lengths), zip_bytes(b"".join(texts))


def _unpack_texts(lengths: bytes, body: bytes, n: int) -> np.ndarray:
    sizes = np.empty(n, np.uint32)
    from_pcodec(lengths, sizes)
    total = int(sizes.sum(dtype=np.uint64))
    joined = unzip(body, min(total, MOST_BYTES))
    if len(joined) != total:
        raise ValueError
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    texts = np.empty(n, object)
    texts[:] = [joined[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
    return texts


def join(*pieces: bytes) -> bytes:
    """Return pieces as one, with the lengths of all but the last before them."""
    lengths = struct.pack(f"<{len(pieces) - 1}I", *(len(piece) for piece in pieces[:-1]))
    return lengths + b"".join(pieces)


def split(data: bytes, count: int) -> list[bytes]:
    """Return the pieces that `join` was given.

    Raises
    ------
    ValueError, struct.error
        If they are none.
    """
    start, pieces = 4 * (count - 1), []
    for length in struct.unpack_from(f"<{count - 1}I", data):
        pieces.append(data[start : start + length])
        start += length
    if start > len(data):
        raise ValueError
    return [*pieces, data[start:]]
