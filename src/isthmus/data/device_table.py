"""Scaled rows in the memory of the device, in one of few sizes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from isthmus.contracts import Arrays, Likelihood, Scaling
from isthmus.data.rows import Rows, check_support
from isthmus.data.scaling import TableScaling
from isthmus.data.split import ValidationSplit


class DeviceTable(NamedTuple):
    """Scaled rows in memory, followed by rows that only fill up to one of few sizes."""

    x: Any  # [padded n, d] float32
    weight: Any  # [padded n] float32, averages 1 over the real rows
    rows: Any  # how many are real
    label: Any = None  # [padded n] int32, -1 for none; None where no part needs labels
    target: Any = None  # [padded n, t] float32, where the code explains more or something else than its row
    target_weight: Any = None  # [padded n] float32, factors on the weights of targets; None for 1


def build_tables(
    rows: Rows,
    scaling: Scaling | TableScaling,
    learned: Arrays,
    likelihood: Likelihood | None,
    split: ValidationSplit,
) -> tuple[DeviceTable, DeviceTable | None]:
    """Return the scaled training rows and validation rows, on the device.

    Parameters
    ----------
    likelihood : what every scaled row must be explained by, or None.
    split : which rows are kept for validation.

    Raises
    ------
    InvalidData
        If the likelihood cannot explain a value; the message names the column.
    """
    is_validation = split.draw(rows.count)
    tables = [
        _empty(int((~is_validation).sum()), rows.source.row.size),
        _empty(int(is_validation.sum()), rows.source.row.size),
    ]
    tables = [_with(table, rows, chosen) for table, chosen in zip(tables, (~is_validation, is_validation), strict=True)]
    filled, start = [0, 0], 0
    for block, weight in rows():
        scaled = scaling.apply(learned, block)
        check_support(block, scaled, likelihood, rows.source)
        is_out = is_validation[start : start + len(block)]
        start += len(block)
        for which, chosen in enumerate((~is_out, is_out)):
            end = filled[which] + int(chosen.sum())
            tables[which].x[filled[which] : end] = scaled if chosen.all() else scaled[chosen]
            tables[which].weight[filled[which] : end] = weight if chosen.all() else weight[chosen]
            filled[which] = end
    return _on_device(tables[0]), _on_device(tables[1]) if is_validation.any() else None


def padded_size(rows: int) -> int:
    """Return one of few sizes, at most an eighth above `rows`, so that tables a little longer fit one program."""
    step = max(1, 2 ** (max(rows - 1, 1).bit_length() - 4))
    return -(-rows // step) * step


def _empty(rows: int, size: int) -> DeviceTable:
    count = padded_size(rows) if rows else 0
    # Aligned, so that the device takes the memory as it is instead of a copy.
    memory = np.zeros(count * size * 4 + 64, np.uint8)
    offset = -memory.ctypes.data % 64
    x = memory[offset : offset + count * size * 4].view(np.float32).reshape(count, size)
    return DeviceTable(x, np.zeros(count, np.float32), np.int32(rows))


def _with(table: DeviceTable, rows: Rows, chosen: np.ndarray) -> DeviceTable:
    """Return the table with labels and targets of the chosen rows; -1 where it is only filled up."""
    fill = len(table.x) - int(table.rows)
    if rows.label is not None:
        table = table._replace(label=np.pad(rows.label[chosen], (0, fill), constant_values=-1))
    if rows.target is not None:
        target = np.pad(rows.target[chosen], ((0, fill), (0, 0)), constant_values=-1)
        table = table._replace(target=target.astype(np.float32))
    return table


def _on_device(table: DeviceTable) -> DeviceTable:
    """Return the table in the device's memory, with weights that average 1 over its rows."""
    mean = table.weight.sum(dtype=np.float64) / table.rows
    weight = (table.weight / mean).astype(np.float32)
    label, target = (None if array is None else jax.device_put(array) for array in (table.label, table.target))
    return DeviceTable(jax.device_put(table.x), jax.device_put(weight), table.rows, label, target)
