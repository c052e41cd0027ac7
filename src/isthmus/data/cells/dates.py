"""Dates and times as people write them, one format for a column."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.data.cells.format import CellFormat, spread, where

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
FIELDS = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"(?:[.,]\d{1,9})?",
    "p": r"[AaPp][Mm]",
    "z": r"Z|[+-]\d{2}(?::?\d{2})?",
}
"""What stands for the letters behind `%`, as in Python; `%f` is a fraction of a second with its sign, or nothing."""
SHORT = {"yyyy": "%Y", "y": "%Y", "m": "%m", "mm": "%m", "d": "%d", "dd": "%d", "yy": "%y"}
DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%f", " %H:%M:%S%f%z", " %H:%M:%S%f %z", " %I:%M %p", " %I:%M:%S %p")
LONGEST = 100  # characters of a format
PIVOT = 69  # two digits of a year from here on are of the 20th century, as in POSIX


@dataclass(frozen=True)
class DateFormat(CellFormat):
    """Dates, or dates with times, in a format as `time.strptime` has it."""

    pattern: str = "%Y-%m-%d"
    is_padded: bool = True  # 01/02/2024, not 1/2/2024
    digits: int = 0  # behind the sign of a fraction of a second
    what: ClassVar[str] = "dates"

    @property
    def type(self) -> pa.DataType:
        if "%H" not in self.pattern and "%I" not in self.pattern:
            return pa.date32()
        return pa.timestamp("ns" if self.digits > 6 else "us", "UTC" if "%z" in self.pattern else None)

    def parse(self, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
        groups = pc.extract_regex(texts, _regex(self.pattern))
        present = where(groups.is_valid())
        field = {letter: pc.struct_field(groups, letter) for letter in _letters(self.pattern)}
        numbers = {letter: _whole(field[letter]) for letter in field if letter in "YymdHIMS"}
        month = numbers["m"] if "m" in numbers else _month(field["b" if "b" in field else "B"])
        year = numbers["Y"] if "Y" in numbers else numbers["y"] + np.where(numbers["y"] < PIVOT, 2000, 1900)
        is_valid = present & (month >= 1) & (month <= 12)
        first = ((year - 1970) * 12 + np.where(is_valid, month, 1) - 1).astype("M8[M]")
        is_valid &= (numbers["d"] >= 1) & (
            numbers["d"] <= ((first + 1).astype("M8[D]") - first.astype("M8[D]")).astype(int)
        )
        days = first.astype("M8[D]").astype(np.int64) + numbers["d"] - 1
        hour = numbers.get("H", np.zeros(len(texts), np.int64))
        if "I" in numbers:
            is_valid &= (numbers["I"] >= 1) & (numbers["I"] <= 12)
            is_late = where(pc.equal(pc.utf8_lower(field["p"]), "pm"))
            hour = numbers["I"] % 12 + 12 * is_late
        minute, second = (numbers.get(letter, np.zeros(len(texts), np.int64)) for letter in "MS")
        is_valid &= (hour < 24) & (minute < 60) & (second < 60)
        is_wrong = ~is_valid & np.asarray(texts.is_valid())
        if pa.types.is_date(self.type):
            return pa.array(days.astype("M8[D]"), pa.date32(), mask=~is_valid), is_wrong
        seconds = days * 86_400 + hour * 3600 + minute * 60 + second - (_offset(field["z"]) if "z" in field else 0)
        per = 10**9 if self.digits > 6 else 10**6
        ticks = seconds * per + (_fraction(field["f"], per) if "f" in field else 0)
        return pa.array(ticks, pa.int64(), mask=~is_valid).cast(self.type), is_wrong

    def render(self, values: pa.Array) -> list[str]:
        ticks = values.cast(pa.timestamp("ns", getattr(values.type, "tz", None))).cast(pa.int64()).to_numpy()
        step = 10 ** (9 - self.digits)
        smallest = step if "%f" in self.pattern else 60 * 10**9 if "%S" not in self.pattern else 10**9
        return [self._write(int(tick)) for tick in np.rint(ticks / smallest).astype(np.int64) * smallest]

    def _write(self, tick: int) -> str:
        second, rest = divmod(tick, 10**9)
        moment = np.datetime64(second, "s").item()
        width = 2 if self.is_padded else 1
        written = {
            "Y": f"{moment.year:04d}",
            "y": f"{moment.year % 100:02d}",
            "m": f"{moment.month:0{width}d}",
            "d": f"{moment.day:0{width}d}",
            "b": MONTHS[moment.month - 1].capitalize(),
            "B": LONG_MONTHS[moment.month - 1].capitalize(),
            "H": f"{moment.hour:0{width}d}",
            "I": f"{(moment.hour - 1) % 12 + 1:0{width}d}",
            "M": f"{moment.minute:02d}",
            "S": f"{moment.second:02d}",
            "f": f".{rest:09d}"[: self.digits + 1] if self.digits else "",
            "p": "AM" if moment.hour < 12 else "PM",
            "z": "Z",
        }
        return re.sub("%(.)", lambda match: written[match[1]], self.pattern)

    @property
    def is_day_first(self) -> bool | None:
        """Whether the day stands before the month; None where nobody would take one for the other."""
        order = [letter for letter in _letters(self.pattern) if letter in "dm"]
        is_clear = self.pattern[:2] in ("%Y", "%y") or "." in self.pattern[:3] or len(order) < 2
        return None if is_clear else order[0] == "d"


def date_format(pattern: str) -> DateFormat:
    """Return the format that a user spells: as `time.strptime` has it, or by letters such as `d/m/y`.

    Raises
    ------
    ValueError
        If it is none, or has no day, month or year.
    """
    if "%" not in pattern:
        pattern = re.sub("[a-z]+", lambda word: SHORT.get(word[0], word[0]), pattern.lower())
    letters = _letters(pattern) if len(pattern) <= LONGEST else []
    has_all = {"d"} <= set(letters) and set(letters) & set("mbB") and set(letters) & set("Yy")
    if (
        not has_all
        or len(set(letters)) < len(letters)
        or not set(letters) <= set(FIELDS)
        or ("I" in letters) != ("p" in letters)
    ):
        raise ValueError(pattern)
    return DateFormat(pattern)


def notice_dates(texts: pa.Array) -> list[DateFormat]:
    """Return the formats in which all texts are dates: of those that differ in day and month alone, both."""
    first = texts[0].as_py()
    formats = []
    for day in DAYS:
        for pattern in _patterns(day):
            if re.fullmatch(_regex(pattern), first) and not DateFormat(pattern).parse(texts)[1].any():
                formats.append(finish(DateFormat(pattern), texts))
                break
    return formats


def nearest_format(texts: pa.Array) -> tuple[DateFormat, np.ndarray] | None:
    """Return the format in which the most of the texts are dates, and where others are, [n] bool."""
    formats = [DateFormat(pattern) for day in DAYS for pattern in _patterns(day)]
    some = [texts[row].as_py() for row in spread(len(texts))]
    formats = [form for form in formats if any(re.fullmatch(_regex(form.pattern), text) for text in some)]
    parsed = [(form, form.parse(texts)[1]) for form in formats]
    return min(parsed, key=lambda pair: pair[1].sum(), default=None)


def finish(form: DateFormat, texts: pa.Array) -> DateFormat:
    """Return a format with what the texts show of it: whether numbers are padded, and the digits of a fraction."""
    groups = pc.extract_regex(texts, _regex(form.pattern))
    short = [pc.utf8_length(pc.struct_field(groups, letter)) for letter in _letters(form.pattern) if letter in "mdHI"]
    is_padded = not any(pc.any(pc.equal(length, 1)).as_py() for length in short)
    digits = pc.max(pc.utf8_length(pc.struct_field(groups, "f"))).as_py() if "%f" in form.pattern else 0
    return DateFormat(form.pattern, is_padded, max((digits or 0) - 1, 0))


def _patterns(day: str) -> list[str]:
    times = [*TIMES, *(f"T{time[1:]}" for time in TIMES[1:-2])] if day == "%Y-%m-%d" else TIMES
    return [day + time for time in times]


@functools.cache
def _regex(pattern: str) -> str:
    is_short = "%y" in pattern and "." in pattern  # 1.2.34 is rather a version
    fields = FIELDS | ({"d": r"\d{2}", "m": r"\d{2}"} if is_short else {})
    parts = re.split("%(.)", pattern)
    return "^" + "".join(f"(?P<{p}>{fields[p]})" if i % 2 else re.escape(p) for i, p in enumerate(parts)) + "$"


def _letters(pattern: str) -> list[str]:
    return re.findall("%(.)", pattern)


def _whole(texts: pa.Array) -> np.ndarray:
    return pc.cast(pc.fill_null(texts, "0"), pa.int64()).to_numpy(zero_copy_only=False)


def _month(texts: pa.Array) -> np.ndarray:
    """Return the numbers of months by their names, whole or of three letters, [n]; 0 for what is none."""
    lower = pc.utf8_lower(texts)
    places = [pc.index_in(lower, pa.array(names, lower.type)) for names in (MONTHS, LONG_MONTHS)]
    return pc.fill_null(pc.coalesce(*places), -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1


def _fraction(texts: pa.Array, per: int) -> np.ndarray:
    """Return fractions of a second, their sign before them, in ticks, [n]."""
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(texts, ""), 10, "0"), 1, 10)
    return _whole(pc.if_else(pc.equal(digits, ""), "0", digits)) // (10**9 // per)


def _offset(texts: pa.Array) -> np.ndarray:
    """Return how many seconds zones are before UTC, [n]."""
    digits = pc.replace_substring(pc.replace_substring(pc.fill_null(texts, "Z"), "Z", "+0000"), ":", "")
    digits = pc.utf8_rpad(digits, 5, "0")
    sign = np.where(where(pc.starts_with(digits, "-")), -1, 1)
    hours, minutes = (_whole(pc.utf8_slice_codeunits(digits, start, start + 2)) for start in (1, 3))
    return sign * (hours * 3600 + minutes * 60)
