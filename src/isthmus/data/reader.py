"""The reader: from a table in any form to scaled rows, and back to a table of the form it came in."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

from isthmus.contracts import Arrays, Blocks, Row, Scaling, Text
from isthmus.core.coercion import short
from isthmus.core.spelling import resolve
from isthmus.data.arrow import ColumnSource
from isthmus.data.column_types import Column
from isthmus.data.files import are_files
from isthmus.data.identifiers import sentence
from isthmus.data.labels import Labels, labels_to_json
from isthmus.data.own_types import check_own_types
from isthmus.data.records import row_of_series
from isthmus.data.rows import scaled_blocks
from isthmus.data.scaling import TableScaling
from isthmus.data.schema import Schema, learn
from isthmus.data.schema import from_json as schema_from_json
from isthmus.data.source import Source
from isthmus.data.sources import open_table, source_type
from isthmus.data.stored_row import (
    FLAGS,
    LearnedText,
    stored_categories,
    stored_labels,
    stored_row,
    stored_text,
)
from isthmus.data.table_source import TableSource
from isthmus.data.text_source import TextSource
from isthmus.data.tokens import are_texts, refuse_empty, texts_of
from isthmus.data.value_ranges import are_ranges, wider
from isthmus.errors import InvalidData, ModelFileError, require
from isthmus.storage.container import Opened
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
MOST_NAMED = 6  # columns in a message
CONSTANTS, RANGES = "constants", "ranges"  # in a model file, beside what the scaling has learned


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
    labels: Labels | None  # the names of the columns as their frame had them
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
            LOG.info("read %s texts, as %s", f"{len(texts):,}", text)
            return cls(source.row, source.kind, source.labels(), text=known), source
        source, schema, wished = open_table(X), None, options.columns or {}
        if isinstance(source, ColumnSource):
            source = source.select(None).declare(wished)
            wished = source.kinds
            schema = _learn_schema(source)
            source = source if schema is None or schema.is_plain else TableSource(source, schema)
        elif options.columns:
            raise InvalidData(
                "expected a frame or a file, since columns says what their columns hold; got a table without names. "
                "Pass columns=None, or a frame."
            )
        if not isinstance(source, TableSource):
            is_whole, is_flat = not (source.row.may_be_missing or source.row.is_sequence), len(source.row.shape) == 1
            if is_whole and ((is_flat and options.expects_missing) or source.has_missing()):
                source = source.with_row(replace(source.row, may_be_missing=True, is_table=is_flat))
        reader = cls(source.row, source.kind, source.labels(), schema)
        if unasked := [source.names[place] for place in source.row.ignored if source.names[place] not in wished]:
            warnings.warn(sentence(unasked), stacklevel=5)
        read = "; ".join(filter(None, (reader.describe(), source.describe())))
        LOG.info("read %s as %s", source.name, read)
        return reader, source

    def describe(self) -> str:
        """Return what the columns are, as `15 columns: 6 numbers, 8 categories, 1 date`, or `arrays of 28 x 28`."""
        if len(self.row.shape) > 1 and not self.row.is_sequence:
            return f"arrays of {' x '.join(map(str, self.row.shape))}"
        kinds = ["numeric"] * self.row.size if self.schema is None else [kind_of(c) for c in self.schema.columns]
        counts = Counter(kinds)
        words = [f"{counts[kind]:,} {word[counts[kind] > 1]}" for kind, word in KIND_WORDS.items() if kind in counts]
        left_out = [self.row.column(place).removeprefix("column ") for place in self.row.ignored]
        beside = f"; left out {', '.join(left_out)}" if left_out else ""
        return f"{self.row.size:,} column{'s' * (self.row.size > 1)}: {', '.join(words)}{beside}"

    def open(self, X: Any) -> Source:
        """Return the source of a table like that of the fit: its columns are those, by name, whatever else it holds.

        Raises
        ------
        InvalidData
            If it is another table.
        """
        if self.text is not None:
            return TextSource(_texts(X, self.text.part.by), *self.text)
        X = row_of_series(X, self.labels)
        source = open_table(self.source_type.convert(X, self.row))
        names, is_file = self.row.columns, source.is_file
        if self.schema is not None and not self.schema.is_plain:
            source = self._open_columns(source)
        elif isinstance(source, ColumnSource):
            source = source.read_as([(name, None) for name in names or source.names])
            # A frame may have no names that anybody gave, as one made of an array has numbers.
            is_named = names is not None and (is_file or any(name in source.names for name in names))
            source = _pick(source, names if is_named else None)
        if not isinstance(source, TableSource) and self.row.may_be_missing and not self.row.is_sequence:
            is_table = self.row.is_table and len(source.row.shape) == 1
            source = source.with_row(replace(source.row, may_be_missing=True, is_table=is_table))
        source = source.shaped_like(self.row).with_channels(self.row.channels)
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
            filled = [free if end is None else end for end, free in zip(ends, open_ends, strict=True)]
            ranges[:2, numbers.index(place)] = filled
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
        labels = self._labels_like(like)
        if self.schema is not None and issubclass(kind, ColumnSource):
            own = self.schema.own() if kind is self.source_type else {}
            ignored = like.ignored() if isinstance(like, TableSource) and self.row.ignored else None
            labels = labels if ignored is not None else self._learned_labels(labels)
            return kind.build_frame(self.schema.undo(rows, ignored), own, labels, index)
        shape = self.row.shape if like is None else like.row.shape
        return kind.frame(rows if len(shape) == 1 else rows.reshape(-1, *shape), labels, index)

    def restore_frame(self, rows: np.ndarray, index: Any = None) -> Any:
        """Return rows [n, d], in the units of the table, as a DataFrame of pandas, whatever the table was.

        It lacks the columns that are left out.
        """
        if self.schema is None:
            return ColumnSource.frame(rows, self._labels_like(None), index)
        own = self.schema.own() if self.source_type is source_type("pandas") else {}
        return ColumnSource.build_frame(
            self.schema.undo(rows), own, self._learned_labels(self._labels_like(None)), index
        )

    @property
    def is_learned(self) -> np.ndarray:
        """Say of each column whether it is learned and not left out, [d]."""
        return ~np.isin(np.arange(self.row.size), self.row.ignored)

    def _learned_labels(self, labels: Labels) -> Labels:
        """Return the names of the columns that are learned."""
        if not self.row.ignored:
            return labels
        places = np.flatnonzero(self.is_learned)
        return [labels[place] for place in places] if isinstance(labels, list) else labels[places]

    def _labels_like(self, like: Source | None) -> Labels:
        """Return the names of the columns, as `like` has them where they are the same."""
        if self.labels is None:
            return [f"x{i}" for i in range(self.row.size)]
        labels = None if like is None else like.labels()
        is_same = labels is not None and list(map(str, labels)) == list(map(str, self.labels))
        return labels if labels is not None and is_same else self.labels

    def _open_columns(self, source: Source) -> Source:
        """Return the source of a table of more than numbers, its columns picked by name."""
        assert self.schema is not None  # noqa: S101 -- `open` has looked
        if not isinstance(source, ColumnSource):
            names = self.schema.names
            there = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
            raise InvalidData(f"expected a frame or a file with the columns {there}, as in the fit; got {source.form}.")
        source = source.read_as([(column.name, column) for column in self.schema.columns])
        return TableSource(_pick(source, self.schema.names), self.schema)

    def to_state(self) -> State:
        """Return what a model file holds of the reader."""
        labels = self.labels
        if labels is not None and not isinstance(labels, list):
            labels = list(map(str, labels))
        row: dict[str, Any] = {"shape": list(self.row.shape), "columns": labels}
        if self.labels is not None and (described := labels_to_json(self.labels)) is not None:
            row["labels"] = described
        row |= {key: True for flag, key in FLAGS.items() if getattr(self.row, flag)}
        if self.row.channels is not None:
            row["channels"] = list(self.row.channels)
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
        text, schema = stored_text(stored), None
        labels: Labels | None
        if text is not None:
            row = text.part.row(text.learned)
            labels = None if row.columns is None else list(row.columns)
        else:
            labels = stored_labels(stored)
            schema = schema_from_json(stored.header["schema"]) if "schema" in stored.header else None
            row = stored_row(stored, labels)
            if schema is not None:
                if row.columns != tuple(schema.names):
                    raise ModelFileError(f"{stored.path} is damaged: its schema has other columns than its rows.")
                row = row if schema.is_plain else schema.row
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
        return replace(reader, scaling=TableScaling(part, reader.row, stored_categories(stored, reader.row)))

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
    if is_text and are_files(X):
        raise InvalidData(
            f"X: expected a table, texts, or paths of pictures; got paths of files, as {short(next(iter(X)))}. Pass "
            "one path, or a pattern for files that are one table."
        )
    return resolve(Text, options.default_text) if is_text else None


def _texts(X: Any, by: str) -> list[str]:
    texts = texts_of(X)
    if not texts:
        raise InvalidData("X has 0 sample(s): expected at least one text.")
    refuse_empty(texts, by)
    return texts


def _learn_schema(source: ColumnSource) -> Schema | None:
    """Return what the columns of a table hold; None of one without rows, which is refused later."""
    if not source.n_rows:
        return None
    batches = lambda: source.record_batches(BATCH_ROWS)  # noqa: E731
    return learn(source.schema, source.own_types(), batches, source.kinds, source.date_formats())


def kind_of(column: Column) -> str:
    """Return what a column is to a user: truth values in a table of numbers are read as numbers, 0 and 1."""
    return "boolean" if column.kind == "numeric" and column.type == "bool" else column.kind


def _pick(source: ColumnSource, names: Sequence[str] | None) -> ColumnSource:
    """Return the source of the columns of the fit, in their order; what else a frame has is left out with a warning."""
    picked = source.select(names)
    if names is not None and not source.is_file and (others := set(source.names) - set(names)):
        few = ", ".join([repr(name) for name in source.names if name in others][:MOST_NAMED])
        end = ", …" if len(others) > MOST_NAMED else ""
        warnings.warn(f"left out columns that the fit has not had: {few}{end}.", stacklevel=6)
    return picked
