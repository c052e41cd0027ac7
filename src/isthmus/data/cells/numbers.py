"""Numbers as people write them: decimal and thousands signs, percent, currencies, several signs for minus."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.data.cells.format import CellFormat, where

PLAIN = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|^[-+]?(inf|Inf|INF|[iI]nfinity)$"
WHOLE = r"^[-+]?\d+$"
LEADING_ZERO = r"^[-+]?0\d+$"
MINUS = "−–"  # the sign of mathematics, and the dash that is used for it
CURRENCIES = "$€£¥₽₴₹₩₺"
SPACES = " \u00a0\u202f\u2009"
LOOSE = (
    rf"^[-+{MINUS}]?[{CURRENCIES}{SPACES}]*[-+{MINUS}]?\d[\d.,'’{SPACES}]*([eE][-+]?\d+)?[{SPACES}]*[%{CURRENCIES}]?$"
)
THOUSANDS = {".": (",", " ", "'"), ",": (".", " ", "'")}  # that go with a decimal sign
MOST_DECIMALS = 17


@dataclass(frozen=True)
class NumberFormat(CellFormat):
    """Numbers, all of one column written in one way."""

    decimal: str = "."
    thousands: str = ""  # a space stands for every kind of it, ' for ’ too
    unit: str = ""  # a currency or %, in every cell
    is_whole: bool = False
    minus: str = "-"
    decimals: int | None = (
        None  # digits behind the decimal sign at most; None where numbers are as a computer writes them
    )
    is_padded: bool = False  # zeros fill the places behind the decimal sign
    is_before: bool = False  # the unit stands before the number
    gap: str = ""  # between the number and its unit
    what: ClassVar[str] = "numbers"

    @property
    def type(self) -> pa.DataType:
        return pa.int64() if self.is_whole else pa.float64()

    def parse(self, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
        plain = self._plain(texts)
        if (floats := _cast_plain(plain)) is not None:
            is_wrong = np.zeros(len(plain), bool)
            if not self.is_whole:
                return floats, is_wrong
        else:
            is_wrong = where(pc.invert(pc.match_substring_regex(plain, PLAIN)))
        if is_wrong.any():
            plain = pc.if_else(pa.array(is_wrong), pa.scalar(None, plain.type), plain)
        try:
            return pc.cast(plain, self.type), is_wrong
        except pa.ArrowInvalid:  # whole numbers of more than 64 bits
            return pc.cast(plain, pa.float64()), is_wrong

    def render(self, values: pa.Array) -> list[str]:
        return [self._write(value) for value in values.to_pylist()]

    def fits(self, texts: pa.Array) -> bool:
        """Say whether all texts are numbers of this format."""
        return not self.parse(texts)[1].any()

    def _plain(self, texts: pa.Array) -> pa.Array:
        """Return texts as a computer writes numbers; null where they are none of this format."""
        if self.unit:
            unit = re.escape(self.unit)
            inner = pc.replace_substring_regex(texts, rf"^([-+{MINUS}]?){unit}[{SPACES}]*|[{SPACES}]*{unit}$", r"\1")
            texts = pc.if_else(pc.equal(inner, texts), pa.scalar("without its unit", texts.type), inner)
        if self in (PLAIN_NUMBERS, WHOLE_NUMBERS):
            return texts
        texts = pc.replace_substring_regex(texts, f"^[{MINUS}]", "-")
        if self.thousands:
            sign = {" ": f"[{SPACES}]", "'": "['’]"}.get(self.thousands, re.escape(self.thousands))
            grouped = rf"^[-+]?(\d{{1,3}}({sign}\d{{3}})+|\d+)({re.escape(self.decimal)}\d*)?$"
            is_grouped = pc.match_substring_regex(texts, grouped)
            texts = pc.if_else(is_grouped, pc.replace_substring_regex(texts, sign, ""), texts)
        if self.decimal != ".":
            texts = pc.replace_substring(texts, ".", "no decimal sign")
            texts = pc.replace_substring(texts, self.decimal, ".")
        return texts

    def _write(self, value: float) -> str:
        if self.is_whole:
            digits = f"{round(abs(value)):d}"
        elif self.decimals is None:
            digits = repr(abs(float(value)))
        else:
            digits = f"{abs(value):.{self.decimals}f}"
        whole, _, rest = digits.partition(".")
        rest = rest if self.is_padded or self.decimals is None else rest.rstrip("0")
        if self.thousands and whole.isdecimal():
            whole = f"{int(whole):,}".replace(",", self.thousands)
        is_negative = value < 0 and any(digit in digits for digit in "123456789")
        number = whole + (self.decimal if rest else "") + rest
        sign = self.minus if is_negative else ""
        return f"{sign}{self.unit}{self.gap}{number}" if self.is_before else f"{sign}{number}{self.gap}{self.unit}"


PLAIN_NUMBERS, WHOLE_NUMBERS = NumberFormat(), NumberFormat(is_whole=True)


def notice_plain(texts: pa.Array) -> NumberFormat | None:
    """Return the format of texts that are all numbers as a computer writes them."""
    if _cast_plain(texts) is None and not pc.all(pc.match_substring_regex(texts, PLAIN)).as_py():
        return None
    if all(pc.all(pc.match_substring_regex(some, WHOLE)).as_py() for some in (texts.slice(0, 100), texts)):
        try:
            pc.cast(texts, pa.int64())
        except pa.ArrowInvalid:
            return PLAIN_NUMBERS
        return WHOLE_NUMBERS
    return PLAIN_NUMBERS


def _cast_plain(texts: pa.Array) -> pa.Array | None:
    """Return texts as floats where all of them fit PLAIN, which Arrow says fastest of what is finite; else None."""
    try:
        floats = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    return floats if pc.all(pc.is_finite(floats)).as_py() else None


def candidates(texts: pa.Array, decimals: str = ".,") -> list[NumberFormat]:
    """Return the formats that all of the texts fit, the plainest first; `decimals` are the decimal signs to try."""
    if not pc.all(pc.match_substring_regex(texts, LOOSE)).as_py():
        return []
    unit, is_before, gap = _unit(texts[0].as_py())
    minus = next((sign for sign in MINUS if pc.any(pc.starts_with(texts, sign)).as_py()), "-")
    formats = []
    for decimal in decimals:
        for thousands in ("", *THOUSANDS[decimal]):
            form = NumberFormat(decimal, thousands, unit, minus=minus, is_before=is_before, gap=gap)
            is_used = not thousands or any(
                pc.any(pc.match_substring(texts, sign)).as_py() for sign in _forms(thousands)
            )
            if is_used and form.fits(texts):
                formats.append(form)
    return formats


def finish(form: NumberFormat, texts: pa.Array) -> NumberFormat:
    """Return a format with what the cells show of it: whether they are whole, and how many decimals they have."""
    numbers = form.parse(texts)[0]
    decimal = re.escape(form.decimal)
    is_whole = not pc.any(pc.match_substring_regex(texts, rf"{decimal}|[eEnN]")).as_py()
    is_whole = is_whole and bool(pc.all(pc.less(pc.abs(numbers), 2.0**63)).as_py())
    if is_whole:
        return replace(form, is_whole=True, decimals=0)
    if pc.any(pc.match_substring_regex(texts, "[eEnN]")).as_py():
        return form
    behind = pc.extract_regex(texts, rf"{decimal}(?P<digits>\d*)")
    lengths = pc.fill_null(pc.utf8_length(pc.struct_field(behind, "digits")), 0)
    least, most = pc.min_max(lengths).as_py().values()
    return form if most > MOST_DECIMALS else replace(form, decimals=most, is_padded=least == most)


def _unit(text: str) -> tuple[str, bool, str]:
    """Return the unit of a number, whether it stands before it, and what stands between them."""
    symbols = [sign for sign in text if sign in CURRENCIES or sign == "%"]
    if not symbols:
        return "", False, ""
    before, _, behind = text.partition(symbols[0])
    is_before = not any(character.isdecimal() for character in before)
    near = behind if is_before else before[::-1]
    gap = "".join(itertools.takewhile(lambda character: character in SPACES, near))
    return symbols[0], is_before, gap


def _forms(thousands: str) -> str:
    return {" ": SPACES, "'": "'’"}.get(thousands, thousands)
