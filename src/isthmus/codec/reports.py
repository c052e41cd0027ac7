"""What a codec does to a table: how many bytes a row takes, and by column how it is written and what is lost."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.codec.cells import Cells, greatest_error
from isthmus.codec.forms import Form
from isthmus.codec.methods import NAMES
from isthmus.codec.streams import AnyCodec, Table, pressed


@dataclass(frozen=True)
class Rate:
    """How many bytes a row takes."""

    rows: int
    original: float  # of the values as they are in memory, texts as their bytes
    compressed: float  # without the model
    with_model: float
    model_bytes: int  # of all the file

    @property
    def ratio(self) -> float:
        """How many times smaller the rows are than in memory, the model not counted."""
        return self.original / self.compressed


def rate(fitted: AnyCodec, form: Form, blocks: Iterable[list[Cells]], model: int) -> Rate:
    """Return how many bytes a row of a table takes, beside so many of the model."""
    original, sink, rows = 0, _Length(), 0

    def counted() -> Iterator[list[Cells]]:
        nonlocal original, rows
        for block in blocks:
            original += sum(cells.size for cells in block)
            rows += len(block[0])
            yield block

    pressed(fitted, form, counted()).write(sink)  # type: ignore[arg-type]
    n = max(rows, 1)
    return Rate(rows, original / n, sink.length / n, (sink.length + model) / n, model)


def report(table: Table) -> Any:
    """Return a pandas DataFrame with a row for each column of a table that is written."""
    import pandas as pd

    codec = table.codec
    d = len(codec.columns)
    sizes: list[dict[int, float]] = [{} for _ in range(d)]
    errors, original = np.zeros(d), np.zeros(d)
    for piece in table.pieces:
        restored = codec.blocks.read(piece.data, len(piece.cells[0]))
        for place, (before, after) in enumerate(zip(piece.cells, restored, strict=True)):
            method, size = piece.taken[place]
            sizes[place][method] = sizes[place].get(method, 0.0) + size
            errors[place] = max(errors[place], greatest_error(before, after))
            original[place] += before.size
    return pd.DataFrame(
        {
            "column": [*(f"code {place}" for place in range(codec.n_codes)), *codec.names],
            "method": [NAMES[max(size, key=size.__getitem__)] if size else "none" for size in sizes],
            "bytes": [sum(size.values()) for size in sizes],
            "original": original,
            "greatest_error": errors,
        }
    )


class _Length(io.RawIOBase):
    """A file that keeps nothing but its length."""

    length = 0

    def write(self, data: Any) -> int:
        self.length += len(data)
        return len(data)
