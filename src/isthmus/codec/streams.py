"""Tables to streams and back, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

import numpy as np

from isthmus.codec.cells import Cells, concatenate
from isthmus.codec.codes import code_cells
from isthmus.codec.container import MOST_BLOCK, MOST_ROW, Stream, chosen_blocks, write_stream
from isthmus.codec.fitted import FittedCodec
from isthmus.codec.forms import Form
from isthmus.errors import InvalidData, ModelFileError

MOST_CELLS = 2**21  # of a block


class Piece(NamedTuple):
    """A block of a stream."""

    data: bytes
    cells: Sequence[Cells]
    taken: list[tuple[int, float]]  # the method of each column, and how many bytes it took


def in_order(fitted: FittedCodec, form: Form, blocks: Iterable[Sequence[Cells]]) -> Iterator[list[Cells]]:
    """Yield the blocks of a table of a form with their columns in the order of the fit, after those of codes."""
    places = fitted.places(form)
    for block in blocks:
        code = [] if fitted.autoencoder is None else code_cells(fitted.autoencoder, form, block)
        yield [*code, *(block[place] for place in places)]


def pieces(fitted: FittedCodec, cells: Sequence[Cells]) -> Iterator[Piece]:
    """Yield rows as blocks of at most 1 MiB, and of so many cells that they fit into memory; one row may take more."""
    most = max(MOST_CELLS // len(cells), 1)
    if len(cells[0]) > most:
        for start in range(0, len(cells[0]), most):
            yield from pieces(fitted, [part.part(slice(start, start + most)) for part in cells])
        return
    data, taken = fitted.blocks.write(cells)
    n = len(cells[0])
    if n > 1 and len(data) > MOST_BLOCK:
        for half in (slice(0, n // 2), slice(n // 2, n)):
            yield from pieces(fitted, [part.part(half) for part in cells])
        return
    if len(data) > MOST_ROW:
        raise InvalidData(f"X: expected rows of at most {MOST_ROW:,} bytes; got one of {len(data):,}.")
    yield Piece(data, cells, taken)


def write_table(
    fitted: FittedCodec, form: Form, blocks: Iterable[Sequence[Cells]], file: IO[bytes], model: bytes = b""
) -> None:
    """Write a table to a file that is open; `model` is the model file to embed, empty for none."""
    described = form.to_json()
    is_known = described == fitted.form.to_json()
    header = {"model": fitted.fingerprint, "form": None if is_known else described}
    ordered = in_order(fitted, form, blocks)
    written = (piece for block in ordered if len(block[0]) for piece in pieces(fitted, block))
    write_stream(file, header, model, ((piece.data, len(piece.cells[0])) for piece in written))


class TableReader:
    """A table in a stream, to be read by a codec that has its model."""

    def __init__(self, stream: Stream, fitted: FittedCodec) -> None:
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
