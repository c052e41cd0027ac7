"""What a codec knows of one column: how its cells become whole numbers, and how those that do not are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from isthmus.codec.cells import Cells
from isthmus.codec.entropy import DIGIT, Coder
from isthmus.codec.quantisers import MOST_LEVELS, Quantiser, bits, from_bits
from isthmus.codec.symbols import ESCAPE, NULL
from isthmus.errors import InvalidData, ModelFileError


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers."""

    quantiser: Quantiser

    @property
    def is_lossless(self) -> bool:
        """Whether every value comes back to the bit."""
        return self.quantiser.is_lossless

    def numbers(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """Return whole numbers [n] int64, and where there is none which symbol stands for that, [n] int8, else -1."""
        numbers, is_kept = self.quantiser.numbers(cells.values)
        special = np.where(cells.is_null, NULL, np.where(is_kept, -1, ESCAPE)).astype(np.int8)
        return np.where(special < 0, numbers, 0), special

    def cells(self, numbers: np.ndarray, special: np.ndarray) -> Cells:
        """Return the cells of whole numbers [n]; those that are raw are to be set."""
        is_null = special == NULL
        with np.errstate(all="ignore"):
            values = np.ascontiguousarray(self.quantiser.values(numbers))
        values[special >= 0] = np.zeros(1, values.dtype)[0]
        return Cells(values, is_null)

    def code(self, coder: Coder, cells: Cells, rows: np.ndarray) -> None:
        """Write, or read, the raw bits of the cells at some rows."""
        size = 8 * self.quantiser.dtype.itemsize
        is_read, coder.rows = coder.is_reading, rows
        raw = np.zeros(len(rows), np.uint64) if is_read else bits(cells.values[rows])
        for shift in range(0, size, DIGIT):
            width = min(DIGIT, size)
            digits = None if is_read else (raw >> np.uint64(shift)) & np.uint64(2**width - 1)
            read = coder.uniform(np.full(len(rows), 2**width), digits)
            if is_read:
                raw |= read.astype(np.uint64) << np.uint64(shift)
        if is_read:
            cells.values[rows] = from_bits(raw, self.quantiser.dtype)


@dataclass(frozen=True)
class TextColumn:
    """A column of texts: those that the fit has seen often are numbers, the most frequent one 0."""

    words: tuple[bytes, ...]
    is_lossless: ClassVar[bool] = True

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _array(self) -> np.ndarray:
        array = np.empty(len(self.words) + 1, object)
        array[:] = [*self.words, b""]
        return array

    def numbers(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """Return whole numbers [n] int64, and where there is none which symbol stands for that, [n] int8, else -1."""
        find = self._places.get
        numbers = np.fromiter((find(value, -1) for value in cells.values), np.int64, len(cells))
        special = np.where(cells.is_null, NULL, np.where(numbers < 0, ESCAPE, -1)).astype(np.int8)
        return np.where(special < 0, numbers, 0), special

    def cells(self, numbers: np.ndarray, special: np.ndarray) -> Cells:
        """Return the cells of whole numbers [n]; those that are raw are to be set."""
        if len(numbers) and not ((numbers >= 0) & (numbers < max(len(self.words), 1))).all():
            raise ModelFileError("the stream is damaged: it names a text that the model does not have.")
        return Cells(self._array[np.where(special < 0, numbers, len(self.words))], special == NULL)

    def code(self, coder: Coder, cells: Cells, rows: np.ndarray) -> None:
        """Write, or read, the bytes of the texts at some rows."""
        sizes = np.array([coder.longest])
        for row in rows:
            coder.rows = np.array([row])
            if coder.is_reading:
                cells.values[row] = coder.text(int(coder.wide(sizes, None)[0]), None)
                continue
            text = cells.values[row]
            if len(text) >= coder.longest:
                raise InvalidData(f"row {row}: expected texts of less than {coder.longest:,} bytes; got {len(text):,}.")
            coder.wide(sizes, np.array([len(text)]))
            coder.text(len(text), text)


Column = NumberColumn | TextColumn


def fit_words(cells: Cells) -> tuple[bytes, ...]:
    """Return the texts of a column that are worth a place in the model, the most frequent first."""
    words, counts = np.unique(cells.values[~cells.is_null], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    least = 1 if len(words) <= max(len(cells) // 4, 1) or len(words) <= 256 else 2
    return tuple(words[place] for place in order[:MOST_LEVELS] if counts[place] >= least)
