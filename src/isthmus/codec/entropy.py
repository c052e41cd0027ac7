"""Entropy coding by constriction: one stack of whole numbers, written from the last to the first."""

from __future__ import annotations

import abc
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from isthmus.codec.libraries import library
from isthmus.errors import ModelFileError

LEAST = 2.0**-8  # as which a chance of 0 counts, where bits are counted
CHUNK = 4096  # bytes of a text that are read at a time
ONE = 2.0**16  # of the chance of a bit, for 1.0
DIGIT = 16  # bits of what is written as a uniform digit


class Coder(abc.ABC):
    """What is written, or read, in one order: so that one walk over the rows serves both ways."""

    column = 0  # what comes next is of this one
    rows = np.empty(0, np.int64)  # and of these, for coders of single rows
    longest: ClassVar[int] = 2**26  # bytes that a text has less than
    is_reading: ClassVar[bool] = False

    @abc.abstractmethod
    def symbols(self, weights: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        """Return symbols [n], where the chance of each is in proportion to weights [n, symbols] float64."""

    @abc.abstractmethod
    def uniform(self, sizes: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        """Return values [n], each below its size [n], at most 2^16 and at least 2."""

    @abc.abstractmethod
    def text(self, length: int, text: bytes | None) -> bytes:
        """Return a text of so many bytes, each as likely as any other."""

    def binary(self, chances: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        """Return bits [n] int64, where the chance of a one is `chances` [n] of 2^16, neither 0 nor all."""
        return self.symbols(_of_bits(chances), bits).astype(np.int64)

    def wide(self, sizes: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        """Return values [n] int64, each below its size [n] int64, whatever that is."""
        answer, last = np.zeros(len(sizes), np.int64), sizes - 1
        rows, largest = self.rows, int(last.max(initial=0))
        for shift in range(DIGIT * 3, -1, -DIGIT):
            if not largest >> shift:
                continue
            is_used = last >> shift > 0
            if is_used.any():
                top = np.minimum((last >> shift)[is_used], 2**DIGIT - 1) + 1
                digits = None if values is None else (values >> shift)[is_used] & (2**DIGIT - 1)
                self.rows = rows[is_used]
                answer[is_used] |= self.uniform(top, digits).astype(np.int64) << shift
        self.rows = rows
        return answer


class Writer(Coder):
    """What is to be written; `flush` writes it onto a stack, the last first."""

    def __init__(self) -> None:
        self.bits: dict[int, float] = {}  # how many are written, by column
        self._stack = _stack()
        self._pending: list[tuple[np.ndarray, Any, np.ndarray]] = []

    def symbols(self, weights: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        assert symbols is not None  # noqa: S101 -- who writes knows them
        chosen = np.maximum(weights[np.arange(len(symbols)), symbols], LEAST)
        self._count(float((np.log2(weights.sum(axis=1)) - np.log2(chosen)).sum()))
        self._pending.append((symbols.astype(np.int32), _categorical(), weights))
        return symbols

    def binary(self, chances: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        assert bits is not None  # noqa: S101 -- who writes knows them
        self._pending.append((bits.astype(np.int8), None, chances.astype(np.uint16)))  # laid out when it is written
        return bits

    def uniform(self, sizes: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        assert values is not None  # noqa: S101 -- who writes knows them
        self._count(float(np.log2(sizes).sum()))
        self._pending.append((values.astype(np.int32), _uniform(), sizes.astype(np.int32)))
        return values

    def text(self, length: int, text: bytes | None) -> bytes:
        assert text is not None  # noqa: S101 -- who writes knows it
        if text:
            self.uniform(np.full(length, 256), np.frombuffer(text, np.uint8))
        return text

    def _count(self, bits: float) -> None:
        self.bits[self.column] = self.bits.get(self.column, 0.0) + bits

    def flush(self) -> None:
        """Write what has come since the last time: it will be read before what was written then."""
        for values, family, parameters in reversed(self._pending):
            if family is None:
                self._stack.encode_reverse(values.astype(np.int32), _categorical(), _of_bits(parameters))
            else:
                self._stack.encode_reverse(values, family, parameters)
        self._pending.clear()

    def to_bytes(self) -> bytes:
        """Return all that was written, without zeros at its end."""
        words = self._stack.get_compressed()
        return np.ascontiguousarray(words, "<u4").tobytes().rstrip(b"\0")


class Reader(Coder):
    """What is read from bytes, which may be anything: whoever has read all asks whether it was all."""

    is_reading = True

    def __init__(self, data: bytes) -> None:
        if data.endswith(b"\0"):
            raise ModelFileError("the stream is damaged: its symbols end in zeros.")
        padded = data + bytes(-len(data) % 4)
        words = np.frombuffer(padded, "<u4").astype(np.uint32)
        self._stack = _stack(words) if len(words) else _stack()

    def symbols(self, weights: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        return self._stack.decode(_categorical(), weights)

    def uniform(self, sizes: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        return self._stack.decode(_uniform(), sizes.astype(np.int32))

    def text(self, length: int, text: bytes | None) -> bytes:
        pieces = []
        for start in range(0, length, CHUNK):
            if self.is_finished:
                raise ModelFileError("the stream is damaged: a text in it is longer than the stream.")
            piece = self.uniform(np.full(min(CHUNK, length - start), 256), None)
            pieces.append(piece.astype(np.uint8).tobytes())
        return b"".join(pieces)

    @property
    def is_finished(self) -> bool:
        """Whether all has been read, and nothing is left."""
        return bool(self._stack.is_empty())


@dataclass
class Interval:
    """A part of [0, 1), in fractions of whole numbers of any size: [low, low + width) / total."""

    low: int = 0
    width: int = 1
    total: int = 1

    def narrow(self, below: int, chance: int, total: int) -> None:
        """Keep the part [below, below + chance) / total of the interval."""
        self.low = self.low * total + below * self.width
        self.width *= chance
        self.total *= total

    def to_bytes(self) -> bytes:
        """Return a short number in the interval, its first byte the largest, without a point before it."""
        length = max(self.total.bit_length() - self.width.bit_length() - 1, 0) // 8
        while True:
            number = -(-(self.low << 8 * length) // self.total)
            if number * self.total < (self.low + self.width) << 8 * length:
                return number.to_bytes(length, "big")
            length += 1


class IntervalWriter(Coder):
    """Rows alone, each in hardly a bit more than it needs, by arithmetic coding in whole numbers."""

    longest = 2**16

    def __init__(self, n: int) -> None:
        self._intervals = [Interval() for _ in range(n)]

    def symbols(self, weights: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        assert symbols is not None  # noqa: S101 -- who writes knows them
        up_to, places = _cumulative(weights), np.arange(len(weights))
        chances = weights[places, symbols] + 1
        self._narrow(up_to[places, symbols] - chances, chances, up_to[:, -1])
        return symbols

    def uniform(self, sizes: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        assert values is not None  # noqa: S101 -- who writes knows them
        self._narrow(values, np.ones(len(sizes)), sizes)
        return values

    def text(self, length: int, text: bytes | None) -> bytes:
        assert text is not None  # noqa: S101 -- who writes knows it
        self._intervals[self.rows[0]].narrow(int.from_bytes(text, "big"), 1, 1 << 8 * length)
        return text

    def interval(self, row: int) -> Interval:
        """Return the interval of a row, to be narrowed."""
        return self._intervals[row]

    def messages(self) -> list[bytes]:
        """Return what was written of each row."""
        return [interval.to_bytes() for interval in self._intervals]

    def _narrow(self, below: np.ndarray, chances: np.ndarray, totals: np.ndarray) -> None:
        columns = (array.astype(np.int64).tolist() for array in (below, chances, totals))
        for row, *part in zip(self.rows.tolist(), *columns, strict=True):
            self._intervals[row].narrow(*part)


class IntervalReader(Coder):
    """Rows that `IntervalWriter` has written, each from bytes, which may be anything."""

    longest = 2**16
    is_reading = True

    def __init__(self, messages: Sequence[bytes]) -> None:
        self._messages = messages
        self._intervals = [Interval() for _ in messages]
        self._places = [int.from_bytes(data, "big") for data in messages]  # in the interval, as fractions of units
        self._units = [1 << 8 * len(data) for data in messages]

    def symbols(self, weights: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        up_to, rows = _cumulative(weights), self.rows.tolist()
        totals = up_to[:, -1].astype(np.int64).tolist()
        targets = [self._places[row] * total // self._units[row] for row, total in zip(rows, totals, strict=True)]
        chosen = (up_to <= np.array(targets, np.float64)[:, None]).sum(axis=1)
        places = np.arange(len(rows))
        chances = weights[places, chosen] + 1
        below = (up_to[places, chosen] - chances).astype(np.int64).tolist()
        for row, *part in zip(rows, below, chances.astype(np.int64).tolist(), totals, strict=True):
            self._narrow(row, *part)
        return chosen

    def uniform(self, sizes: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        answer = []
        for row, size in zip(self.rows.tolist(), sizes.tolist(), strict=True):
            answer.append(self._places[row] * size // self._units[row])
            self._narrow(row, answer[-1], 1, size)
        return np.array(answer, np.int64)

    def text(self, length: int, text: bytes | None) -> bytes:
        row = int(self.rows[0])
        number = (self._places[row] << 8 * length) // self._units[row]
        self._narrow(row, number, 1, 1 << 8 * length)
        return number.to_bytes(length, "big")

    def one(self, up_to: np.ndarray) -> int:
        """Return a symbol of the first row, from how likely each is together with those before it, [symbols]."""
        total = int(up_to[-1])
        symbol = int(up_to.searchsorted(self._places[0] * total // self._units[0], side="right"))
        below = int(up_to[symbol - 1]) if symbol else 0
        self._narrow(0, below, int(up_to[symbol]) - below, total)
        return symbol

    def digit(self, size: int) -> int:
        """Return a number of the first row that is as likely as any other below a size."""
        number = self._places[0] * size // self._units[0]
        self._narrow(0, number, 1, size)
        return number

    @property
    def unfinished(self) -> list[int]:
        """The rows whose bytes are not what `IntervalWriter` would have written for them."""
        pairs = zip(self._intervals, self._messages, strict=True)
        return [row for row, (interval, data) in enumerate(pairs) if interval.to_bytes() != data]

    def _narrow(self, row: int, below: int, chance: int, total: int) -> None:
        self._places[row] = self._places[row] * total - below * self._units[row]
        self._units[row] *= chance
        self._intervals[row].narrow(below, chance, total)


def _cumulative(weights: np.ndarray) -> np.ndarray:
    """Return how likely each symbol is together with those before it, [n, symbols]; none is impossible."""
    return np.cumsum(weights + 1, axis=1)


def _of_bits(chances: np.ndarray) -> np.ndarray:
    """Return how likely a zero and a one are, [n, 2], where the chance of a one is `chances` [n] of 2^16."""
    weights = np.empty((len(chances), 2))
    weights[:, 1] = chances
    weights[:, 0] = ONE - weights[:, 1]
    return weights


def _stack(*words: np.ndarray) -> Any:
    return library("constriction").stream.stack.AnsCoder(*words)


@functools.cache
def _categorical() -> Any:
    return library("constriction").stream.model.Categorical(perfect=False)


@functools.cache
def _uniform() -> Any:
    return library("constriction").stream.model.Uniform()
