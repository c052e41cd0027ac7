"""Reading: from a table in any form to scaled rows in memory, and blocks on the way out."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isthmus import sources
from isthmus.contracts import Arrays, Likelihood, Scaling, Source
from isthmus.errors import InvalidData, suggestion
from isthmus.steps import Table

BLOCK = 8192  # rows read at a time
FOLD = 1024  # up to so many rows, equal rows are folded into one with their weight

Blocks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


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


def open_source(data: Any) -> Source:
    """Return the source for a table or the path of one.

    Raises
    ------
    InvalidData
        If the file is missing or of an unknown kind, or the table does not hold numbers in rows and columns.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, str | Path) and not Path(data).is_file():
        raise InvalidData(_no_file(Path(data)))
    for kind in kinds():
        if kind.accepts(data):
            return kind(data)
    if isinstance(data, str | Path):
        suffixes = sorted(suffix for kind in kinds() for suffix in getattr(kind, "suffixes", ()))
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
    array = np.asarray(weight, np.float64)
    if array.ndim == 0:
        array = np.full(rows, array)
    if array.ndim != 1:
        raise InvalidData(f"Sample weights must be 1D array or scalar. Got {array.ndim} dimensions.")
    if len(array) != rows:
        raise InvalidData(f"sample_weight.shape == {array.shape}, expected ({rows},): one weight for each row is due.")
    if not np.isfinite(array).all() or (array < 0).any():
        raise InvalidData("sample_weight must be finite and at least 0 in every row.")
    if not array.any():
        raise InvalidData("sample_weight is zero in every row: at least 2 rows must count.")
    return array


def finite_blocks(source: Source, rows: int) -> Iterator[np.ndarray]:
    """Yield the source's blocks, each checked.

    Raises
    ------
    InvalidData
        If a cell is missing or infinite; the message names the column, counts the rows and gives the first.
    """
    for block in source.blocks(rows):
        if not np.isfinite(block).all():
            raise InvalidData(_not_finite(source, rows))
        yield block


def fit_blocks(source: Source, weight: np.ndarray) -> Blocks:
    """Return the rows that count, with their weights, to be read as often as wanted.

    A small table is held, its equal rows folded into one with the sum of their weights: then a row of weight 2
    is the row twice, to the bit.
    """

    def stream() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        start = 0
        for block in finite_blocks(source, BLOCK):
            weights = weight[start : start + len(block)]
            start += len(block)
            counts = weights > 0
            if counts.all():
                yield block, weights
            elif counts.any():
                yield block[counts], weights[counts]

    if source.n_rows > FOLD:
        return stream
    pairs = list(stream())
    rows, inverse = np.unique(np.concatenate([block for block, _ in pairs]), axis=0, return_inverse=True)
    folded = np.bincount(inverse.ravel(), np.concatenate([weights for _, weights in pairs]))
    return lambda: iter([(rows, folded)])


def build_tables(
    blocks: Blocks, scaling: Scaling, learned: Arrays, held_out: float, seed: int
) -> tuple[Table, Table | None]:
    """Return the scaled rows to train on and those held out, on the device.

    Parameters
    ----------
    held_out : the share of rows, in [0, 1), drawn with `seed`.
    """
    rows = sum(len(weights) for _, weights in blocks())
    size = next(blocks())[0].shape[1]
    is_out = np.zeros(rows, bool)
    count = min(round(held_out * rows), rows - 1)
    is_out[np.random.Generator(np.random.Philox([seed, 1 << 40])).permutation(rows)[:count]] = True
    tables = [_empty(rows - count, size), _empty(count, size)]
    filled, start = [0, 0], 0
    for block, weights in blocks():
        scaled = scaling.apply(learned, block)
        out = is_out[start : start + len(block)]
        start += len(block)
        for which, chosen in enumerate((~out, out)):
            end = filled[which] + int(chosen.sum())
            tables[which].x[filled[which] : end] = scaled if chosen.all() else scaled[chosen]
            tables[which].weight[filled[which] : end] = weights if chosen.all() else weights[chosen]
            filled[which] = end
    return _on_device(tables[0]), _on_device(tables[1]) if count else None


def check_support(blocks: Blocks, scaling: Scaling, learned: Arrays, likelihood: Likelihood, source: Source) -> None:
    """Raise `InvalidData` where a scaled value is none that the likelihood can explain."""
    low, high = likelihood.support
    largest = float(np.finfo(np.float32).max) ** 0.5 / 10  # its square, summed over columns, is still a number
    for block, _ in blocks():
        scaled = scaling.apply(learned, block)
        slack = 1e-6 * (high - low) if np.isfinite(high - low) else 0.0
        is_off = (scaled < low - slack) | (scaled > high + slack) | (np.abs(scaled) > largest)
        if not is_off.any():
            continue
        row, column = np.argwhere(is_off)[0]
        value, name = block[row, column], source.row.column(int(column))
        if abs(scaled[row, column]) > largest:
            raise InvalidData(f"{name} holds {value:g}, too large to compute with: use scaling='standard'.")
        raise InvalidData(
            f"{name} holds {value:g}, and the likelihood {likelihood.name} needs values in [{low:g}, {high:g}]: "
            "use scaling='minmax' or likelihood='squared_error'."
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


def _on_device(table: Table) -> Table:
    """Return the table in the device's memory, with weights that average 1 over its rows."""
    mean = table.weight.sum(dtype=np.float64) / table.rows
    return Table(jax.device_put(table.x), jax.device_put((table.weight / mean).astype(np.float32)), table.rows)


def _no_file(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder: the path of a file is due."
    others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    return f"there is no file {path}.{suggestion(path.name, others)}"


def _not_finite(source: Source, rows: int) -> str:
    missing = infinite = np.zeros(source.row.size, np.int64)
    first = np.full(source.row.size, -1)
    start = 0
    for block in source.blocks(rows):
        bad = ~np.isfinite(block)
        missing = missing + np.isnan(block).sum(axis=0)
        infinite = infinite + np.isinf(block).sum(axis=0)
        first = np.where((first < 0) & bad.any(axis=0), start + bad.argmax(axis=0), first)
        start += len(block)
    column = int(np.argmax(missing + infinite > 0))
    others = int(np.sum(missing + infinite > 0)) - 1
    more = f", and {others} more columns hold such" if others > 1 else ", and one more column holds such"
    kind, count = ("NaN (missing)", missing[column]) if missing[column] else ("inf", infinite[column])
    return (
        f"{source.row.column(column)} holds {kind} in {count} row{'s' if count > 1 else ''} (first: {first[column]})"
        f"{more if others else ''}: fill or drop them first."
    )
