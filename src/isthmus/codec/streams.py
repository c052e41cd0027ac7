"""Tables to streams and back, block by block."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, Any, NamedTuple

import numpy as np

from isthmus.codec.cells import Cells, concatenate
from isthmus.codec.codes import code_cells
from isthmus.codec.container import MOST_BLOCK, MOST_ROW, Stream, chosen_blocks, write_stream
from isthmus.codec.fitted import FittedCodec
from isthmus.codec.forms import Form, storage_types
from isthmus.codec.grids import GridCodec
from isthmus.codec.methods import zip_bytes
from isthmus.codec.plain import PlainCodec, plain_codec
from isthmus.errors import InvalidData, ModelFileError

MOST_CELLS = 2**21  # of a block
MOST_HELD = 2**26  # bytes of blocks that are held until it is known whether a model pays

AnyCodec = FittedCodec | PlainCodec | GridCodec


class Piece(NamedTuple):
    """A block of a stream."""

    data: bytes
    cells: Sequence[Cells]
    taken: list[tuple[int, float]]  # the method of each column, and how many bytes it took


def in_order(codec: AnyCodec, form: Form, block: Sequence[Cells]) -> list[Cells]:
    """Return a block of a table of a form with its columns in the order of a codec, after those of codes."""
    model = codec.autoencoder if isinstance(codec, FittedCodec) else None
    code = [] if model is None else code_cells(model, form, block)
    types = storage_types(codec.form.schema)
    return [*code, *(block[place].stored_as(kind) for place, kind in zip(codec.places(form), types, strict=True))]


def pieces(codec: AnyCodec, cells: Sequence[Cells]) -> Iterator[Piece]:
    """Yield rows as blocks of at most 1 MiB, and of so many cells that they fit into memory; one row may take more."""
    n = len(cells[0])
    most = min(max(MOST_CELLS // codec.cells_of_row, 1), max(codec.blocks.most_rows(cells), 1))
    if n > most:
        for start in range(0, n, most):
            yield from pieces(codec, [part.part(slice(start, start + most)) for part in cells])
        return
    if not n:
        return
    data, taken = codec.blocks.write(cells)
    if n > 1 and len(data) > MOST_BLOCK:
        for half in (slice(0, n // 2), slice(n // 2, n)):
            yield from pieces(codec, [part.part(half) for part in cells])
        return
    if len(data) > MOST_ROW:
        raise InvalidData(f"X: expected rows of at most {MOST_ROW:,} bytes; got one of {len(data):,}.")
    yield Piece(data, cells, taken)


class Table(NamedTuple):
    """A table that is written: by which codec, with which header and model, and its blocks."""

    codec: AnyCodec
    header: dict[str, Any]
    model: bytes
    pieces: Iterator[Piece]

    def write(self, file: IO[bytes]) -> None:
        """Write it as a stream to a file that is open."""
        blocks = ((piece.data, len(piece.cells[0])) for piece in self.pieces)
        write_stream(file, self.header, self.model, blocks)


def pressed(fitted: AnyCodec, form: Form, blocks: Iterable[list[Cells]], model: bytes = b"") -> Table:
    """Return a table as it is written; `model` is the model file to embed, empty for none.

    A table is written without its model where the blocks, as many as are held in memory, then take fewer bytes.
    """
    fitted, rest = fitted.arranged(form), iter(blocks)
    header = fitted.header(form)
    if not model or not isinstance(fitted, FittedCodec):
        return Table(fitted, header, b"", _written(fitted, form, rest))
    packed, plain = zip_bytes(model), plain_codec(fitted, form)
    plain_header = plain.header(form)
    saved = len(zip_bytes(json.dumps(plain_header, ensure_ascii=False).encode())) - len(packed)
    by_model: list[Piece] = []
    by_itself: list[Piece] = []
    for block in rest:
        by_model += pieces(fitted, in_order(fitted, form, block))
        by_itself += pieces(plain, block)
        held = sum(len(piece.data) for piece in by_itself)
        saved_so_far = saved + held - sum(len(piece.data) for piece in by_model)
        if saved_so_far > 0:
            return Table(fitted, header, packed, chain(by_model, _written(fitted, form, rest)))
        if held > MOST_HELD:
            break
    return Table(plain, plain_header, b"", chain(by_itself, _written(plain, form, rest)))


def _written(codec: AnyCodec, form: Form, blocks: Iterable[list[Cells]]) -> Iterator[Piece]:
    for block in blocks:
        yield from pieces(codec, in_order(codec, form, block))


class TableReader:
    """A table in a stream, to be read by a codec that has its model."""

    def __init__(self, stream: Stream, fitted: AnyCodec) -> None:
        if stream.header["model"] != fitted.fingerprint:
            raise ModelFileError(
                f"{stream.name} was written with another model (its checksum begins {stream.header['model'][:12]!r}; "
                f"that of this one {fitted.fingerprint[:12]!r}). Load the codec that wrote it."
            )
        self._stream, self._fitted = stream, fitted
        described = stream.header.get("form")
        self.form = fitted.form if described is None else Form.from_json(described, stream.name)
        try:
            places = fitted.places(self.form)
        except InvalidData as error:
            raise ModelFileError(f"{stream.name} is damaged: it holds other columns than its model.") from error
        self._back = np.argsort(np.array(places))

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self._stream.n_rows

    def blocks(self) -> Iterator[list[Cells]]:
        """Yield the blocks of rows, each a list of the cells of its columns, in the order of the form."""
        for place in range(len(self._stream.entries)):
            yield self._block(place)

    def rows(self, chosen: slice | Sequence[int]) -> list[Cells]:
        """Return the cells of some rows, in their order; only the blocks that hold them are read.

        Raises
        ------
        InvalidData
            If there is no such row.
        """
        n = self.n_rows
        places = list(range(*chosen.indices(n))) if isinstance(chosen, slice) else [int(row) for row in chosen]
        if outside := [row for row in places if not -n <= row < n]:
            raise InvalidData(f"rows: expected places in a table of {n:,} rows; got {outside[0]}.")
        places = [row % n for row in places]
        parts, order = [self._empty()], []
        for place, first, inside in chosen_blocks(self._stream.entries, places):
            at = np.array([places[i] - first for i in inside])
            parts.append([cells.take(at) for cells in self._block(place)])
            order += inside
        back = np.argsort(np.array(order, np.int64), kind="stable")
        return [concatenate(column).take(back) for column in zip(*parts, strict=True)]

    def _block(self, place: int) -> list[Cells]:
        data = self._stream.block(place)
        block = self._fitted.blocks.read(data, self._stream.entries[place].rows)[self._fitted.n_codes :]
        return [block[column] for column in self._back]

    def _empty(self) -> list[Cells]:
        columns = [self._fitted.columns[self._fitted.n_codes + place] for place in self._back]
        return [column.cells(np.zeros(0, np.int64), np.zeros(0, np.int8)) for column in columns]
