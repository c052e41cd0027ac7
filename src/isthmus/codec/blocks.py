"""Blocks of rows to bytes and back: each column by the method that takes the fewest bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isthmus.codec import methods
from isthmus.codec.cells import Cells
from isthmus.codec.columns import Column
from isthmus.codec.entropy import Coder
from isthmus.codec.lanes import LANE, Escapes, Lanes, Rows
from isthmus.codec.methods import as_relative
from isthmus.codec.relatives import SAMPLE, Relatives, drift
from isthmus.codec.symbols import ESCAPE
from isthmus.errors import ModelFileError

LENGTH = struct.Struct("<I")
MOST_ROWS, NEAR_ROWS = 2**16, 20_000  # of a block; of one whose rows are others as they go on, by contexts
DRIFT = 0.15  # of the bits of numbers, that their place in a block tells, from which on that is so
MOST_CONTEXT_COLUMNS = 256  # of a table that is written by mixed contexts


@dataclass(frozen=True)
class Blocks:
    """How blocks of rows are written and read."""

    columns: Sequence[Column]
    lanes: Lanes | None  # none where there is no network
    may_mix: bool = True  # whether mixed contexts are tried where there is none

    def write(self, cells: Sequence[Cells]) -> tuple[bytes, list[tuple[int, float]]]:
        """Return the bytes of rows, and by column the method that was taken and how many bytes it took."""
        numbers = self._numbers(cells)
        learned, bits = b"", np.full(len(cells), np.inf)
        if self.lanes is not None:
            rows = self._rows(self.lanes, numbers, self._lane)
            learned, bits = self.lanes.write(rows, self._escapes(cells), self._all)
        taken, parts, relatives = [], [], Relatives()
        for place, column in enumerate(self.columns):
            method, data = methods.smallest(column, cells[place], *numbers[place])
            if self._has_contexts:
                by_contexts = methods.write_contexts(column, cells[place], *numbers[place], relatives)
                if by_contexts is not None and len(by_contexts) < len(data):
                    method, data = methods.CONTEXTS, by_contexts
                relatives.add(methods.as_relative(column, cells[place], *numbers[place]))
            if bits[place] / 8 <= len(data) + LENGTH.size:
                taken.append((methods.NETWORK, float(bits[place] / 8)))
            else:
                taken.append((method, float(len(data))))
                parts += [LENGTH.pack(len(data)), data]
        coded = np.array([method == methods.NETWORK for method, _ in taken])
        if self.lanes is not None and not coded.all():
            learned = self.lanes.write(rows, self._escapes(cells), coded)[0] if coded.any() else b""
        return bytes(method for method, _ in taken) + b"".join(parts) + learned, taken

    def most_rows(self, cells: Sequence[Cells]) -> int:
        """Return how many of these rows should be in a block at most: fewer where they are others as they go on."""
        if not self._has_contexts or len(cells[0]) <= NEAR_ROWS:
            return MOST_ROWS
        places = np.arange(0, len(cells[0]), max(len(cells[0]) // SAMPLE, 1))
        some = [part.take(places) for part in cells]
        pairs = zip(self.columns, some, self._numbers(some), strict=True)
        drifts = [drift(as_relative(column, part, *pair)) for column, part, pair in pairs]
        moved, bits = (sum(values) for values in zip(*drifts, strict=True))
        return NEAR_ROWS if moved > DRIFT * bits else MOST_ROWS

    def read(self, data: bytes, n: int) -> list[Cells]:
        """Return the cells of each column of a block of `n` rows.

        Raises
        ------
        ModelFileError
            If it is no such block.
        """
        chosen, start = data[: len(self.columns)], len(self.columns)
        if len(chosen) < start or any(method >= len(methods.NAMES) for method in chosen):
            raise ModelFileError("the stream is damaged: a block in it names a method that there is not.")
        numbers = np.zeros((n, len(chosen)), np.int64)
        special = np.full((n, len(chosen)), -1, np.int8)
        cells: list[Cells | None] = [None] * len(chosen)
        relatives = Relatives() if self.lanes is None and methods.CONTEXTS in chosen else None
        for place, method in enumerate(chosen):
            if method != methods.NETWORK:
                length = int.from_bytes(data[start : start + LENGTH.size], "little")
                start += LENGTH.size
                part, start = data[start : start + length], start + length
                column = self.columns[place]
                read = methods.read(method, part, column, n, relatives)
                cells[place], numbers[:, place], special[:, place] = read
                if relatives is not None:
                    relatives.add(methods.as_relative(column, *read))
        if start > len(data):
            raise ModelFileError("the stream is damaged: a block in it is shorter than it says.")
        coded = np.array([method == methods.NETWORK for method in chosen])
        if self.lanes is None:
            if coded.any() or start < len(data):
                raise ModelFileError("the stream is damaged: a block in it needs a network, and there is none.")
            return [part for part in cells if part is not None]
        return self._read_learned(data[start:], numbers, special, coded, cells)

    def write_rows(self, cells: Sequence[Cells]) -> list[bytes]:
        """Return the bytes of each row alone, by the network."""
        rows = self._rows(self._network, self._numbers(cells), 1)
        return self._network.write_rows(rows, self._escapes(cells))

    def read_rows(self, messages: Sequence[bytes]) -> list[Cells]:
        """Return the cells of rows that were written alone.

        Raises
        ------
        ModelFileError
            If the bytes are of no rows.
        """
        shape = (len(messages), len(self.columns))
        numbers, special = np.zeros(shape, np.int64), np.full(shape, -1, np.int8)
        rows = self._network.layout.rows(numbers, special, ~self._all, 1)
        raw: dict[int, Cells] = {}
        self._network.read_rows(messages, rows, self._escape_reader(raw, len(messages)))
        return self._cells(rows, raw, [None] * len(self.columns))

    def _read_learned(
        self,
        data: bytes,
        numbers: np.ndarray,
        special: np.ndarray,
        coded: np.ndarray,
        cells: list[Cells | None],
    ) -> list[Cells]:
        rows = self._network.layout.rows(numbers, special, ~coded, self._lane)
        raw: dict[int, Cells] = {}
        if coded.any():
            self._network.read(data, rows, self._escape_reader(raw, len(numbers)), coded)
        elif data:
            raise ModelFileError("the stream is damaged: a block in it is longer than its columns.")
        return self._cells(rows, raw, cells)

    def _escape_reader(self, raw: dict[int, Cells], n: int) -> Escapes:
        """Return how the raw values of columns are read: into `raw`, by column."""

        def read_escapes(coder: Coder, place: int, at: np.ndarray) -> None:
            if place not in raw:
                empty = self.columns[place].cells(np.zeros(n, np.int64), np.full(n, ESCAPE))
                raw[place] = Cells(empty.values.copy(), empty.is_null)
            self.columns[place].code(coder, raw[place], at)

        return read_escapes

    def _cells(self, rows: Rows, raw: dict[int, Cells], known: list[Cells | None]) -> list[Cells]:
        answer = []
        for place, column in enumerate(self.columns):
            cells = known[place]
            if cells is None:
                cells = column.cells(rows.numbers[:, place], rows.special[:, place])
                is_raw = rows.special[:, place] == ESCAPE
                if is_raw.any():
                    cells.values[is_raw] = raw[place].values[is_raw]
            answer.append(cells)
        return answer

    @cached_property
    def _all(self) -> np.ndarray:
        return np.ones(len(self.columns), bool)

    @property
    def _has_contexts(self) -> bool:
        """Whether columns may be written by mixed contexts, which take time, and see the columns before."""
        return self.lanes is None and self.may_mix and len(self.columns) <= MOST_CONTEXT_COLUMNS

    @property
    def _network(self) -> Lanes:
        assert self.lanes is not None  # noqa: S101 -- only streams are written without
        return self.lanes

    @property
    def _lane(self) -> int:
        return LANE if self._network.layout.history else 1

    def _numbers(self, cells: Sequence[Cells]) -> list[tuple[np.ndarray, np.ndarray]]:
        return [column.numbers(part) for column, part in zip(self.columns, cells, strict=True)]

    def _rows(self, lanes: Lanes, pairs: Sequence[tuple[np.ndarray, np.ndarray]], lane: int) -> Rows:
        numbers = np.stack([numbers for numbers, _ in pairs], axis=1)
        special = np.stack([special for _, special in pairs], axis=1)
        return lanes.layout.rows(numbers, special, self._all, lane)

    def _escapes(self, cells: Sequence[Cells]) -> Escapes:
        def write_escapes(coder: Coder, place: int, at: np.ndarray) -> None:
            self.columns[place].code(coder, cells[place], at)

        return write_escapes
