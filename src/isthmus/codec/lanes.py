"""Rows to bytes and back by the network: many lanes of rows side by side, each row by row, column by column.

A lane is a run of rows. Where a codec looks at the row before, all lanes go on by one row at a time, so that their
products are one; where it does not, every row is a lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isthmus.codec.entropy import Coder, IntervalReader, IntervalWriter, Reader, Writer
from isthmus.codec.network import IntegerNetwork, Outlet, outlets
from isthmus.codec.symbols import ESCAPE, NULL, Alphabet
from isthmus.errors import ModelFileError

WIDTH = 2048  # lanes of codecs that look at no other row
LANE = 512  # rows in a lane of those that do

Escapes = Callable[[Coder, int, np.ndarray], None]
"""Write, or read, what is kept raw: of a column, at these rows."""


@dataclass(frozen=True)
class Rows:
    """Rows of whole numbers, [n, columns]: known, or to be read."""

    numbers: np.ndarray  # int64; where a value is missing or raw, the last number above it in its lane, or 0
    special: np.ndarray  # int8: -1 for a number, else its symbol, `NULL` or `ESCAPE`
    symbols: np.ndarray  # int32
    features: np.ndarray  # [n, any] int32: places among the inputs of a network


@dataclass(frozen=True)
class Layout:
    """Where the features of each column begin among the inputs of a network, and its symbols among the outputs."""

    alphabets: Sequence[Alphabet]
    history: bool

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the symbols of each column begin, and the end, [columns + 1]."""
        return np.cumsum([0, *(alphabet.size for alphabet in self.alphabets)])

    @cached_property
    def inputs(self) -> np.ndarray:
        """Where the features of each column begin, and the end, [columns + 1]: its symbols, then its contexts."""
        return np.cumsum([0, *(alphabet.size + self._contexts(alphabet) for alphabet in self.alphabets)])

    @property
    def n_features(self) -> int:
        """How many inputs a network has: those of the row, those of the row before, and one that is nothing."""
        return int(self.inputs[-1]) * (2 if self.history else 1) + 1

    @property
    def nothing(self) -> int:
        """The input that adds nothing known."""
        return self.n_features - 1

    @cached_property
    def width(self) -> int:
        """How many features a row has."""
        return len(self.alphabets) + sum(alphabet.follows for alphabet in self.alphabets)

    @cached_property
    def places(self) -> list[int]:
        """Where the features of each column stand in those of a row."""
        before = np.cumsum([0, *(1 + alphabet.follows for alphabet in self.alphabets)])
        return before[:-1].tolist()

    def fill(self, rows: Rows, column: int, which: np.ndarray | slice) -> None:
        """Set the features of a column whose symbols and numbers are known, at some rows."""
        alphabet, place, start = self.alphabets[column], self.places[column], self.inputs[column]
        symbols = rows.symbols[which, column]
        rows.features[which, place] = start + symbols
        if alphabet.follows:
            contexts = alphabet.context(rows.numbers[which, column], symbols)
            rows.features[which, place + 1] = start + alphabet.size + contexts

    def rows(self, numbers: np.ndarray, special: np.ndarray, is_known: np.ndarray, lane: int) -> Rows:
        """Return rows of which the columns [columns] that are known stand in `numbers` and `special`, [n, columns]."""
        n, columns = numbers.shape
        rows = Rows(numbers, special, np.zeros((n, columns), np.int32), np.zeros((n, self.width), np.int32))
        first = np.arange(n) // lane * lane
        for column in np.flatnonzero(is_known).tolist():
            alphabet = self.alphabets[column]
            marks = special[:, column] = alphabet.marks(numbers[:, column], special[:, column])
            if lane == 1:
                numbers[:, column] *= marks < 0
                above = np.zeros(n, np.int64)
            else:
                last = np.maximum.accumulate(np.where(marks < 0, np.arange(n), -1))
                numbers[:, column] = np.where(last >= first, numbers[np.maximum(last, 0), column], 0)
                above = before(numbers[:, column], lane)
            rows.symbols[:, column] = alphabet.symbols(numbers[:, column], above, marks)
            self.fill(rows, column, slice(None))
        return rows

    def _contexts(self, alphabet: Alphabet) -> int:
        return alphabet.n_contexts if alphabet.follows else 0


@dataclass(frozen=True)
class Lanes:
    """The network of a codec, ready to write and to read rows."""

    layout: Layout
    network: IntegerNetwork

    @cached_property
    def outlets(self) -> list[Outlet]:
        """The outputs of each column, laid out for products."""
        return outlets(self.network, self.layout.starts)

    def write(self, rows: Rows, escapes: Escapes, coded: np.ndarray) -> tuple[bytes, np.ndarray]:
        """Return the bytes of the columns [columns] that are `coded`, and how many bits each of them takes, [columns].

        The others are seen, and not written.
        """
        writer = Writer()
        for step in reversed(self._steps(rows)):
            self._walk(writer, rows, step, escapes, coded)
            writer.flush()
        return writer.to_bytes(), np.array([writer.bits.get(column, 0.0) for column in range(len(coded))])

    def write_rows(self, rows: Rows, escapes: Escapes) -> list[bytes]:
        """Return the bytes of each row, which is written as if it were alone."""
        writer = IntervalWriter(len(rows.numbers))
        self._walk(writer, rows, np.arange(len(rows.numbers)), escapes, self._all, is_alone=True)
        return writer.messages()

    def read(self, data: bytes, rows: Rows, escapes: Escapes, coded: np.ndarray) -> None:
        """Read the columns that `write` has written into `rows`, where the others stand already.

        Raises
        ------
        ModelFileError
            If the bytes are not what `write` has written.
        """
        reader = Reader(data)
        for step in self._steps(rows):
            self._walk(reader, rows, step, escapes, coded)
        if not reader.is_finished:
            raise ModelFileError("the stream is damaged: its symbols do not end where its rows do.")

    def read_rows(self, messages: Sequence[bytes], rows: Rows, escapes: Escapes) -> None:
        """Read rows that `write_rows` has written into `rows`.

        Raises
        ------
        ModelFileError
            If the bytes of one are not what `write_rows` has written.
        """
        reader = IntervalReader(messages)
        self._walk(reader, rows, np.arange(len(messages)), escapes, self._all, is_alone=True)
        if unfinished := reader.unfinished:
            raise ModelFileError(f"row {unfinished[0]} is damaged: its symbols do not end where it does.")

    @cached_property
    def _all(self) -> np.ndarray:
        return np.ones(len(self.layout.alphabets), bool)

    def _steps(self, rows: Rows) -> list[np.ndarray]:
        """Return the places of the rows that are written together, in the order in which they are read."""
        n = len(rows.numbers)
        if not self.layout.history:
            return [np.arange(start, min(start + WIDTH, n)) for start in range(0, n, WIDTH)]
        return [np.arange(start, n, LANE) for start in range(min(LANE, n))]

    def _walk(
        self, coder: Coder, rows: Rows, step: np.ndarray, escapes: Escapes, coded: np.ndarray, *, is_alone: bool = False
    ) -> None:
        """Write or read one row of each lane: those at the places `step` [lanes]."""
        layout, network = self.layout, self.network
        has_before = layout.history and not is_alone and bool(step[0] % LANE)
        total = self._begin(rows, step, has_before)
        for column, alphabet in enumerate(layout.alphabets):
            if coded[column]:
                coder.column, coder.rows = column, step
                base = rows.numbers[step - 1, column] if has_before else np.zeros(len(step), np.int64)
                chances = self.outlets[column].chances(network.hidden(total, column))
                if coder.is_reading:
                    symbols = coder.symbols(chances, None)
                    numbers = alphabet.numbers(symbols, coder.wide(alphabet.widths(symbols), None), base)
                    rows.numbers[step, column], rows.symbols[step, column] = numbers, symbols
                    rows.special[step, column] = np.where(symbols <= NULL, symbols, -1)
                    if not alphabet.holds(numbers[symbols > NULL]).all():
                        raise ModelFileError("the stream is damaged: a number in it is beyond its column.")
                    layout.fill(rows, column, step)
                else:
                    symbols = coder.symbols(chances, rows.symbols[step, column])
                    offsets = alphabet.offsets(rows.numbers[step, column], base, symbols)
                    coder.wide(alphabet.widths(symbols), offsets)
                is_raw = symbols == ESCAPE
                if is_raw.any():
                    escapes(coder, column, step[is_raw])
            place = layout.places[column]
            total += network.inputs[rows.features[step, place]]
            if alphabet.follows:
                total += network.inputs[rows.features[step, place + 1]]

    def _begin(self, rows: Rows, step: np.ndarray, has_before: bool) -> np.ndarray:
        """Return the sums of inputs before the first column, [lanes, hidden] int32."""
        inputs = self.network.inputs
        if has_before:
            return inputs[rows.features[step - 1] + self.layout.inputs[-1]].sum(axis=1, dtype=np.int32)
        nothing = inputs[self.layout.nothing] if self.layout.history else np.zeros(1, np.int32)
        return np.zeros((len(step), inputs.shape[1]), np.int32) + nothing


def before(numbers: np.ndarray, lane: int) -> np.ndarray:
    """Return the number above each of [n] in its lane, 0 at the head of a lane."""
    shifted = np.concatenate([np.zeros(min(1, len(numbers)), np.int64), numbers[:-1]])
    return np.where(np.arange(len(numbers)) % lane == 0, 0, shifted)
