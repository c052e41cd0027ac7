"""What the columns of a table of texts hold, noticed from their cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.core.coercion import short
from isthmus.data.cells.dates import DateFormat, nearest_format, notice_dates
from isthmus.data.cells.format import CellFormat, MissingMarks, TextFormat, notice_booleans, spread, where
from isthmus.data.cells.numbers import LEADING_ZERO, LOOSE, PLAIN_NUMBERS, NumberFormat, candidates, notice_plain

OF_PROGRAMS = r"^[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|\d+(_\d+)+)$"
TIME = r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$"
NEARLY = 0.9  # of the cells: then the others are mistakes, or words for a missing cell
CODES = 10  # distinct whole numbers among texts may be codes
MARKS = 3  # so many distinct texts among numbers may be words for a missing cell
MOST_NAMED = 4  # columns in a note


class Noticed(NamedTuple):
    """What a column holds."""

    format: CellFormat
    kind: str | None = None  # where its type does not say it
    problem: str | None = None  # why a user must say what it holds
    notes: tuple[str, ...] = ()  # what was guessed: sentences with a gap for the columns


@dataclass(frozen=True)
class Notice:
    """What a file shows of itself, as far as a user does not say it."""

    marks: MissingMarks
    decimal: str | None = None  # the decimal sign that a user declares
    separator: str | None = None  # between cells: a comma there is rarely a decimal sign

    def notice(self, columns: Mapping[str, pa.Array]) -> dict[str, Noticed]:
        """Return what columns of texts without spaces around them hold."""
        numbers: dict[str, list[NumberFormat]] = {}
        dates: dict[str, list[DateFormat]] = {}
        noticed: dict[str, Noticed] = {}
        for name, texts in columns.items():
            present = without(texts, self.marks.words)
            if not len(present):
                noticed[name] = Noticed(PLAIN_NUMBERS if len(without(texts, self.marks.of_texts)) else TextFormat())
            elif (truth := notice_booleans(present)) is not None:
                noticed[name] = Noticed(truth)
            elif (plain := notice_plain(present)) is not None and self.decimal in (None, "."):
                is_code = plain.is_whole and pc.any(pc.match_substring_regex(present, LEADING_ZERO)).as_py()
                noticed[name] = Noticed(TextFormat(), "categorical") if is_code else Noticed(plain)
            elif days := notice_dates(present):
                dates[name] = days
            elif forms := candidates(present, self.decimal or ".,"):
                numbers[name] = forms
            else:
                noticed[name] = self._notice_texts(name, texts, present)
        noticed |= self._decide_numbers(numbers, columns, noticed) | _decide_dates(dates)
        return {name: noticed[name] for name in columns}

    def number_format(self, texts: pa.Array, decimal: str) -> NumberFormat:
        """Return the format of a column of numbers by most of its cells."""
        present = without(texts, self.marks.words)
        return _nearest_numbers(present, decimal)[0] if len(present) else PLAIN_NUMBERS

    def _decide_numbers(
        self, formats: Mapping[str, list[NumberFormat]], columns: Mapping[str, pa.Array], noticed: Mapping[str, Noticed]
    ) -> dict[str, Noticed]:
        """Return the formats of columns of numbers that are written for people: with the decimal sign of the file."""
        signs = {forms[0].decimal for forms in formats.values() if len({form.decimal for form in forms}) == 1}
        plain = [name for name, column in noticed.items() if column.format == PLAIN_NUMBERS and "," in signs]
        decided = {}
        for name in plain:
            present = without(columns[name], self.marks.words)
            forms = candidates(present) if len(present) else []
            if any(form.decimal == "," for form in forms):
                decided[name] = forms
            elif pc.any(pc.match_substring(present, ".")).as_py():
                signs = signs | {"."}
        sign = self.decimal or (next(iter(signs)) if len(signs) == 1 else None)
        return {name: self._pick(forms, sign, columns[name]) for name, forms in {**formats, **decided}.items()}

    def _pick(self, forms: list[NumberFormat], sign: str | None, texts: pa.Array) -> Noticed:
        """Return the format of a column of those that fit it."""
        usual = "." if self.separator == "," else ","
        chosen = next((form for form in forms if form.decimal == sign), None)
        is_guess = sign is None and len({form.decimal for form in forms}) > 1 and any(form.thousands for form in forms)
        if chosen is None:
            chosen = next((form for form in forms if form.decimal == usual), forms[0])
        whole = _as_whole(chosen, without(texts, self.marks.words))
        if not is_guess:
            return Noticed(whole)
        present = without(texts, self.marks.words)
        example = next(text for text in present.to_pylist() if chosen.thousands in text or chosen.decimal in text)
        value = whole.parse(pa.array([example], texts.type))[0][0].as_py()
        other = "," if chosen.decimal == "." else "."
        note = (
            f"in {{}} {example!r} is read as {value:g}: the decimal sign {other!r} (--decimal {other}) says otherwise."
        )
        return Noticed(whole, notes=(note,))

    def _notice_texts(self, name: str, texts: pa.Array, present: pa.Array) -> Noticed:
        """Return what a column holds that is neither all numbers nor all dates nor all truth values."""
        declare = f"columns={{{name!r}: 'categorical'}} (--kind {name}=categorical)"
        for pattern, what in ((OF_PROGRAMS, "a number as programs write it"), (TIME, "a time of day")):
            is_such = where(pc.match_substring_regex(present, pattern))
            is_plain = where(pc.match_substring_regex(present, r"^[-+]?\d+$"))
            if is_such.any() and (is_such | is_plain).all():
                place = _place(texts, present, is_such)
                advice = f"Turn such into plain numbers, or declare {declare}."
                return Noticed(TextFormat(), problem=f"column {name!r} holds {what}, {place}. {advice}")
        for what, is_wrong in self._nearly(present):
            share = 1 - is_wrong.mean()
            words = pc.unique(present.filter(pa.array(is_wrong)))
            place = _place(texts, present, is_wrong)
            if share >= NEARLY or (share >= 0.5 and len(words) <= MARKS):
                word = short(words[0].as_py())
                problem = (
                    f"column {name!r} holds {place} among {what}. Correct it, declare it as a mark of missing cells, "
                    f"na=[{word}] (--na), or say what the column holds: {declare}."
                )
                return Noticed(TextFormat(), problem=problem)
        return Noticed(TextFormat(), notes=self._notes(texts, present))

    def _nearly(self, present: pa.Array) -> list[tuple[str, np.ndarray]]:
        """Return of what most of the cells are, if of something that is no code, and where others are."""
        kinds = []
        form, is_wrong = _nearest_numbers(present, self.decimal or ".,")
        numbers = pc.unique(form.parse(present.filter(pa.array(~is_wrong)))[0])
        has_fraction = len(numbers) and pc.any(pc.not_equal(numbers, pc.round(numbers))).as_py()
        if len(numbers) > CODES or has_fraction:
            kinds.append(("numbers", is_wrong))
        dated = nearest_format(present)
        if dated is not None and dated[1].mean() < 0.5:
            kinds.append((f"dates as {dated[0].pattern}", dated[1]))
        return kinds

    def _notes(self, texts: pa.Array, present: pa.Array) -> tuple[str, ...]:
        """Return what a column of texts may be mistaken in."""
        notes = []
        unmarked = without(texts, self.marks.of_texts)
        words = unmarked.filter(pc.is_in(unmarked, value_set=self.marks.words))
        if len(words):
            word = words[0].as_py()
            notes.append(f"in {{}} {word!r} is read as a text: na=[{word!r}] (--na {word}) makes it a missing cell.")
        is_number = where(pc.match_substring_regex(present, LOOSE))
        if 0.5 <= is_number.mean() < 1:
            notes.append(f"{{}} holds {_place(texts, present, ~is_number)} beside numbers, and is read as categories.")
        return tuple(notes)


def without(texts: pa.Array, marks: pa.Array) -> pa.Array:
    """Return the texts that are none of the marks of missing cells."""
    return texts.filter(pc.invert(pc.is_in(texts, value_set=marks)))


def sentences(noticed: Mapping[str, Noticed], names: Sequence[str]) -> list[str]:
    """Return what was guessed of columns, those of one guess in one sentence."""
    guesses: dict[str, list[str]] = {}
    for name in names:
        for note in noticed[name].notes:
            guesses.setdefault(note, []).append(name)
    written = []
    for note, columns in guesses.items():
        shown = ", ".join(map(repr, columns[:MOST_NAMED])) + (", …" if len(columns) > MOST_NAMED else "")
        written.append(note.replace("{}", f"column{'s' * (len(columns) > 1)} {shown}", 1))
    return written


def _decide_dates(formats: Mapping[str, list[DateFormat]]) -> dict[str, Noticed]:
    """Return the formats of columns of dates: where day and month are open, in the order of the other columns."""
    orders = {tuple(form.is_day_first for form in forms) for forms in formats.values()}
    known = {order[0] for order in orders if len(set(order)) == 1 and order[0] is not None}
    decided = {}
    for name, forms in formats.items():
        is_open = len({form.is_day_first for form in forms}) > 1
        is_day_first = next(iter(known)) if len(known) == 1 else True
        chosen = next((form for form in forms if form.is_day_first is is_day_first), forms[0]) if is_open else forms[0]
        notes: tuple[str, ...] = ()
        if is_open:
            order, other = ("day", "m/d/y") if chosen.is_day_first else ("month", "d/m/y")
            say = f"the kind 'datetime:{other}' (--kind NAME=datetime:{other})"
            notes = (f"dates in {{}} are read with the {order} first, which they do not show: {say} says otherwise.",)
        decided[name] = Noticed(chosen, notes=notes)
    return decided


def _nearest_numbers(present: pa.Array, decimals: str) -> tuple[NumberFormat, np.ndarray]:
    """Return the format in which the most of the cells are numbers, and where others are, [n] bool."""
    loose = present.filter(pc.match_substring_regex(present, LOOSE))
    forms = [PLAIN_NUMBERS, *(form for i in spread(len(loose)) for form in candidates(loose.slice(i, 1), decimals))]
    parsed = [(form, form.parse(present)[1]) for form in dict.fromkeys(forms)]
    return min(parsed, key=lambda pair: pair[1].sum())


def _as_whole(form: NumberFormat, present: pa.Array) -> NumberFormat:
    """Return a format with what its cells show: whether all are whole."""
    has_sign = pc.any(pc.match_substring_regex(present, re.escape(form.decimal) + "|[eEnN]")).as_py()
    return form if has_sign else replace(form, is_whole=True)


def _place(texts: pa.Array, present: pa.Array, is_wanted: np.ndarray) -> str:
    """Return the first of the cells that are wanted, and its row in the whole column."""
    text = present[int(is_wanted.argmax())]
    return f"{short(text.as_py())} (row {pc.index(texts, text).as_py()})"
