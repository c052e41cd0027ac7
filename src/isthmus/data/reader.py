"""The reader: from a table in any form to scaled rows, and back to a table of the form it came in."""

from __future__ import annotations

import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

from isthmus.contracts import Arrays, Blocks, Row, Scaling, Text
from isthmus.core.coercion import short
from isthmus.core.spelling import part_from_json, resolve
from isthmus.data.arrow import ColumnSource
from isthmus.data.own_types import check_own_types
from isthmus.data.rows import scaled_blocks
from isthmus.data.scaling import TableScaling
from isthmus.data.schema import Schema, is_plain, learn
from isthmus.data.schema import from_json as schema_from_json
from isthmus.data.source import Source
from isthmus.data.sources import open_table, source_type
from isthmus.data.table_source import TableSource
from isthmus.data.text_source import TextSource
from isthmus.data.tokens import are_texts, refuse_empty, texts_of
from isthmus.data.value_ranges import are_ranges, wider
from isthmus.errors import InvalidData, ModelFileError, require
from isthmus.storage.container import MOST_AXES, Opened
from isthmus.storage.state import Shapes, State, header_field

LOG = logging.getLogger("isthmus")
KIND_WORDS = {
    "numeric": ("number", "numbers"),
    "categorical": ("category", "categories"),
    "boolean": ("true or false", "true or false"),
    "ordinal": ("rank", "ranks"),
    "datetime": ("date", "dates"),
}
BATCH_ROWS = 65_536  # read at a time
MOST_UNKNOWN = 2**20  # numbers in a row, where its model holds fewer: no file of a few bytes makes large tables
MOST_NAMED = 6  # columns in a message
CONSTANTS, RANGES = "constants", "ranges"  # in a model file, beside what the scaling has learned
FLAGS = {"is_sequence": "is_sequence", "may_be_missing": "has_holes", "is_table": "is_mixed"}
"""What a row says of itself, and the keys of a model file for it."""


class LearnedText(NamedTuple):
    """How texts become rows: a part, and what it has learned."""

    part: Text
    learned: dict[str, Any]


class TableOptions(NamedTuple):
    """What an estimator says of the tables that it is given."""

    columns: Mapping[str, Any] | None = None  # what columns hold, where a user says so
    text: Text | None = None  # how texts become rows
    default_text: str | None = None  # the same where a table turns out to be texts; None where none are read
    expects_missing: bool = False  # later rows will lack cells, whatever those of the fit do


@dataclass(frozen=True)
class Reader:
    """All that is known of tables like that of a fit."""

    row: Row  # with the columns that the network reads as categories
    source_type: type[Source]  # of the table of the fit: answers without a table to go by come in this form
    labels: list[str | int] | None  # the names of the columns as their frame had them
    schema: Schema | None = None  # where a table holds more than numbers
    text: LearnedText | None = None  # where rows are texts
    scaling: TableScaling | None = None
    learned: Arrays = field(default_factory=dict)  # what the scaling has learned
    constants: np.ndarray | None = None  # the columns of one value, as `TableScaling.constants` has them
    ranges: np.ndarray | None = None  # of the columns of numbers, as `TableScaling.ranges` has them
    has_names: bool = False  # scikit-learn compares the names of the columns: all of them are text

    @classmethod
    def learn(cls, X: Any, options: TableOptions) -> tuple[Self, Source]:
        """Return what is known of a table before its rows are read, and its source.

        Raises
        ------
        InvalidData
            If the table cannot be used; the message names the column.
        """
        text = options.text or _default_text(X, options)
        if text is not None:
            texts = _texts(X, text.by)
            known = LearnedText(text, text.fit(texts))
            source: Source = TextSource(texts, *known)
            return cls(source.row, source.kind, source.labels(), text=known), source
        source, schema = open_table(X), None
        if isinstance(source, ColumnSource):
            source = source.select(None).declare(options.columns or {})
            schema = _learn_schema(source)
            source = source if schema is None else TableSource(source, schema)
        elif options.columns:
            raise InvalidData(
                "expected a frame or a file, since columns says what their columns hold; got a table without names. "
                "Pass columns=None, or a frame."
            )
        if schema is None:
            is_whole, is_flat = not (source.row.may_be_missing or source.row.is_sequence), len(source.row.shape) == 1
            if is_whole and ((is_flat and options.expects_missing) or source.has_missing()):
                source = source.with_row(replace(source.row, may_be_missing=True, is_table=is_flat))
        reader = cls(source.row, source.kind, source.labels(), schema)
        read = "; ".join(filter(None, (reader.describe(), source.describe())))
        LOG.info("read %s as %s", source.name, read)
        return reader, source

    def describe(self) -> str:
        """Return what the columns are, as `15 columns: 6 numbers, 8 categories, 1 date`."""
        counts = {"numeric": self.row.size} if self.schema is None else Counter(c.kind for c in self.schema.columns)
        words = [f"{counts[kind]:,} {word[counts[kind] > 1]}" for kind, word in KIND_WORDS.items() if kind in counts]
        return f"{self.row.size:,} column{'s' * (self.row.size > 1)}: {', '.join(words)}"

    def open(self, X: Any) -> Source:
        """Return the source of a table like that of the fit: its columns are those, whatever else a file holds.

        Raises
        ------
        InvalidData
            If it is another table.
        """
        if self.text is not None:
            return TextSource(_texts(X, self.text.part.by), *self.text)
        source = open_table(self.source_type.convert(X, self.row))
        names, is_file = self.row.columns, source.is_file
        if self.schema is not None:
            source = self._open_columns(source, picks=is_file or not self.has_names)
        elif isinstance(source, ColumnSource):
            source = source.read_as([(name, None) for name in names or source.names])
            source = source.select(names if is_file and names is not None else None)
        if self.schema is None and self.row.may_be_missing and not self.row.is_sequence:
            is_table = self.row.is_table and len(source.row.shape) == 1
            source = source.with_row(replace(source.row, may_be_missing=True, is_table=is_table))
        source = source.shaped_like(self.row)
        if is_file:
            if source.row.size != self.row.size:
                raise InvalidData(
                    f"{source.name} has {source.row.size} columns, and the model was fitted with {self.row.size}."
                )
            if names is not None and not source.names:
                warnings.warn(f"{source.name} names no columns: they are taken in the order of the fit.", stacklevel=5)
        is_flat = 1 in (len(source.row.shape), len(self.row.shape))
        if not is_flat and source.row.size == self.row.size and source.row.shape != self.row.shape:
            what = "sequences" if self.row.is_sequence else "images"
            raise InvalidData(f"X holds {what} of {source.row.shape}, and the model was fitted on {self.row.shape}.")
        return source

    def with_names(self, *, is_named: bool) -> Self:
        """Return the reader that knows whether scikit-learn compares the names of the columns."""
        return replace(self, has_names=is_named)

    def with_categories(self, counts: Mapping[int, int]) -> Self:
        """Return the reader for a network that reads columns as categories 0, 1, …: how many each may hold."""
        if not counts:
            return self
        categories = dict(enumerate(self.row.categories or (0,) * self.row.size)) | dict(counts)
        return replace(self, row=replace(self.row, categories=tuple(categories.values())))

    def fit_scaling(self, part: Scaling | None, rows: Blocks, dtype: np.dtype[Any]) -> Self:
        """Return the reader with a scaling, and what else is known of columns, learned from rows of a type."""
        scaling = TableScaling(part or resolve(Scaling, "none"), self.row)
        constants = scaling.constants(rows)
        ranges = None if self.text is not None else scaling.ranges(rows, dtype)
        return replace(self, scaling=scaling, learned=scaling.fit(rows), constants=constants, ranges=ranges)

    def having_seen(self, rows: Blocks, dtype: np.dtype[Any]) -> Self:
        """Return the reader that has seen these rows too: of columns of one value, and of the ranges of numbers."""
        constants, ranges = self.constants, self.ranges
        if constants is not None:
            now = self.fitted_scaling.constants(rows)
            is_constant = (now == constants).all(axis=0) if now is not None else np.zeros(1, bool)
            constants = constants * is_constant if is_constant.any() else None
        if ranges is not None:
            now = self.fitted_scaling.ranges(rows, dtype)
            ranges = None if now is None else wider(ranges, now)
        return replace(self, constants=constants, ranges=ranges)

    def with_bounds(self, bounds: Mapping[str | int, tuple[float | None, float | None]]) -> Self:
        """Return the reader that knows what columns can hold, by name or place: not what was seen, but these ends."""
        if not bounds or self.ranges is None:
            return self
        numbers, ranges = self.fitted_scaling.numbers.tolist(), self.ranges.copy()
        for key, ends in bounds.items():
            place = self._place(key)
            require(place in numbers, f"bounds[{key!r}]", "those of a column of numbers", ends)
            open_ends = -np.finfo(np.float64).max, np.finfo(np.float64).max
            found = [free if end is None else end for end, free in zip(ends, open_ends, strict=True)]
            ranges[:2, numbers.index(place)] = found
        return replace(self, ranges=ranges)

    def _place(self, key: str | int) -> int | None:
        """Return the place of a column that is named, or whose place is given; None where there is none."""
        labels: list[Any] = list(range(self.row.size)) if self.labels is None else [*self.labels]
        if key in labels:
            return labels.index(key)
        is_place = self.labels is None and isinstance(key, str) and key.isdecimal()
        return int(key) if is_place and int(key) < self.row.size else None

    def scaled_like(self, other: Reader) -> Self:
        """Return the reader with the scaling of another one, of tables of the same columns."""
        scaling = TableScaling(other.fitted_scaling.part, self.row)
        return replace(self, scaling=scaling, learned=other.learned, constants=other.constants, ranges=other.ranges)

    def with_known(self, known: Mapping[int, tuple[int, ...]]) -> Self:
        """Return the reader that accepts these categories of columns, those of the training rows; of others all."""
        return replace(self, scaling=replace(self.fitted_scaling, known=known))

    @property
    def fitted_scaling(self) -> TableScaling:
        """The scaling, which a reader of a fitted model always has."""
        assert self.scaling is not None  # noqa: S101 -- `fit_scaling` has set it
        return self.scaling

    def scale(self, source: Source) -> Iterator[np.ndarray]:
        """Yield the rows of a source as the model sees them, [n, d] float32."""
        return (scaled for scaled, _ in scaled_blocks(source, self.fitted_scaling, self.learned))

    def scale_marked(self, source: Source, *, is_capped: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the same, and where a category is that the fit has not had, [n, d] bool.

        `is_capped` says that numbers too large to compute with are cut, not refused.
        """
        return scaled_blocks(source, self.fitted_scaling, self.learned, is_capped=is_capped)

    def unscale(self, rows: np.ndarray) -> np.ndarray:
        """Return scaled rows [n, d] in the units of the table, of the type they came in; a constant column as it is."""
        answer = self.fitted_scaling.undo(self.learned, rows)
        if self.constants is not None:
            answer = self.fitted_scaling.restore_constants(self.constants, answer)
        return answer.astype(rows.dtype, copy=False)

    def within(self, rows: np.ndarray) -> np.ndarray:
        """Return rows [n, d] in the units of the table as its columns can hold them: no number beyond what the fit saw.

        Numbers have the decimals of their column, too. Files of earlier versions do not know what was seen.
        """
        if self.ranges is None:
            return rows
        return self.fitted_scaling.within_ranges(self.ranges, rows).astype(rows.dtype, copy=False)

    def restore(self, rows: np.ndarray, like: Source | None = None, index: Any = None) -> Any:
        """Return rows [n, d], in the units of the table, as texts, a frame, or an array.

        Parameters
        ----------
        like : a source in whose form, shape and index they come; None takes the form of the fit.
        index : names of the rows, where no source has some.
        """
        kind = self.source_type if like is None else like.kind
        index = index if like is None else like.index
        if self.text is not None:
            return self.text.part.undo(self.text.learned, rows)
        if self.schema is not None:
            table: Any = kind  # of columns: others are refused when they are opened
            own = self.schema.own() if kind is self.source_type else {}
            return table.build_frame(self.schema.undo(rows), own, self.labels, index)
        shape = self.row.shape if like is None else like.row.shape
        labels = self.labels or [f"x{i}" for i in range(rows.shape[1])]
        return kind.frame(rows if len(shape) == 1 else rows.reshape(-1, *shape), labels, index)

    def _open_columns(self, source: Source, *, picks: bool) -> Source:
        """Return the source of a table of more than numbers; of a file, or without names to compare, pick by name."""
        assert self.schema is not None  # noqa: S101 -- `open` has looked
        if not isinstance(source, ColumnSource):
            names = self.schema.names
            there = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
            raise InvalidData(f"expected a frame or a file with the columns {there}, as in the fit; got {source.form}.")
        source = source.read_as([(column.name, column) for column in self.schema.columns])
        return TableSource(source.select(self.schema.names) if picks else source, self.schema)

    def to_state(self) -> State:
        """Return what a model file holds of the reader."""
        row: dict[str, Any] = {"shape": list(self.row.shape), "columns": self.labels}
        row |= {key: True for flag, key in FLAGS.items() if getattr(self.row, flag)}
        if known := self.fitted_scaling.known:
            row["seen"] = {str(column): list(values) for column, values in known.items()}
        json: dict[str, Any] = {"row": row, "has_names": self.has_names, "form": self.source_type.form}
        if self.text is not None:
            json["text"] = {"part": self.text.part.to_json(), "learned": self.text.learned}
        if self.schema is not None:
            json["schema"] = self.schema.to_json()
        beside = {CONSTANTS: self.constants, RANGES: self.ranges}
        tensors = self.learned | {name: array for name, array in beside.items() if array is not None}
        return State(json, {f"scaling.{name}": array for name, array in tensors.items()})

    @classmethod
    def from_header(
        cls, stored: Opened, scaling: Scaling | None, read_categories: Callable[[Row], Mapping[int, int]]
    ) -> Self:
        """Return the reader of a file, what its scaling has learned not yet read.

        Parameters
        ----------
        scaling : the part that the model's parameters name.
        read_categories : the columns that the network reads as categories, of a row, and how many each may hold.

        Raises
        ------
        InvalidPart, ModelFileError
            If the file describes none.
        """
        text, schema = _stored_text(stored), None
        labels: list[str | int] | None
        if text is not None:
            row = text.part.row(text.learned)
            labels = None if row.columns is None else list(row.columns)
        else:
            labels = _stored_labels(stored)
            schema = schema_from_json(stored.header["schema"]) if "schema" in stored.header else None
            row = _stored_row(stored, labels)
            if schema is not None:
                if row.columns != tuple(schema.names):
                    raise ModelFileError(f"{stored.path} is damaged: its schema has other columns than its rows.")
                row = schema.row()
        form = header_field(stored, "form", str)
        try:
            kind = source_type(form)
        except InvalidData as error:
            raise ModelFileError(f"{stored.path} is damaged: it was fitted on a {short(form)}.") from error
        if schema is not None:
            check_own_types(schema, kind)
        has_names = header_field(stored, "has_names", bool) and row.columns is not None
        reader = cls(row, kind, labels, schema, text, has_names=has_names).with_categories(read_categories(row))
        part = scaling or resolve(Scaling, "none")
        return replace(reader, scaling=TableScaling(part, reader.row, _stored_categories(stored, reader.row)))

    def tensor_shapes(self, stored: Opened) -> Shapes:
        """Return the types and shapes that the tensors of a file must have; some axes are as long as the file says."""
        scaling, shapes = self.fitted_scaling, {}
        for name in scaling.learned:
            _, shape = stored.tensors.get(f"scaling.{name}", ("", ()))
            is_free = len(shape) == scaling.part.axes and 0 not in shape
            rest = shape[:-1] if is_free else (1,) * (scaling.part.axes - 1)
            shapes[f"scaling.{name}"] = ("F64", (*rest, scaling.width))
        for name, length in ((CONSTANTS, 2), (RANGES, 3)):
            if f"scaling.{name}" in stored.tensors and scaling.width:
                shapes[f"scaling.{name}"] = ("F64", (length, scaling.width))
        return shapes

    def with_tensors(self, tensors: Mapping[str, np.ndarray]) -> Self:
        """Return the reader with what its scaling has learned, from a file."""
        learned = {name: tensors[f"scaling.{name}"] for name in self.fitted_scaling.learned}
        constants, ranges = (tensors.get(f"scaling.{name}") for name in (CONSTANTS, RANGES))
        if ranges is not None and not are_ranges(ranges):
            raise ModelFileError("the file is damaged: its ranges of the columns are none that a fit leaves.")
        return replace(self, learned=learned, constants=constants, ranges=ranges)


def _default_text(X: Any, options: TableOptions) -> Text | None:
    is_text = options.default_text is not None and are_texts(X)
    return resolve(Text, options.default_text) if is_text else None


def _texts(X: Any, by: str) -> list[str]:
    texts = texts_of(X)
    if not texts:
        raise InvalidData("X has 0 sample(s): expected at least one text.")
    refuse_empty(texts, by)
    return texts


def _learn_schema(source: ColumnSource) -> Schema | None:
    """Return what the columns of a table hold, or None where they are to be numbers."""
    if not source.n_rows or is_plain(source.schema, source.kinds):
        return None
    batches = lambda: source.record_batches(BATCH_ROWS)  # noqa: E731
    return learn(source.schema, source.own_types(), batches, source.kinds, source.date_formats())


def _stored_text(stored: Opened) -> LearnedText | None:
    if "text" not in stored.header:
        return None
    text = stored.header["text"]
    is_form = isinstance(text, dict) and set(text) == {"part", "learned"} and isinstance(text["learned"], dict)
    require(is_form, "text", "a part and what it learned", text)
    part: Any = part_from_json("texts", text["part"])
    part.check(text["learned"])
    return LearnedText(part, text["learned"])


def _stored_labels(stored: Opened) -> list[str | int] | None:
    """Return the names of the columns as their frame had them: text, or whole numbers."""
    labels = header_field(stored, "row", dict).get("columns")
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(type(label) in (str, int) for label in labels):
        raise ModelFileError(f"{stored.path} is damaged: its columns have no proper names.")
    return labels


def _stored_row(stored: Opened, labels: list[str | int] | None) -> Row:
    row = header_field(stored, "row", dict)
    shape = row.get("shape")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= MOST_AXES
    if not is_shape or not all(type(axis) is int and 0 < axis < 2**31 for axis in shape):
        raise ModelFileError(f"{stored.path} is damaged: its rows have the shape {short(shape)}.")
    flags = {flag: row.get(key, False) for flag, key in FLAGS.items()}
    if not all(type(flag) is bool for flag in flags.values()) or (flags["is_sequence"] and len(shape) != 2):
        raise ModelFileError(f"{stored.path} is damaged: its rows are described by {short(row)}.")
    check_row_size(math.prod(shape), sum(math.prod(axes) for _, axes in stored.tensors.values()))
    known = Row(tuple(shape), None if labels is None else tuple(map(str, labels)), **flags)
    if known.columns is not None and not len(known.columns) == len(set(known.columns)) == known.size:
        raise ModelFileError(f"{stored.path} is damaged: {known.size} columns have {len(set(known.columns))} names.")
    return known


def check_row_size(size: int, numbers: int) -> None:
    """Raise `InvalidPart` for rows of more numbers than a model of so many numbers can know."""
    most = max(numbers, MOST_UNKNOWN)
    require(size <= most, "a row", f"of at most {most:,} numbers, for a model of {numbers:,}", size)


def _stored_categories(stored: Opened, row: Row) -> dict[int, tuple[int, ...]]:
    """Return the categories of the training rows, by column."""
    known = header_field(stored, "row", dict).get("seen", {})
    is_form = isinstance(known, dict) and all(isinstance(values, list) for values in known.values())
    is_form = is_form and all(column.isdecimal() and len(column) < 10 for column in known)
    counts = row.categories or ()
    if not is_form or not all(int(column) < len(counts) for column in known):
        raise ModelFileError(f"{stored.path} is damaged: its categories of the training rows are {short(known)}.")
    for column, values in known.items():
        if not all(type(value) is int and 0 <= value < counts[int(column)] for value in values):
            raise ModelFileError(f"{stored.path} is damaged: column {column} has the categories {short(values)}.")
    return {int(column): tuple(values) for column, values in known.items()}
