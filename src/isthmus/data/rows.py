"""Rows of a source, checked: blocks of finite values, scaled blocks, and weighted training rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isthmus.contracts import Arrays, Likelihood, Row, Scaling
from isthmus.data.scaling import TableScaling
from isthmus.data.source import Source
from isthmus.data.validation import LARGEST
from isthmus.errors import InvalidData

CELLS = 2**20  # read at a time
MOST = 1e17  # in float32 the square of a scaled value, summed over columns, is still a number
FOLD = 1024  # up to so many rows, equal rows are folded into one with their weight


def finite_blocks(source: Source, *, is_capped: bool = False) -> Iterator[np.ndarray]:
    """Yield the source's rows in blocks of about a million cells, each checked.

    `is_capped` says that what is infinite or beyond 1e100 is read as 1e100.

    Raises
    ------
    InvalidData
        If a cell is missing, infinite or beyond 1e100; the message names the column, counts the rows and gives the
        first.
    """
    rows = min(max(CELLS // source.row.size, 256), 8192)
    for values in source.blocks(rows):
        most = min(LARGEST, float(np.finfo(values.dtype).max))
        block = np.clip(values, -most, most) if is_capped else values
        present = np.where(np.isnan(block), 0, block) if source.row.may_be_missing else block
        low, high = float(present.min()), float(present.max())  # NaN where a cell is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InvalidData(_not_finite(source, rows))
        if max(high, -low) > LARGEST:
            raise InvalidData(_too_large(present, present, source))
        yield block


def scaled_blocks(
    source: Source, scaling: Scaling | TableScaling, learned: Arrays, *, is_capped: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the source's rows in blocks as the model sees them, and where a category is that the fit has not had.

    Both are [n, d], float32 and bool. `is_capped` says that numbers too large to compute with are cut, not refused.

    Raises
    ------
    InvalidData
        As `finite_blocks`, and if a scaled value is too large to be squared.
    """
    for block in finite_blocks(source, is_capped=is_capped):
        scaled = scaling.apply(learned, block)
        scaled = np.clip(scaled, -MOST, MOST) if is_capped else scaled
        check_support(block, scaled, None, source)
        yield scaled.astype(np.float32), source.row.is_unseen(block)


class Rows:
    """The rows of a table that count, with their weights and what goes with them, read again at each call.

    A small table is kept in memory, its equal rows folded into one with the sum of their weights: then a row of weight
    2 is the row twice, to the bit.
    """

    def __init__(
        self, source: Source, weight: np.ndarray, label: np.ndarray | None = None, target: np.ndarray | None = None
    ) -> None:
        counts = weight > 0
        self.source = source
        self.count = int(np.count_nonzero(weight))
        self.label = None if label is None else label[counts]  # [count]
        self.target = None if target is None else target[counts]  # [count, t], what the code must explain
        self.weight = weight  # of every row of the table
        self._folded: tuple[np.ndarray, np.ndarray] | None = None
        if source.n_rows <= FOLD:
            self._fold()

    def _fold(self) -> None:
        blocks, weights = zip(*self._stream(), strict=True)
        rows = np.concatenate(blocks)
        beside = [array for array in (self.label, self.target) if array is not None]
        table = np.column_stack([np.where(np.isnan(rows), np.inf, rows), *beside])  # a NaN equals no other
        _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
        self.label = None if self.label is None else self.label[first]
        self.target = None if self.target is None else self.target[first]
        self._folded = rows[first], np.bincount(inverse.ravel(), np.concatenate(weights))
        self.count = len(first)

    def __call__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows [n, d] and weights [n]."""
        return self._stream() if self._folded is None else iter([self._folded])

    def _stream(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        start = 0
        for block in finite_blocks(self.source):
            weight = self.weight[start : start + len(block)]
            start += len(block)
            counts = weight > 0
            if counts.all():
                yield block, weight
            elif counts.any():
                yield block[counts], weight[counts]


def check_support(block: np.ndarray, scaled: np.ndarray, likelihood: Likelihood | None, source: Source) -> None:
    """Raise `InvalidData` where a scaled value cannot be explained by the likelihood, or not be squared."""
    if source.row.may_be_missing:
        block, scaled = np.nan_to_num(block), np.nan_to_num(scaled)
    if max(float(scaled.max()), -float(scaled.min())) > MOST:
        raise InvalidData(_too_large(block, scaled, source))
    if likelihood is None:
        return
    limits = support_of(likelihood, source.row)
    is_outside = (scaled < limits[0]) | (scaled > limits[1])
    if not is_outside.any():
        return
    (low, high), (row, column) = likelihood.support, np.argwhere(is_outside)[0]
    value, name = block[row, column], source.row.column(int(column))
    raise InvalidData(
        f"{name} holds {value:g}, and the likelihood {likelihood.name} needs values in "
        f"[{low:g}, {high:g}]: use scaling='minmax' or likelihood='squared_error'."
    )


def support_of(likelihood: Likelihood, row: Row) -> np.ndarray:
    """Return the lowest and the highest value of each scaled column that a likelihood can explain, [2, d].

    Columns of categories have no limits: what they hold is checked by the scaling.
    """
    low, high = likelihood.support
    slack = 1e-6 * (high - low) if np.isfinite(high - low) else 0.0
    limits = np.repeat([[low - slack], [high + slack]], row.size, axis=1)
    if likelihood.explains == "categories" and row.categories is not None:
        limits[:, np.array(row.categories) > 0] = [[-np.inf], [np.inf]]
    return limits


def _too_large(block: np.ndarray, scaled: np.ndarray, source: Source) -> str:
    row, column = np.unravel_index(np.argmax(np.abs(scaled)), scaled.shape)
    return (
        f"{source.row.column(int(column))} holds {block[row, column]:g}, too large to compute with: use "
        "scaling='standard', or drop such rows."
    )


def _not_finite(source: Source, rows: int) -> str:
    """Return the sentence for the first column that holds NaN or inf: how many rows do, and which is the first."""
    refused = ("inf",) if source.row.may_be_missing else ("NaN (missing)", "inf")
    counts = {kind: np.zeros(source.row.size, np.int64) for kind in refused}
    firsts = {kind: np.full(source.row.size, -1) for kind in counts}
    start = 0
    for block in source.blocks(rows):
        masks = {"NaN (missing)": np.isnan(block), "inf": np.isinf(block)}
        for kind, bad in ((kind, masks[kind]) for kind in counts):
            firsts[kind] = np.where((counts[kind] == 0) & bad.any(axis=0), start + bad.argmax(axis=0), firsts[kind])
            counts[kind] += bad.sum(axis=0)
        start += len(block)
    is_bad = sum(counts.values()) > 0
    column, others = int(np.argmax(is_bad)), int(np.sum(is_bad)) - 1
    kind = next(kind for kind, count in counts.items() if count[column])
    count, first = counts[kind][column], firsts[kind][column]
    rest = f", and so do {others} more columns" if others > 1 else ", and so does one more column"
    return (
        f"{source.row.column(column)} holds {kind} in {count} row{'s' if count > 1 else ''} (first: {first})"
        f"{rest if others else ''}: fill or drop them first."
    )
