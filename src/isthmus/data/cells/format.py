"""The contract of cell formats, and the two simple ones: texts as they are, and truth values."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.core.coercion import short
from isthmus.errors import InvalidData

TEXT = pa.large_string()
WORDS = (
    "NA",
    "N/A",
    "#N/A",
    "#NA",
    "<NA>",
    "NaN",
    "NULL",
    "#NULL!",
    "None",
    "nil",
    "missing",
    "?",
    "-",
    "--",
    ".",
    "\\N",
)
"""What marks a missing cell among numbers, dates and truth values, in small letters or in capitals too."""
SIGNS = ("?", "#N/A", "#NA", "#NULL!", "<NA>", "\\N")
"""What marks one among texts: no words, which may be values there, as NA is the code of Namibia."""


class MissingMarks:
    """What marks a missing cell beside blanks.

    Parameters
    ----------
    declared : words that mark one in every column. An empty list lets `SIGNS` be texts, None declares nothing.
    """

    def __init__(self, declared: Sequence[str] | None) -> None:
        own = list(declared or ())
        spelled = [form for word in WORDS for form in (word, word.lower(), word.upper(), word.capitalize())]
        self.words = pa.array(sorted({"", *own, *spelled, "-nan", "-NaN"}), TEXT)
        self.of_texts = pa.array(["", *own, *(SIGNS if declared is None or any(own) else ())], TEXT)


@dataclass(frozen=True)
class CellFormat(abc.ABC):
    """How the texts of a column are read, and how its values are written."""

    what: ClassVar[str]  # for messages: what the column is expected to hold
    keeps_spaces: ClassVar[bool] = False  # around a text

    @property
    @abc.abstractmethod
    def type(self) -> pa.DataType:
        """The type of the values."""

    @abc.abstractmethod
    def parse(self, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
        """Return texts as values, and where one could not be read, [n] bool; null stays null."""

    @abc.abstractmethod
    def render(self, values: pa.Array) -> list[str]:
        """Return values, none of them missing, as a column of this format writes them."""

    def read(self, name: str, texts: pa.Array, advice: str) -> pa.Array:
        """Return texts as values.

        Raises
        ------
        InvalidData
            If one cannot be read; the message names the column, the text and its row.
        """
        values, is_wrong = self.parse(texts)
        if is_wrong.any():
            row = int(is_wrong.argmax())
            raise InvalidData(
                f"column {name!r}: expected {self.what}; got text ({short(texts[row].as_py())}, row {row}). {advice}"
            )
        return values


@dataclass(frozen=True)
class TextFormat(CellFormat):
    """Texts as they are."""

    what: ClassVar[str] = "texts"
    keeps_spaces: ClassVar[bool] = True

    @property
    def type(self) -> pa.DataType:
        return TEXT

    def parse(self, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
        return texts, np.zeros(len(texts), bool)

    def render(self, values: pa.Array) -> list[str]:
        return [str(value) for value in values.to_pylist()]


@dataclass(frozen=True)
class BooleanFormat(CellFormat):
    """Truth values, written as `false` and `true`, `False` and `True` or `FALSE` and `TRUE`."""

    words: tuple[str, str] = ("false", "true")
    what: ClassVar[str] = "true or false"

    @property
    def type(self) -> pa.DataType:
        return pa.bool_()

    def parse(self, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
        lower = pc.utf8_lower(texts)
        is_true = pc.equal(lower, "true")
        return is_true, where(pc.invert(pc.or_(is_true, pc.equal(lower, "false"))))

    def render(self, values: pa.Array) -> list[str]:
        return [self.words[value >= 0.5] for value in values.to_pylist()]


def notice_booleans(texts: pa.Array) -> BooleanFormat | None:
    """Return the format of texts that are all `true` or `false`, in one way of writing them."""
    distinct = set(pc.unique(texts.slice(0, 1000)).to_pylist())
    for change in (str.lower, str.capitalize, str.upper):
        words = change("false"), change("true")
        if distinct <= set(words):
            known = pa.array(words, texts.type)
            return BooleanFormat(words) if pc.all(pc.is_in(texts, value_set=known)).as_py() else None
    return None


def where(mask: pa.Array) -> np.ndarray:
    """Return a mask of Arrow as an array, False where it is null."""
    return np.asarray(pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False), bool)


def spread(count: int) -> list[int]:
    """Return a few places among so many."""
    return sorted({0, count // 3, 2 * count // 3, count - 1}) if count else []
