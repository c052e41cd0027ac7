"""Tables as they come: opened by what their columns hold, holes where they may be, explained; what a file keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from isthmus.contracts import Likelihood, Row
from isthmus.core.spelling import resolve
from isthmus.data.arrow import ColumnSource
from isthmus.data.column_types import KINDS
from isthmus.data.schema import Schema, from_json, is_plain, learn
from isthmus.data.source import Source
from isthmus.data.sources import find_source, source_type
from isthmus.errors import InvalidData, require

ROWS = 65_536  # read at a time
MOST_NAMED = 6  # columns in a message


def open_table(network: Any, X: Any, *, reset: bool) -> Source:
    """Return the source of a table; at `reset`, keep what its columns hold.

    Raises
    ------
    InvalidData
        If a column cannot be used; the message names it.
    """
    data = X if reset else network._kind.again(X, network._row)
    source = find_source(data)
    is_file = isinstance(X, str | Path)
    columns = network._row.columns if is_file and not reset else None
    reader = network._reader
    is_read = reader is not network and reader.__sklearn_is_fitted__()  # by what a pretrained model has learned
    if reset:
        network._schema = reader._schema if is_read else _schema_of(reader, source)
    if network._schema is None:
        source.choose(columns)
        learned = network._row if not reset else reader._row if is_read else None
        return _with_missing(source, reader, learned)
    if not isinstance(source, ColumnSource):
        names = network._schema.names
        there = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
        raise InvalidData(f"the model was fitted on a table with the columns {there}: pass a frame or a file of such.")
    # A file may hold more columns than the model needs, in another order.
    # Of a frame scikit-learn compares the names, where they are texts.
    if is_file or (not reset and "feature_names_in_" not in vars(network)):
        source.pick(network._schema.names)
    return source_type("mixed")((source, network._schema))


def check_columns(columns: Any) -> None:
    """Raise `InvalidPart` where what a user says of columns is nothing that can be said."""
    if columns is None:
        return
    kinds = ", ".join(KINDS)
    allowed = f"a dict from names to kinds ({kinds}), or to the values of a column in their order"
    require(isinstance(columns, Mapping), "columns", allowed, columns)
    for name, wish in columns.items():
        is_list = isinstance(wish, list | tuple) and len(wish) > 0
        is_list = is_list and all(type(value) in (str, int, float, bool) for value in wish)
        is_list = is_list and len(set(wish)) == len(wish)
        is_kind = isinstance(wish, str) and wish in KINDS
        require(
            isinstance(name, str) and (is_list or is_kind), f"columns[{name!r}]", f"one of {kinds}, or a list", wish
        )


def told(schema: Schema | None) -> dict[str, Any]:
    """Return what a model file keeps, for its header; nothing for a table of numbers."""
    return {} if schema is None else {"schema": schema.to_json()}


def taken(header: dict[str, Any]) -> Schema | None:
    """Return the schema that a header tells of, None where it tells of none.

    Raises
    ------
    InvalidPart
        If it is nothing that `told` returns.
    """
    return from_json(header["schema"]) if "schema" in header else None


def with_categories(part: Likelihood, row: Row) -> Likelihood:
    """Return what explains a row: the likelihood, that of its numbers only where codes stand beside them."""
    if not row.is_table or row.categories is None or part.explains == "categories":
        return part
    return resolve(Likelihood, "columns").replace(numbers=part)


def framed(network: Any, kind: Any, rows: Any, index: Any) -> Any:
    """Return rows of numbers [n, d] as the frame that the schema tells of, in a kind of table."""
    schema: Schema = network._schema
    own = schema.own() if kind is network._kind else {}
    return kind.typed(schema.undo(rows), own, network._labels, index)


def _schema_of(reader: Any, source: Source) -> Schema | None:
    """Return what the columns of a table hold, or None where they are to be numbers."""
    if not isinstance(source, ColumnSource):
        if reader.columns:
            raise InvalidData("columns says what the columns of a frame or a file hold, and the table has no names.")
        return None
    source.pick(None)
    wishes = reader.columns or {}
    if not source.n_rows or is_plain(source.schema, wishes):
        return None
    return learn(source.schema, source.own_types(), lambda: source.record_batches(ROWS), wishes)


def _with_missing(source: Source, reader: Any, learned: Row | None) -> Source:
    """Return a source of numbers whose row says that cells may be missing, where the table of the fit lacks some."""
    if learned is not None:
        may_lack = learned.is_table
    else:
        is_flat = len(source.row.shape) == 1 and not source.row.may_be_missing
        may_lack = is_flat and (reader.expects_missing or source.has_missing())
    if may_lack and len(source.row.shape) == 1:
        source.row = replace(source.row, may_be_missing=True, is_table=True)
    return source
