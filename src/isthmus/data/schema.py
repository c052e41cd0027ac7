"""The schema of a table, learned from it: the kind, type and categories of each column; all plain JSON values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isthmus.contracts import Row
from isthmus.core.coercion import short
from isthmus.core.constraints import Constraint
from isthmus.data.cells.dates import date_format
from isthmus.data.column_types import (
    KINDS,
    MOST_VALUES,
    Column,
    Ignored,
    Numeric,
    as_float,
    is_date,
    is_number,
    is_text,
    type_of,
)
from isthmus.data.identifiers import differ, row_numbers
from isthmus.errors import InvalidData, InvalidPart, require, suggestion

Wish = str | list[Any] | tuple[Any, ...]
Batches = Callable[[], Iterable[pa.RecordBatch]]
Counted = tuple[Counter[Any], tuple[Any, ...] | None]
FIELDS = ("kind", "name", "type", "own", "values", "rest", "declared", "format")
LATER = {"format": None}  # fields that files of before lack


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in their order."""

    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @cached_property
    def is_plain(self) -> bool:
        """Say whether the table holds numbers only: then its rows are read as they are."""
        return all(isinstance(column, Numeric) and is_number(type_of(column.type)) for column in self.columns)

    @cached_property
    def row(self) -> Row:
        """What one row of the table is, where it does not hold numbers only."""
        counts = tuple(column.count for column in self.columns)
        codes = counts if any(counts) else None
        numbers = tuple(column.unseen or 0 for column in self.columns)
        ignored = tuple(i for i, column in enumerate(self.columns) if isinstance(column, Ignored))
        return Row(
            (len(counts),),
            tuple(self.names),
            codes,
            may_be_missing=True,
            is_table=True,
            ignored=ignored,
            unseen=numbers if any(numbers) else None,
        )

    def apply(self, batch: pa.RecordBatch) -> np.ndarray:
        """Return rows as float64 [n, columns], NaN where a value is missing."""
        if not self.columns:
            return np.empty((batch.num_rows, 0))
        return np.stack([column.encode(batch.column(column.name)) for column in self.columns], axis=1)

    def undo(self, rows: np.ndarray, ignored: pa.Table | None = None) -> pa.Table:
        """Return rows [n, columns] as a table of the types of the fit.

        The columns that are left out are those of the table `ignored`; without it there are none.
        """
        arrays: dict[str, Any] = {}
        for column, cells in zip(self.columns, rows.T, strict=True):
            if not isinstance(column, Ignored):
                arrays[column.name] = column.decode(np.asarray(cells, np.float64))
            elif ignored is not None:
                arrays[column.name] = ignored.column(column.name)
        return pa.table(arrays)

    def own(self) -> dict[str, tuple[str, tuple[Any, ...] | None]]:
        """Return the types of the columns as their frame spells them, and their categories."""
        return {column.name: (column.own, column.declared) for column in self.columns if column.own is not None}

    def to_json(self) -> list[dict[str, Any]]:
        columns = []
        for column in self.columns:
            fields = {name: getattr(column, name) for name in FIELDS}
            columns.append({name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()})
        return columns


class ColumnKinds(Constraint):
    """What columns hold, where a user says so: by name a kind, or the values of a column in their order."""

    @property
    def allowed(self) -> str:
        return f"a dict from names to kinds ({', '.join(KINDS)}), or to the values of a column in their order"

    def holds(self, value: Any) -> bool:
        return value is None or isinstance(value, Mapping)

    def check(self, name: str, value: Any) -> None:
        super().check(name, value)
        for column, wish in (value or {}).items():
            is_list = isinstance(wish, list | tuple) and len(wish) > 0
            is_list = is_list and all(map(_is_category, wish)) and len(set(wish)) == len(wish)
            is_kind = isinstance(wish, str) and (wish in KINDS or _is_date_format(wish))
            allowed = f"one of {', '.join(KINDS)}, or a format of dates as 'datetime:d/m/y', or a list"
            require(isinstance(column, str) and (is_list or is_kind), f"{name}[{column!r}]", allowed, wish)

    def to_json(self, value: Any) -> Any:
        return None if value is None else {k: v if isinstance(v, str) else list(v) for k, v in value.items()}

    def from_json(self, name: str, data: Any) -> Any:
        return data  # `check` looks at it


def from_json(data: Any) -> Schema:
    """Return the schema that `to_json` wrote; what comes from a file may be anything.

    Raises
    ------
    InvalidPart
        If it is not of that form.
    """
    require(isinstance(data, list) and bool(data), "the schema", "a list of columns", data)
    columns = []
    for given in data:
        fields = {**LATER, **given} if isinstance(given, dict) else given
        is_form = isinstance(fields, dict) and set(fields) == set(FIELDS) and fields["kind"] in tuple(KINDS)
        is_named = is_form and type(fields["name"]) is str and type(fields["type"]) is str
        require(is_named and isinstance(fields["own"], str | None), "a column", "kind, name, type and values", fields)
        for name in ("values", "declared"):
            is_list = isinstance(fields[name], list) and all(map(_is_category, fields[name]))
            require(
                is_list or (name == "declared" and fields[name] is None),
                f"the {name} of a column",
                "texts",
                fields[name],
            )
        require(type(fields["rest"]) in (str, int, float, bool, type(None)), "the rest", "a value", fields["rest"])
        written = fields["format"]
        is_format = written is None or (type(written) is str and _is_date_format(f"datetime:{written}"))
        require(is_format, "the format of a column", "one of dates, or null", written)
        columns.append(_column_from(fields))
    require(len({column.name for column in columns}) == len(columns), "the schema", "columns of different names", data)
    return Schema(tuple(columns))


def _is_category(value: Any) -> bool:
    """Say whether a value may be one of a column of categories: NaN and inf may not, no file holds them."""
    return type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))


def _column_from(fields: dict[str, Any]) -> Column:
    values = tuple(fields["values"])
    declared = None if fields["declared"] is None else tuple(fields["declared"])
    column = KINDS[fields["kind"]](
        fields["name"], fields["type"], fields["own"], values, fields["rest"], declared, fields["format"]
    )
    try:
        kind = type_of(column.type)
        is_whole = bool(values) or not isinstance(column, KINDS["categorical"])
        known = [*values, *([] if fields["rest"] is None else [fields["rest"]])]
        is_whole &= len(set(known)) == len(known) and (declared is None or set(known) <= set(declared))
        pa.array([*known, *(declared or ())], type=kind) if known else None
    except (InvalidData, pa.ArrowException, TypeError, OverflowError) as error:
        raise InvalidPart(
            f"the column {short(fields['name'])} holds what its type {short(fields['type'])} cannot."
        ) from error
    require(is_whole, "the values of a column", "different ones of its type", values)
    return column


def learn(
    schema: pa.Schema,
    own: Mapping[str, str],
    batches: Batches,
    wishes: Mapping[str, Wish],
    formats: Mapping[str, str] = MappingProxyType({}),
) -> Schema:
    """Return the schema of a table.

    Parameters
    ----------
    schema : of the table, its columns chosen.
    own : the types of columns as their frame spells them, where they are kept.
    batches : reads the table again.
    wishes : the kinds of columns that the user says, by name: a kind, or the values of an ordinal column in order.
    formats : in which columns of dates are written, where they are texts in a file.

    Raises
    ------
    InvalidData
        If a column cannot be used as it is, or a wish is for a column that is missing; the message names it.
    """
    for name in wishes:
        if name not in schema.names:
            raise InvalidData(
                f"columns: expected names of columns of the table; got {name!r}.{suggestion(name, schema.names)}"
            )
    numbered = row_numbers((field for field in schema if field.name not in wishes), batches())
    wishes = {**wishes, **dict.fromkeys(numbered, Ignored.kind)}
    if not wishes and all(is_number(field.type) for field in schema):  # nothing is to be learned of their cells
        return Schema(tuple(Numeric(field.name, str(field.type), own.get(field.name)) for field in schema))
    kinds = {field.name: _kind(field, own.get(field.name), wishes.get(field.name)) for field in schema}
    counted = _count_values(kinds, batches)
    return Schema(
        tuple(
            _learn_column(
                field,
                kinds[field.name],
                own.get(field.name),
                counted[field.name],
                batches,
                wishes.get(field.name),
                formats,
            )
            for field in schema
        )
    )


def _learn_column(
    field: pa.Field,
    kind: str | None,
    own: str | None,
    counted: Counted,
    batches: Batches,
    wish: Wish | None,
    formats: Mapping[str, str],
) -> Column:
    """Return what a column of a kind is."""
    counts, _ = counted
    is_text_unasked = wish is None and kind == "categorical" and is_text(field.type)
    if kind == Ignored.kind or (is_text_unasked and differ(counts) and not _are_numbers(counts)):
        return Ignored(field.name, "string", own)
    is_listed = wish is not None and not isinstance(wish, str)
    inner = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not counts:
        raise InvalidData(f"column {field.name!r} holds no values at all: leave it out.")
    if kind is None:
        raise _no_kind(field, batches)
    if is_text_unasked and _are_numbers(counts):
        raise _no_text(field.name, batches)
    type_name = str(inner)
    if kind in ("numeric", "datetime"):
        format_asked = wish.partition(":")[2] if isinstance(wish, str) else ""
        written = (format_asked or formats.get(field.name)) if kind == "datetime" else None
        column = KINDS[kind](field.name, type_name, own, format=written)
        for batch in batches() if is_text(inner) else ():
            column.encode(batch.column(field.name))  # refuses the first text that it cannot read
        return column
    type_of(type_name)
    return _category_column(KINDS[kind], field.name, type_name, own, counted, list(wish) if is_listed else None)  # type: ignore[arg-type]


def _category_column(
    kind: type[Column], name: str, type_name: str, own: str | None, counted: Counted, listed: list[Any] | None
) -> Column:
    """Return a column of categories: those that are listed, or those that stand in it."""
    counts, declared = counted
    if kind.kind == "boolean" and not set(counts) <= {False, True}:
        wrong = next(value for value in counts if value not in (False, True))
        raise InvalidData(
            f"column {name!r}: expected true or false; got {wrong!r}. Turn it into booleans, or write another kind."
        )
    listed = [False, True] if kind.kind == "boolean" else listed
    ordered = listed if listed is not None else _order_values(counts, declared, kind.kind)
    if listed is not None and (new := next((value for value in counts if value not in listed), None)) is not None:
        raise InvalidData(
            f"column {name!r}: expected one of {short(listed)}, which columns lists; got {new!r}. Add it to the list, "
            "or drop such rows."
        )
    values = ordered if kind.kind == "ordinal" else ordered[:MOST_VALUES]
    rest = ordered[MOST_VALUES] if len(values) < len(ordered) else None
    known = [*values, *(declared or ()), *([] if rest is None else [rest])]
    if not all(map(_is_category, known)):
        wrong = next(value for value in known if not _is_category(value))
        raise InvalidData(
            f"column {name!r}: expected texts, truth values or finite numbers as categories; got {wrong!r}. Write it "
            "as text, or drop such rows."
        )
    return kind(name, type_name, own, tuple(values), rest, declared)


def _kind(field: pa.Field, own: str | None, wish: Wish | None) -> str | None:
    """Return what a column is by the user's word or by its type, None where it is nothing that can be used."""
    if wish is not None:
        return wish.partition(":")[0] if isinstance(wish, str) else "ordinal"
    kind = field.type
    if pa.types.is_dictionary(kind):
        is_scalar = is_text(kind.value_type) or is_number(kind.value_type)
        is_ranked = kind.ordered and own != "Enum"  # an Enum of polars is a closed set, and has its order by the way
        return ("ordinal" if is_ranked else "categorical") if is_scalar else None
    if pa.types.is_boolean(kind):
        return "boolean"
    if is_number(kind) or pa.types.is_null(kind):
        return "numeric"
    return "categorical" if is_text(kind) else "datetime" if is_date(kind) else None


def _count_values(kinds: Mapping[str, str | None], batches: Batches) -> dict[str, Counted]:
    """Return how often each category stands in a column, and the declared ones; else whether there is any value."""
    counted: dict[str, Counted] = {name: (Counter(), None) for name in kinds}
    for batch in batches():
        for name, kind in kinds.items():
            array, (counts, declared) = batch.column(name), counted[name]
            if kind not in ("categorical", "ordinal", "boolean"):
                present = ~np.isnan(as_float(array)) if is_number(array.type) else np.asarray(array.is_valid())
                counts.update({True: int(present.sum())} if present.any() else {})
                continue
            if pa.types.is_dictionary(array.type):
                declared = tuple(dict.fromkeys([*(declared or ()), *array.dictionary.to_pylist()]))
                array = array.dictionary_decode()
            for entry in pc.value_counts(array).to_pylist():
                if entry["values"] is not None and entry["values"] == entry["values"]:  # NaN is not a category
                    counts[entry["values"]] += entry["counts"]
            counted[name] = counts, declared
    return counted


def _order_values(counts: Counter[Any], declared: tuple[Any, ...] | None, kind: str) -> list[Any]:
    """Return values in order: all declared ones where they are ranks, else the frequent first, equal ones sorted."""
    if kind == "ordinal":
        return list(declared) if declared is not None else sorted(counts)
    return [value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))]


def _are_numbers(counts: Counter[Any]) -> bool:
    """Say whether every text of a column is a number."""
    try:
        for value in counts:
            float(value)
    except ValueError:
        return False
    return True


def _no_text(name: str, batches: Batches) -> InvalidData:
    """Return the error for a column of texts that are numbers: that is rarely meant."""
    row, value = _first(name, batches)
    return InvalidData(
        f"column {name!r} holds numbers written as text ({value!r}, row {row}): turn it into numbers, or say what it "
        f"is, as columns={{{name!r}: 'categorical'}}."
    )


def _is_date_format(wish: str) -> bool:
    kind, _, pattern = wish.partition(":")
    try:
        return kind == "datetime" and date_format(pattern) is not None
    except (ValueError, TypeError):
        return False


def _no_kind(field: pa.Field, batches: Batches) -> InvalidData:
    row, value = _first(field.name, batches)
    return InvalidData(
        f"column {field.name!r}: expected numbers, texts, categories or dates; got values of type {field.type} "
        f"({short(value)}, row {row}). Turn it into one of these or leave it out."
    )


def _first(name: str, batches: Batches) -> tuple[int, Any]:
    """Return the first value of a column that is not missing, and its row."""
    values = (value for batch in batches() for value in batch.column(name).to_pylist())
    return next((row, value) for row, value in enumerate(values) if value is not None)
