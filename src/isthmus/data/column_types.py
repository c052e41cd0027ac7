"""Column types: numeric, categorical, boolean, ordinal, datetime; how each becomes numbers and comes back."""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.core.coercion import short
from isthmus.data.cells.dates import date_format
from isthmus.errors import InvalidData

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = 86_400
MOST_VALUES = 255  # of a column of categories that keep a place of their own; the others share one


@dataclass(frozen=True)
class Column(abc.ABC):
    """One column of a table: its name, and its type as Arrow spells it."""

    name: str
    type: str
    own: str | None = None  # its type as its frame spells it
    values: tuple[Any, ...] = ()  # the categories that have a place, in the order of their numbers
    rest: Any = None  # the most frequent of those that share the last place
    declared: tuple[Any, ...] | None = None  # all categories of its type, in their order
    format: str | None = None  # of dates that are texts in a file, as `time.strptime` has it
    kind: ClassVar[str]

    @property
    def count(self) -> int:
        """How many categories it may hold; 0 where it holds a number."""
        return 0

    @property
    def unseen(self) -> int | None:
        """The number that stands for a category that the fit has not had; None where there is no such thing."""
        return None

    @abc.abstractmethod
    def encode(self, array: pa.Array) -> np.ndarray:
        """Return the column as float64 [n]: NaN where a value is missing, `unseen` for a category not of the fit."""

    @abc.abstractmethod
    def decode(self, numbers: np.ndarray) -> pa.Array:
        """Return numbers [n], none of them missing, as a column of its type."""


class Numeric(Column):
    """Numbers; whole ones are rounded on the way out."""

    kind = "numeric"

    def encode(self, array: pa.Array) -> np.ndarray:
        if pa.types.is_null(array.type):
            return np.full(len(array), np.nan)
        if is_text(array.type):
            refuse_first(self.name, array, float, "numbers", "Turn it into numbers.")
        elif not is_number(array.type):
            raise InvalidData(
                f"column {self.name!r}: expected numbers; got values of type {array.type}. Turn them into numbers."
            )
        return as_float(array)

    def decode(self, numbers: np.ndarray) -> pa.Array:
        kind = type_of(self.type)
        if pa.types.is_boolean(kind):
            return pa.array(numbers >= 0.5)
        if pa.types.is_decimal(kind):
            most = (10**kind.precision - 1) / 10**kind.scale
            return pa.array(np.clip(numbers, -most, most)).cast(kind, safe=False)
        if not pa.types.is_integer(kind):
            return pa.array(numbers).cast(kind if pa.types.is_floating(kind) else pa.float64())
        whole = np.rint(numbers)
        limits = np.iinfo(kind.to_pandas_dtype())
        # float64 cannot hold the largest whole numbers of 64 bits: what is as large becomes the limit.
        inside = np.clip(whole, float(limits.min), float(limits.max))
        integers = np.where(inside >= float(limits.max), 0, inside).astype(limits.dtype)
        return pa.array(np.where(inside >= float(limits.max), limits.max, integers), type=kind)


class Datetime(Column):
    """Dates and times, as seconds since 1970."""

    kind = "datetime"

    def encode(self, array: pa.Array) -> np.ndarray:
        if pa.types.is_null(array.type):
            return np.full(len(array), np.nan)
        if is_text(array.type):
            array = self._parse(array)
        if not is_date(array.type):
            raise InvalidData(
                f"column {self.name!r}: expected dates; got values of type {array.type}. Turn them into dates."
            )
        if pa.types.is_date(array.type):
            array = array.cast(pa.timestamp("s"))
        ticks = as_float(array.cast(pa.int64()))
        return ticks / PER_SECOND[array.type.unit]

    def decode(self, numbers: np.ndarray) -> pa.Array:
        kind = type_of(self.type)
        if pa.types.is_date(kind):
            return _ticks(np.rint(numbers / DAY) * DAY).cast(kind)
        if not pa.types.is_timestamp(kind) and self.format is not None:
            return pa.array(date_format(self.format).render(_ticks(numbers)), kind)
        if not pa.types.is_timestamp(kind):  # texts that were parsed
            return pc.strftime(_ticks(numbers), format="%Y-%m-%dT%H:%M:%S").cast(kind)
        per = PER_SECOND[kind.unit]
        return pa.array(np.rint(np.clip(numbers, -9e18 / per, 9e18 / per) * per).astype(np.int64)).cast(kind)

    def _parse(self, texts: pa.Array) -> pa.Array:
        if self.format is None:
            return parse_dates(self.name, texts)
        return date_format(self.format).read(self.name, texts, "Write all of them so.")


class Categorical(Column):
    """Categories, as numbers in the order of `values`; the rare ones share one number more, and so do new ones then.

    Where there are no rare ones that number stands for new ones alone.
    """

    kind = "categorical"

    @property
    def count(self) -> int:
        return len(self.values) + (self.rest is not None)

    @property
    def unseen(self) -> int | None:
        return len(self.values) if self.rest is None else None

    def encode(self, array: pa.Array) -> np.ndarray:
        array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
        places, is_missing = self._places(array), np.asarray(array.is_null(nan_is_null=True))
        return np.where(np.isnan(places) & ~is_missing, len(self.values), places)

    def decode(self, numbers: np.ndarray) -> pa.Array:
        known = [*self.values, *([] if self.rest is None else [self.rest])]
        place = np.clip(np.rint(numbers), 0, len(known) - 1).astype(np.int64)
        kind = type_of(self.type)
        if self.declared is None:
            return pa.array(known, type=kind).take(pa.array(place))
        index = np.array([self.declared.index(value) for value in known], np.int32)
        return pa.DictionaryArray.from_arrays(
            pa.array(index[place]), pa.array(self.declared, type=kind), ordered=self.kind == "ordinal"
        )

    def _places(self, array: pa.Array) -> np.ndarray:
        """Return the places of the cells among the values, [n], NaN for others."""
        if pa.types.is_null(array.type):
            return np.full(len(array), np.nan)
        return as_float(pc.index_in(array, value_set=self._values_of(array.type)))

    def _values_of(self, kind: pa.DataType) -> pa.Array:
        """Return the values as those of a type, to look cells up in; they are turned into it once."""
        if kind not in self._looked_up:
            try:
                known = pa.array(self.values, type=type_of(self.type)).cast(kind)
            except pa.ArrowException as error:
                raise InvalidData(
                    f"column {self.name!r}: expected values of type {self.type}, as {short(self.values[0])} in the "
                    f"fit; got values of type {kind}. Pass the column in the type of the fit."
                ) from error
            self._looked_up[kind] = known
        return self._looked_up[kind]

    @cached_property
    def _looked_up(self) -> dict[pa.DataType, pa.Array]:
        return {}


class Boolean(Categorical):
    """False and True, as 0 and 1."""

    kind = "boolean"


class Ordinal(Categorical):
    """Categories in an order, as their rank: a number, rounded on the way out."""

    kind = "ordinal"

    @property
    def count(self) -> int:
        return 0


class Ignored(Column):
    """What is left out: the network never sees it, and it comes back as it is."""

    kind = "ignored"

    def encode(self, array: pa.Array) -> np.ndarray:
        return np.full(len(array), np.nan)

    def decode(self, numbers: np.ndarray) -> pa.Array:
        return pa.nulls(len(numbers), type_of(self.type))


KINDS: dict[str, type[Column]] = {
    kind.kind: kind for kind in (Numeric, Boolean, Categorical, Ordinal, Datetime, Ignored)
}

DIGITS = {32: 9, 64: 18, 128: 38, 256: 76}  # that a decimal number of so many bits may have
_TYPES = {
    str(kind): kind
    for kind in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.string_view()),
        *(pa.date32(), pa.date64(), *map(pa.timestamp, PER_SECOND)),
    )
}


def type_of(text: str) -> pa.DataType:
    """Return the type that Arrow spells so, of those that columns may have.

    Examples
    --------
    >>> str(type_of("timestamp[us, tz=UTC]"))
    'timestamp[us, tz=UTC]'
    """
    if text in _TYPES:
        return _TYPES[text]
    if decimal := re.fullmatch(r"decimal(32|64|128|256)\((\d{1,2}), (-?\d{1,2})\)", text):
        width, precision, scale = map(int, decimal.groups())
        if 1 <= precision <= DIGITS[width] and abs(scale) <= precision:
            return getattr(pa, f"decimal{width}")(precision, scale)
    head, _, zone = text.partition(", tz=")
    if f"{head}]" in _TYPES and head.startswith("timestamp") and zone.endswith("]"):
        return pa.timestamp(_TYPES[f"{head}]"].unit, zone[:-1])
    raise InvalidData(f"no column has the type {short(text)}.")


def is_number(kind: pa.DataType) -> bool:
    is_real = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return is_real or pa.types.is_boolean(kind)


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


def as_float(array: pa.Array) -> np.ndarray:
    """Return an array of Arrow as float64, NaN where a value is missing."""
    return np.asarray(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def parse_dates(name: str, array: pa.Array) -> pa.Array:
    """Return texts as dates and times: what ISO 8601 allows.

    Raises
    ------
    InvalidData
        If one is no date; the message names the column, the text and the row.
    """
    try:
        return pc.cast(array, pa.timestamp("us"))
    except pa.ArrowInvalid:
        refuse_first(name, array, _as_date, "dates, as 2024-05-31 or 2024-05-31 12:00", "Write all of them so.")
        raise


def refuse_first(name: str, array: pa.Array, read: Any, expected: str, advice: str) -> None:
    """Raise `InvalidData` for the first text that `read` refuses."""
    for row, value in enumerate(array.to_pylist()):
        if value is not None:
            try:
                read(value)
            except (ValueError, TypeError) as error:
                raise InvalidData(
                    f"column {name!r}: expected {expected}; got {value!r} (row {row}). {advice}"
                ) from error


def _as_date(text: str) -> None:
    try:
        pc.cast(pa.array([text]), pa.timestamp("us"))
    except pa.ArrowInvalid as error:
        raise ValueError(text) from error


def _ticks(seconds: np.ndarray) -> pa.Array:
    return pa.array(np.rint(np.clip(seconds, -6e10, 2.5e11)).astype(np.int64)).cast(pa.timestamp("s"))
