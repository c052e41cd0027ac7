"""A table of texts: what its columns hold is noticed or declared, and what is not filled is written as it was read."""

from __future__ import annotations

import abc
import copy
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.core.coercion import short
from isthmus.data.arrow import check_names
from isthmus.data.cells import dates, numbers
from isthmus.data.cells.format import TEXT, BooleanFormat, CellFormat, MissingMarks, TextFormat
from isthmus.data.cells.notice import Notice, Noticed, sentences, without
from isthmus.data.column_types import Column, is_text, type_of
from isthmus.data.dialect import AS_SHOWN, Cells, Dialect, ReadingOptions, no_header
from isthmus.data.file_source import FileSource
from isthmus.errors import InvalidData

MOST_MARKS = 4  # of missing cells that are named
ADVICE = "Correct it, or declare it as a mark of missing cells (na=, --na)."


class TextTable(FileSource):
    """A table whose cells are texts, all of it in memory; a subclass reads them from files."""

    keeps_texts: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...]] = ("sep", "decimal", "encoding", "na", "header")
    formats: dict[str, CellFormat]  # of columns by name, also of those that are not selected

    @abc.abstractmethod
    def __init__(self, data: Any, options: ReadingOptions = AS_SHOWN) -> None:
        """Read files, whose cells `keep` keeps."""

    def keep(self, name: str, cells: Cells, options: ReadingOptions) -> None:
        """Keep the cells of a file called so, and notice what its columns hold."""
        self.name, self.dialect, self.options = name, cells.dialect, options
        first, table = cells.first, cells.table
        if options.header is False:
            table = [
                pa.concat_arrays([pa.array([cell], TEXT), below]) for cell, below in zip(first, table, strict=True)
            ]
            first = [f"x{i}" for i in range(len(first))]
        used = [i for i, texts in enumerate(table) if first[i].strip() or pc.any(pc.not_equal(texts, "")).as_py()]
        names = [first[i] for i in used]
        keys = names if len(set(names)) == len(names) else list(map(str, used))
        self._raw = {key: table[i] for key, i in zip(keys, used, strict=True)}
        self._trimmed = {key: _trim(texts) for key, texts in self._raw.items()}
        self.marks = MissingMarks(options.na)
        self._notice = Notice(self.marks, options.decimal, cells.dialect.separator)
        self._noticed: dict[str, Noticed] = self._notice.notice(self._trimmed)
        self.formats = {key: noticed.format for key, noticed in self._noticed.items()}
        self.kinds = {key: noticed.kind for key, noticed in self._noticed.items() if noticed.kind is not None}
        self._parsed: dict[tuple[str, CellFormat], pa.Array] = {}
        self.n_rows = len(table[0])
        self._has_warned = False
        self._names = names
        self._is_like_row = options.header is None and self.n_rows > 0 and self._may_be_row(keys, names)
        if keys != names:
            self._require_header(())
            check_names(names)
        self.schema = self._typed(names)

    def declare(self, kinds: Mapping[str, Any]) -> Self:
        self._require_header(())
        chosen = copy.copy(self)
        chosen.kinds, chosen.formats = {**self.kinds, **kinds}, dict(self.formats)
        for name in self.schema.names:
            if name in chosen.kinds:
                chosen.formats[name] = self._declared(name, chosen.kinds[name])
            elif (problem := self._noticed[name].problem) is not None:
                raise InvalidData(problem)
        chosen.schema = chosen._typed(self.schema.names)
        for sentence in () if self._has_warned else chosen.guesses():
            warnings.warn(f"{self.name}: {sentence}", stacklevel=2)
        chosen._has_warned = True
        return chosen

    def read_as(self, columns: Sequence[tuple[str, Column | None]]) -> Self:
        chosen = copy.copy(self)
        if self.options.header is False and len(columns) == len(self._names):
            warnings.warn(f"{self.name} names no columns: they are taken in the order of the fit.", stacklevel=2)
            chosen._rename([name for name, _ in columns])
        chosen._require_header([name for name, _ in columns])
        chosen.formats = dict(chosen.formats)
        for name, column in columns:
            if name in chosen.formats:
                chosen.formats[name] = chosen._format_like(name, column)
        chosen.schema = chosen._typed(chosen.schema.names)
        return chosen

    def take(self, rows: np.ndarray) -> Self:
        """Return the source of some rows, by their places."""
        chosen, places = copy.copy(self), pa.array(rows)
        chosen._raw = {name: texts.take(places) for name, texts in self._raw.items()}
        chosen._trimmed = {name: texts.take(places) for name, texts in self._trimmed.items()}
        chosen._parsed, chosen.n_rows = {}, len(rows)
        return chosen

    def date_formats(self) -> dict[str, str]:
        return {name: form.pattern for name, form in self.formats.items() if isinstance(form, dates.DateFormat)}

    def guesses(self) -> list[str]:
        return sentences(self._noticed, [name for name in self.schema.names if name not in self.kinds])

    def describe(self) -> str:
        is_comma = any(getattr(self.formats[name], "decimal", ".") == "," for name in self.schema.names)
        return ", ".join(
            word for word in (self.dialect.describe(), "decimal comma" if is_comma else "", self._marks_met()) if word
        )

    def written(self, answer: Any, is_new: np.ndarray, is_rounded: bool) -> tuple[Dialect, list[str], list[list[str]]]:
        names = self.schema.names
        columns = [self._written(name, answer.iloc[:, i], is_new[:, i], is_rounded) for i, name in enumerate(names)]
        return self.dialect, names, columns

    def _marks_met(self) -> str:
        """Return the words that were read as missing cells, and how many of each there are."""
        totals: Counter[str] = Counter()
        for name in self.schema.names:
            trimmed, marks = self._trimmed[name], self._marks_of(self.formats[name])
            for entry in pc.value_counts(trimmed.filter(pc.is_in(trimmed, value_set=marks))).to_pylist():
                totals[entry["values"]] += entry["counts"]
        words = [
            f"{short(word).strip(chr(39)) if word else 'blank'} ({count:,})"
            for word, count in totals.most_common(MOST_MARKS)
        ]
        return "missing: " + ", ".join(words) if words else ""

    def _marks_of(self, form: CellFormat) -> pa.Array:
        return self.marks.of_texts if form.keeps_spaces else self.marks.words

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        names = self.schema.names
        table = pa.table([self._values(name) for name in names], names=names) if names else None
        yield from () if table is None else table.to_batches(max_chunksize=rows)

    def _values(self, name: str) -> pa.Array:
        """Return a column as values; null where a cell is missing."""
        key = name, self.formats[name]
        if key not in self._parsed:
            self._parsed[key] = self.formats[name].read(name, self._texts(name, self.formats[name]), ADVICE)
        return self._parsed[key]

    def _texts(self, name: str, form: CellFormat) -> pa.Array:
        """Return the texts that a format is to read; null where a cell is missing."""
        trimmed = self._trimmed[name]
        is_missing = pc.is_in(trimmed, value_set=self._marks_of(form))
        return pc.if_else(is_missing, pa.scalar(None, TEXT), self._raw[name] if form.keeps_spaces else trimmed)

    def _typed(self, names: Sequence[str]) -> pa.Schema:
        """Return the types of columns."""
        fields = []
        for name in names:
            kind = self.formats[name].type
            if kind == pa.int64() and not pa.types.is_integer(self._values(name).type):
                kind = pa.float64()  # whole numbers beyond 64 bits
            fields.append(pa.field(name, kind))
        return pa.schema(fields)

    def _declared(self, name: str, wish: Any) -> CellFormat:
        """Return the format of a column of the kind that a user says."""
        noticed, kind = self.formats[name], wish if isinstance(wish, str) else "values"
        kind, _, pattern = kind.partition(":")
        if kind == "numeric":
            return noticed if isinstance(noticed, numbers.NumberFormat | BooleanFormat) else self._numbers(name)
        if kind == "datetime":
            return self._dates(name, pattern)
        if kind == "boolean":
            return noticed if isinstance(noticed, numbers.NumberFormat | BooleanFormat) else BooleanFormat()
        is_plain = noticed in (numbers.PLAIN_NUMBERS, numbers.WHOLE_NUMBERS) or isinstance(noticed, BooleanFormat)
        is_texts = not isinstance(wish, str) and all(isinstance(value, str) for value in wish)
        return noticed if is_plain and not is_texts else TextFormat()

    def _format_like(self, name: str, column: Column | None) -> CellFormat:
        """Return the format in which a column is read for a model; `column` None is one of numbers."""
        noticed = self.formats[name]
        if column is None or column.kind == "numeric":
            is_right = isinstance(noticed, numbers.NumberFormat | BooleanFormat)
            return noticed if is_right else self._numbers(name)
        if column.kind == "datetime":
            return self._dates(name, column.format or "")
        if column.kind == "boolean":
            return noticed if isinstance(noticed, numbers.NumberFormat) else BooleanFormat()
        is_same = not is_text(type_of(column.type)) and not isinstance(noticed, dates.DateFormat)
        return noticed if is_same else TextFormat()

    def _numbers(self, name: str) -> CellFormat:
        return self._notice.number_format(self._trimmed[name], self.options.decimal or ".,")

    def _dates(self, name: str, pattern: str) -> CellFormat:
        """Return the format of a column of dates: `pattern` where it is given and fits, else what it shows itself."""
        texts = self._texts(name, dates.DateFormat())
        present = texts.drop_null()
        noticed, declared = self.formats[name], dates.date_format(pattern) if pattern else dates.DateFormat()
        if (
            len(present)
            and (pattern or not isinstance(noticed, dates.DateFormat))
            and not declared.parse(texts)[1].any()
        ):
            return dates.finish(declared, present)
        return noticed if isinstance(noticed, dates.DateFormat) else declared

    def _written(self, name: str, answer: Any, is_new: np.ndarray, is_rounded: bool) -> list[str]:
        """Return the cells of a column as they are written."""
        texts = self._raw[name].to_pylist()
        places = np.flatnonzero(is_new)
        if len(places):
            values = pa.array(answer.iloc[places], from_pandas=True)
            form = self._finished(name)
            if isinstance(form, numbers.NumberFormat) and not is_rounded:
                form = replace(form, decimals=None, is_whole=pa.types.is_integer(values.type))
            values = values.cast(form.type, safe=False) if isinstance(form, dates.DateFormat) else values
            for place, text in zip(places, form.render(values), strict=True):
                texts[place] = text
        return texts

    def _finished(self, name: str) -> CellFormat:
        """Return the format of a column with what its cells show of how they are written."""
        form, present = self.formats[name], without(self._trimmed[name], self.marks.words)
        if isinstance(form, numbers.NumberFormat) and len(present):
            return numbers.finish(form, present)
        return dates.finish(form, present) if isinstance(form, dates.DateFormat) and len(present) else form

    def _may_be_row(self, keys: Sequence[str], first: Sequence[str]) -> bool:
        """Say whether each cell of the first line could stand among those below it."""
        cells = [pa.array([cell.strip()], TEXT) for cell in first]
        known = [(key, cell) for key, cell in zip(keys, cells, strict=True) if len(without(cell, self.marks.words))]
        return bool(known) and all(self._could_hold(key, cell) for key, cell in known)

    def _could_hold(self, key: str, cell: pa.Array) -> bool:
        form = self.formats[key]
        if form.keeps_spaces:
            return bool(pc.is_in(cell, value_set=self._trimmed[key])[0].as_py())
        return not form.parse(cell)[1].any()

    def _require_header(self, names: Sequence[str]) -> None:
        """Raise the error for a first line that looks like a row, unless it holds the `names` that are looked for."""
        if self._is_like_row and not (names and set(names) <= set(self._names)):
            raise no_header(self.name, self._names)

    def _rename(self, names: Sequence[str]) -> None:
        other = dict(zip(self._names, names, strict=True))
        self._raw = {other[name]: texts for name, texts in self._raw.items()}
        self._trimmed = {other[name]: texts for name, texts in self._trimmed.items()}
        self._noticed = {other[name]: noticed for name, noticed in self._noticed.items()}
        self.formats = {other[name]: form for name, form in self.formats.items()}
        self._names, self._parsed = list(names), {}
        self.schema = self._typed(names)


def _trim(texts: pa.Array) -> pa.Array:
    """Return texts without spaces around them; the same array where there are none."""
    trimmed = pc.utf8_trim_whitespace(texts)
    return texts if trimmed.equals(texts) else trimmed
