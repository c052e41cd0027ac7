"""Reading: from a table in any form to scaled rows in memory, and blocks on the way out."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isthmus import sources
from isthmus.checking import LARGEST
from isthmus.contracts import Likelihood, Scaling
from isthmus.errors import InvalidData, is_file, no_file, suggestion
from isthmus.flow import Arrays
from isthmus.row_scaling import RowScaling
from isthmus.source import Source
from isthmus.steps import Table

CELLS = 2**20  # read at a time
MOST = 1e17  # in float32 the square of a scaled value, summed over columns, is still a number
FOLD = 1024  # up to so many rows, equal rows are folded into one with their weight


@functools.cache
def kinds() -> tuple[type[Source], ...]:
    """Return the kinds of sources: one class for each file of the room."""
    found = []
    for module in pkgutil.iter_modules(sources.__path__):
        members = vars(importlib.import_module(f"{sources.__name__}.{module.name}")).values()
        found += [m for m in members if inspect.isclass(m) and m.__module__.endswith(f".{module.name}")]
    return tuple(kind for kind in found if issubclass(kind, Source))


def kind_called(name: str) -> type[Source]:
    """Return the kind of source whose file in the room has that name."""
    return next(kind for kind in kinds() if kind.__module__.rpartition(".")[2] == name)


def open_source(data: Any, columns: Sequence[str] | None = None) -> Source:
    """Return the source for a table or the path of one; of a file with names, only `columns` where they are given.

    Raises
    ------
    InvalidData
        If the file is missing or of an unknown kind, or the table does not hold numbers in rows and columns.
    """
    if isinstance(data, Source):
        return data
    source = find_source(data)
    source.choose(columns)
    return source


def find_source(data: Any) -> Source:
    """Return the source for a table or the path of one, its columns not yet chosen."""
    if isinstance(data, Source):
        return data
    if isinstance(data, str | Path) and not is_file(Path(data)):
        raise InvalidData(no_file(Path(data)))
    for kind in kinds():
        if kind.accepts(data):
            return kind(data)
    if isinstance(data, str | Path):
        suffixes = sorted(suffix for kind in kinds() for suffix in kind.suffixes)
        near = suggestion(Path(data).suffix, suffixes)
        raise InvalidData(f"{data} has an unsupported suffix.{near} There are: {', '.join(suffixes)}.")
    raise InvalidData(f"a {type(data).__module__}.{type(data).__qualname__} is not a table: pass a frame or an array.")


def finite_blocks(source: Source) -> Iterator[np.ndarray]:
    """Yield the source's rows in blocks of about a million cells, each checked.

    Raises
    ------
    InvalidData
        If a cell is missing, infinite or beyond 1e100; the message names the column, counts the rows and gives the
        first.
    """
    rows = min(max(CELLS // source.row.size, 256), 8192)
    for block in source.blocks(rows):
        there = np.where(np.isnan(block), 0, block) if source.row.has_holes else block
        low, high = float(there.min()), float(there.max())  # NaN where a cell is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InvalidData(_not_finite(source, rows))
        if max(high, -low) > LARGEST:
            raise InvalidData(_too_large(there, there, source, LARGEST))
        yield block


def scaled_blocks(source: Source, scaling: Scaling | RowScaling, learned: Arrays) -> Iterator[np.ndarray]:
    """Yield the source's rows in blocks as the model sees them, [n, d] float32.

    Raises
    ------
    InvalidData
        As `finite_blocks`, and if a scaled value is too large to be squared.
    """
    for block in finite_blocks(source):
        scaled = scaling.apply(learned, block)
        _check_support(block, scaled, None, source)
        yield scaled.astype(np.float32)


class Rows:
    """The rows of a table that count, with their weights and what goes with them, read anew at each call.

    A small table is held, its equal rows folded into one with the sum of their weights: then a row of weight 2
    is the row twice, to the bit.
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


@dataclass(frozen=True)
class HeldOut:
    """Which rows are held out: a share in [0, 1), drawn with a seed, never all."""

    share: float
    seed: int
    together: np.ndarray | None = None  # [rows], numbers; rows of one number are held out together or not at all
    strata: np.ndarray | None = None  # [rows], numbers; of each number the same share is held out

    def drawn(self, rows: int) -> np.ndarray:
        """Say for each row whether it is held out, [rows]."""
        if self.together is not None:
            numbers, place = np.unique(self.together, return_inverse=True)
            return HeldOut(self.share, self.seed).drawn(len(numbers))[place]
        if self.strata is not None:
            is_out = np.zeros(rows, bool)
            for number in np.unique(self.strata):
                chosen = self.strata == number
                is_out[chosen] = HeldOut(self.share, self.seed).drawn(int(chosen.sum()))
            return is_out
        generator = np.random.Generator(np.random.Philox([self.seed, 1 << 40]))
        is_out = np.zeros(rows, bool)
        is_out[generator.permutation(rows)[: min(round(self.share * rows), rows - 1)]] = True
        return is_out


def build_tables(
    rows: Rows,
    scaling: Scaling | RowScaling,
    learned: Arrays,
    likelihood: Likelihood | None,
    chance: HeldOut,
) -> tuple[Table, Table | None]:
    """Return the scaled rows to train on and those held out, on the device.

    Parameters
    ----------
    likelihood : what every scaled row must be explained by, or None.
    chance : which rows are held out.

    Raises
    ------
    InvalidData
        If a value is none that the likelihood can explain; the message names the column.
    """
    is_out = chance.drawn(rows.count)
    tables = [_empty(int((~is_out).sum()), rows.source.row.size), _empty(int(is_out.sum()), rows.source.row.size)]
    tables = [_with(table, rows, chosen) for table, chosen in zip(tables, (~is_out, is_out), strict=True)]
    filled, start = [0, 0], 0
    for block, weight in rows():
        scaled = scaling.apply(learned, block)
        _check_support(block, scaled, likelihood, rows.source)
        out = is_out[start : start + len(block)]
        start += len(block)
        for which, chosen in enumerate((~out, out)):
            end = filled[which] + int(chosen.sum())
            tables[which].x[filled[which] : end] = scaled if chosen.all() else scaled[chosen]
            tables[which].weight[filled[which] : end] = weight if chosen.all() else weight[chosen]
            filled[which] = end
    return _on_device(tables[0]), _on_device(tables[1]) if is_out.any() else None


def _check_support(block: np.ndarray, scaled: np.ndarray, likelihood: Likelihood | None, source: Source) -> None:
    """Raise `InvalidData` where a scaled value is none that the likelihood can explain, or that can be squared."""
    if source.row.has_holes:
        block, scaled = np.nan_to_num(block), np.nan_to_num(scaled)
    if max(float(scaled.max()), -float(scaled.min())) > MOST:
        raise InvalidData(_too_large(block, scaled, source, MOST))
    if likelihood is None:
        return
    low, high = likelihood.support
    if likelihood.explains_codes and source.row.codes is not None:
        is_code = np.array(source.row.codes) > 0
        scaled = np.where(is_code, np.clip(0.0, low, high), scaled)  # codes are checked as such
    slack = 1e-6 * (high - low) if np.isfinite(high - low) else 0.0
    if scaled.min() >= low - slack and scaled.max() <= high + slack:
        return
    row, column = np.argwhere((scaled < low - slack) | (scaled > high + slack))[0]
    value, name = block[row, column], source.row.column(int(column))
    raise InvalidData(
        f"{name} holds {value:g}, and the likelihood {likelihood.name} needs values in "
        f"[{low:g}, {high:g}]: use scaling='minmax' or likelihood='squared_error'."
    )


def padded(rows: int) -> int:
    """Return one of few sizes, at most an eighth above `rows`, so that tables a little longer fit one program."""
    step = max(1, 2 ** (max(rows - 1, 1).bit_length() - 4))
    return -(-rows // step) * step


def _empty(rows: int, size: int) -> Table:
    count = padded(rows) if rows else 0
    # Aligned, so that the device takes the memory as it is instead of a copy.
    memory = np.zeros(count * size * 4 + 64, np.uint8)
    offset = -memory.ctypes.data % 64
    x = memory[offset : offset + count * size * 4].view(np.float32).reshape(count, size)
    return Table(x, np.zeros(count, np.float32), np.int32(rows))


def _with(table: Table, rows: Rows, chosen: np.ndarray) -> Table:
    """Return the table with labels and targets of the chosen rows; -1 where it is only filled up."""
    fill = len(table.x) - int(table.rows)
    if rows.label is not None:
        table = table._replace(label=np.pad(rows.label[chosen], (0, fill), constant_values=-1))
    if rows.target is not None:
        target = np.pad(rows.target[chosen], ((0, fill), (0, 0)), constant_values=-1)
        table = table._replace(target=target.astype(np.float32))
    return table


def _on_device(table: Table) -> Table:
    """Return the table in the device's memory, with weights that average 1 over its rows."""
    mean = table.weight.sum(dtype=np.float64) / table.rows
    weight = (table.weight / mean).astype(np.float32)
    label, target = (None if array is None else jax.device_put(array) for array in (table.label, table.target))
    return Table(jax.device_put(table.x), jax.device_put(weight), table.rows, label, target)


def _too_large(block: np.ndarray, scaled: np.ndarray, source: Source, most: float) -> str:
    row, column = np.argwhere(np.abs(scaled) > most)[0]
    return (
        f"{source.row.column(int(column))} holds {block[row, column]:g}, too large to compute with: use "
        "scaling='standard', or drop such rows."
    )


def _not_finite(source: Source, rows: int) -> str:
    """Return the sentence for the first column that holds NaN or inf: how many rows do, and which is the first."""
    refused = ("inf",) if source.row.has_holes else ("NaN (missing)", "inf")
    counts = {kind: np.zeros(source.row.size, np.int64) for kind in refused}
    firsts = {kind: np.full(source.row.size, -1) for kind in counts}
    start = 0
    for block in source.blocks(rows):
        found = {"NaN (missing)": np.isnan(block), "inf": np.isinf(block)}
        for kind, bad in ((kind, found[kind]) for kind in counts):
            firsts[kind] = np.where((counts[kind] == 0) & bad.any(axis=0), start + bad.argmax(axis=0), firsts[kind])
            counts[kind] += bad.sum(axis=0)
        start += len(block)
    is_bad = sum(counts.values()) > 0
    column, others = int(np.argmax(is_bad)), int(np.sum(is_bad)) - 1
    kind = next(kind for kind, count in counts.items() if count[column])
    count, first = counts[kind][column], firsts[kind][column]
    more = f", and {others} more columns hold such" if others > 1 else ", and one more column holds such"
    return (
        f"{source.row.column(column)} holds {kind} in {count} row{'s' if count > 1 else ''} (first: {first})"
        f"{more if others else ''}: fill or drop them first."
    )
