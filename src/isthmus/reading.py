"""Reading: from a table in any form to scaled rows in memory, and blocks on the way out."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isthmus import sources
from isthmus.contracts import Likelihood, Scaling
from isthmus.errors import InvalidData, is_file, no_file, suggestion
from isthmus.flow import Arrays
from isthmus.source import Source
from isthmus.steps import Table

CELLS = 2**20  # read at a time
LARGEST = 1e100  # in float64 its square can still be summed
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


def checked_weight(weight: Any, rows: int) -> np.ndarray:
    """Return sample weights as float64 [rows], ones for None.

    Raises
    ------
    InvalidData
        If they are not one finite number of at least 0 for each row, or all are 0.
    """
    if weight is None:
        return np.ones(rows)
    try:
        array = np.asarray(weight, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidData(f"sample_weight must hold one number for each row ({error}).") from error
    if array.ndim == 0:
        array = np.full(rows, array)
    if array.ndim != 1:
        raise InvalidData(f"Sample weights must be 1D array or scalar. Got {array.ndim} dimensions.")
    if len(array) != rows:
        raise InvalidData(f"sample_weight.shape == {array.shape}, expected ({rows},): one weight for each row is due.")
    if not np.isfinite(array).all() or (array < 0).any() or (array > LARGEST).any():
        raise InvalidData("sample_weight must be finite and at least 0 in every row.")
    if not array.any():
        raise InvalidData("sample_weight is zero in every row: at least 2 rows must count.")
    return array


def checked_labels(y: Any, rows: int, whose: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as places in the sorted classes, int32 [rows] with -1 for none, and the classes.

    Parameters
    ----------
    y : numbers or texts, one for each row. None, NaN and, beside two other classes, -1 mark a row without a label.
    whose : what needs them, for messages.

    Raises
    ------
    InvalidData
        If there are none, not one for each row, or they are no classes.
    """
    if y is None:
        raise InvalidData(
            f"{whose} needs labels: call fit(X, y). It requires y to be passed, but the target y is None."
        )
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        raise InvalidData(f"y has shape {array.shape}, expected ({rows},): one label for each row is due.")
    is_none = np.array([label is None or label != label for label in array.tolist()])
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise InvalidData(f"y holds inf: {whose} needs classes.")
    if array.dtype.kind == "f" and (array[~is_none] % 1 != 0).any():
        value = array[~is_none][array[~is_none] % 1 != 0][0]
        raise InvalidData(f"y holds {value:g} (Unknown label type: continuous): {whose} needs classes.")
    if array.dtype.kind in "iuf" and len(np.unique(array[~is_none])) > 2:
        is_none |= array == -1
    known = array[~is_none]
    if not len(known):
        raise InvalidData(f"y holds no label: {whose} needs some.")
    if known.dtype.kind == "O" and len({type(label) for label in known.tolist()}) > 1:
        raise InvalidData(f"y mixes labels of several types: {whose} needs classes of one type.")
    labels = np.full(rows, -1, np.int32)
    classes, labels[~is_none] = np.unique(known, return_inverse=True)
    return labels, classes


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
        low, high = float(block.min()), float(block.max())  # NaN where a cell is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InvalidData(_not_finite(source, rows))
        if max(high, -low) > LARGEST:
            raise InvalidData(_too_large(block, block, source, LARGEST))
        yield block


def scaled_blocks(source: Source, scaling: Scaling, learned: Arrays) -> Iterator[np.ndarray]:
    """Yield the source's rows in blocks as the model sees them, [n, d] float32.

    Raises
    ------
    InvalidData
        As `finite_blocks`, and if a scaled value is too large to be squared.
    """
    for block in finite_blocks(source):
        scaled = scaling.apply(learned, block)
        if max(float(scaled.max()), -float(scaled.min())) > MOST:
            raise InvalidData(_too_large(block, scaled, source, MOST))
        yield scaled.astype(np.float32)


class Rows:
    """The rows of a table that count, with their weights, read anew at each call.

    A small table is held, its equal rows folded into one with the sum of their weights: then a row of weight 2
    is the row twice, to the bit.
    """

    def __init__(self, source: Source, weight: np.ndarray, label: np.ndarray | None = None) -> None:
        self.source = source
        self.count = int(np.count_nonzero(weight))
        self.label = None if label is None else label[weight > 0]  # [count]
        self._weight = weight
        self._folded: tuple[np.ndarray, np.ndarray] | None = None
        if source.n_rows <= FOLD:
            blocks, weights = zip(*self._stream(), strict=True)
            rows = np.concatenate(blocks)
            if self.label is not None:
                rows = np.column_stack([rows, self.label])
            rows, inverse = np.unique(rows, axis=0, return_inverse=True)
            if self.label is not None:
                rows, self.label = rows[:, :-1].astype(blocks[0].dtype), rows[:, -1].astype(np.int32)
            self._folded = rows, np.bincount(inverse.ravel(), np.concatenate(weights))
            self.count = len(rows)

    def __call__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows [n, d] and weights [n]."""
        return self._stream() if self._folded is None else iter([self._folded])

    def _stream(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        start = 0
        for block in finite_blocks(self.source):
            weight = self._weight[start : start + len(block)]
            start += len(block)
            counts = weight > 0
            if counts.all():
                yield block, weight
            elif counts.any():
                yield block[counts], weight[counts]


def build_tables(
    rows: Rows, scaling: Scaling, learned: Arrays, likelihood: Likelihood | None, held_out: float, seed: int
) -> tuple[Table, Table | None]:
    """Return the scaled rows to train on and those held out, on the device.

    Parameters
    ----------
    likelihood : what every scaled row must be explained by, or None.
    held_out : the share of rows, in [0, 1), drawn with `seed`.

    Raises
    ------
    InvalidData
        If a value is none that the likelihood can explain; the message names the column.
    """
    count = min(round(held_out * rows.count), rows.count - 1)
    is_out = np.zeros(rows.count, bool)
    is_out[np.random.Generator(np.random.Philox([seed, 1 << 40])).permutation(rows.count)[:count]] = True
    size = rows.source.row.size
    tables = [_empty(rows.count - count, size), _empty(count, size)]
    if rows.label is not None:
        tables = [_labelled(tables[0], rows.label[~is_out]), _labelled(tables[1], rows.label[is_out])]
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
    return _on_device(tables[0]), _on_device(tables[1]) if count else None


def _check_support(block: np.ndarray, scaled: np.ndarray, likelihood: Likelihood | None, source: Source) -> None:
    """Raise `InvalidData` where a scaled value is none that the likelihood can explain, or that can be squared."""
    if max(float(scaled.max()), -float(scaled.min())) > MOST:
        raise InvalidData(_too_large(block, scaled, source, MOST))
    if likelihood is None:
        return
    low, high = likelihood.support
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


def _labelled(table: Table, label: np.ndarray) -> Table:
    return table._replace(label=np.pad(label, (0, len(table.x) - len(label)), constant_values=-1))


def _on_device(table: Table) -> Table:
    """Return the table in the device's memory, with weights that average 1 over its rows."""
    mean = table.weight.sum(dtype=np.float64) / table.rows
    weight = (table.weight / mean).astype(np.float32)
    label = None if table.label is None else jax.device_put(table.label)
    return Table(jax.device_put(table.x), jax.device_put(weight), table.rows, label)


def _too_large(block: np.ndarray, scaled: np.ndarray, source: Source, most: float) -> str:
    row, column = np.argwhere(np.abs(scaled) > most)[0]
    return (
        f"{source.row.column(int(column))} holds {block[row, column]:g}, too large to compute with: use "
        "scaling='standard', or drop such rows."
    )


def _not_finite(source: Source, rows: int) -> str:
    """Return the sentence for the first column that holds NaN or inf: how many rows do, and which is the first."""
    counts = {"NaN (missing)": np.zeros(source.row.size, np.int64), "inf": np.zeros(source.row.size, np.int64)}
    firsts = {kind: np.full(source.row.size, -1) for kind in counts}
    start = 0
    for block in source.blocks(rows):
        for kind, bad in zip(counts, (np.isnan(block), np.isinf(block)), strict=True):
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
