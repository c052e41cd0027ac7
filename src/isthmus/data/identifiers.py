"""Columns that only name their rows: texts that nearly all differ, and numbers of rows."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from isthmus.data.column_types import as_float

LEAST = 20  # values: of fewer it is no wonder that they differ
SHARE = 0.95  # of values that differ: a few may be repeated
WORDS = re.compile(
    r"|index|unnamed: ?\d+|(.*[^a-z])?(id|ids|uuid|guid|rowid|row[ _.]?(number|num|no|nr))", re.IGNORECASE
)
CAPITALS = re.compile(r".*[a-z](ID|Id|UUID|GUID)")  # as CustomerID


def differ(counts: Counter[Any]) -> bool:
    """Say whether nearly every value of a column stands once.

    Examples
    --------
    >>> differ(Counter(f"text {i}" for i in range(30))), differ(Counter("ab" * 30))
    (True, False)
    """
    total = counts.total()
    return total >= LEAST and len(counts) >= SHARE * total


def row_numbers(fields: Iterable[pa.Field], batches: Iterable[pa.RecordBatch]) -> set[str]:
    """Return the columns of whole numbers that only name their rows.

    They are called so, as `id`, and nearly all differ; or they rise from row to row, from the first rows on, and few
    numbers are left out.
    """
    columns = {field.name: _Column(field.name) for field in fields if _may_name_rows(field)}
    for batch in batches if columns else ():
        for name, column in list(columns.items()):
            if not column.reads(as_float(batch.column(name))):
                del columns[name]
        if not columns:
            break
    return {name for name, column in columns.items() if column.names_rows()}


def is_called_so(name: str) -> bool:
    """Say whether a column is called as those are that name rows.

    Examples
    --------
    >>> [is_called_so(name) for name in ("id", "CustomerID", "user_id", "Unnamed: 0", "paid", "idle")]
    [True, True, True, True, False, False]
    """
    return bool(WORDS.fullmatch(name) or CAPITALS.fullmatch(name))


def _may_name_rows(field: pa.Field) -> bool:
    is_whole = pa.types.is_integer(field.type)
    return is_whole or (pa.types.is_floating(field.type) and is_called_so(field.name))


class _Column:
    """What has been read of a column."""

    def __init__(self, name: str) -> None:
        self.is_called_so, self.rises = is_called_so(name), True
        self.pieces: list[np.ndarray] = []
        self.count, self.first, self.last = 0, np.nan, -np.inf

    def reads(self, values: np.ndarray) -> bool:
        """Read further values, and say whether the column may still name its rows."""
        present = values[~np.isnan(values)]
        if not len(present):
            return True
        if not (np.isfinite(present).all() and (present % 1 == 0).all()):
            return False
        self.rises = self.rises and bool((np.diff(present, prepend=self.last) > 0).all())
        if not self.count:
            self.first = present[0]
        self.count, self.last = self.count + len(present), present[-1]
        if self.is_called_so:
            self.pieces.append(present)
            return self.rises or len(np.unique(present)) >= SHARE * len(present)
        return self.rises

    def names_rows(self) -> bool:
        if self.count < LEAST:
            return False
        if self.is_called_so and len(np.unique(np.concatenate(self.pieces))) >= SHARE * self.count:
            return True
        return self.rises and 0 <= self.first <= self.count and self.last - self.first < 2 * self.count


def sentence(names: Collection[str]) -> str:
    """Return what is said of columns that are left out."""
    listed = ", ".join(map(repr, names))
    are_many = len(names) > 1
    example = next(iter(names))
    return (
        f"left out {'columns' if are_many else 'column'} {listed}: nearly every row has a value of its own there. "
        f"columns={{{example!r}: 'categorical'}} (--kind {shlex.quote(f'{example}=categorical')}), or numeric, keeps "
        "it, 'ignored' leaves it out without this note."
    )
