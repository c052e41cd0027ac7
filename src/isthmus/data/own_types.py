"""The types of columns as their frame spells them, from a file: of a closed list, and such that a row can have them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.core.coercion import short
from isthmus.data.column_types import Column, Ignored
from isthmus.data.schema import Schema
from isthmus.errors import InvalidPart

_PLAIN = (
    r"u?int(8|16|32|64)|U?Int(8|16|32|64)|[fF]loat(16|32|64)|bool|boolean|object|str"
    r"|string(\[\w{1,20}\])?|datetime64\[(s|ms|us|ns)(, [\w/+:-]{1,64})?\]"
    r"|[\w ,<>=:/()+-]{1,200}(\[\w{1,4}\])?\[pyarrow\]"
)
_INTERVAL = r"interval\[(float64|int64|datetime64\[(s|ms|us|ns)(, [\w/+:-]{1,64})?\]), (left|right|both|neither)\]"
_OTHER = r"arrow\[[\w ,<>=:/()+\[\]-]{1,200}\]|Sparse\[[\w, .-]{1,40}\]|U?Int128"
KNOWN = re.compile(rf"{_PLAIN}|category\[({_PLAIN}|{_INTERVAL})\]|Enum|Categorical|{_OTHER}")
_FAILURES = (TypeError, ValueError, LookupError, AttributeError, NotImplementedError, OverflowError, pa.ArrowException)


def check_own_types(schema: Schema, kind: Any) -> None:
    """Raise `InvalidPart` where a table of a kind cannot have the types that a schema from a file says.

    One column of each sort is made, of one row: what is done to a table with it cannot fail later.
    """
    sorts: dict[Any, Column] = {}
    for column in schema.columns:
        if column.own is not None and not KNOWN.fullmatch(column.own):
            raise InvalidPart(f"the column {short(column.name)} is of an unknown type: {short(column.own)}.")
        if isinstance(column, Ignored):  # no table is made of it
            continue
        sorts.setdefault((column.kind, column.type, column.own, column.declared is None), column)
    for column in sorts.values():
        trial = Schema((replace(column, name="x"),))
        try:
            kind.build_frame(trial.undo(np.zeros((1, 1))), trial.own(), ["x"])
        except _FAILURES as error:
            raise InvalidPart(
                f"the column {short(column.name)} of type {short(column.type)} cannot be {short(column.own)}."
            ) from error
