"""The contract of the room `sources`: tables in any form, read in blocks of rows."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from isthmus.contracts import Row
from isthmus.errors import InvalidData


class Source(abc.ABC):
    """A table read in blocks of rows, as often as wanted, and answered in its own form."""

    row: Row
    n_rows: int
    dtype: np.dtype[Any]  # float32 where all is float32, else float64
    names: Sequence[str] = ()  # of the columns before they are chosen
    index: Any = None  # names of the rows, kept for the way out
    suffixes: ClassVar[tuple[str, ...]] = ()  # of the files it reads

    @classmethod
    @abc.abstractmethod
    def accepts(cls, data: Any) -> bool:
        """Say whether `data` is of this kind, without importing what it would need."""

    @abc.abstractmethod
    def __init__(self, data: Any) -> None: ...

    def pick(self, columns: Sequence[str] | None) -> None:  # noqa: B027 -- arrays have no names to pick by
        """Keep these columns, in this order (None keeps all), whatever they hold."""

    def choose(self, columns: Sequence[str] | None) -> None:  # noqa: B027 -- arrays have no names to choose by
        """Keep these columns, in this order (None keeps all), and refuse what are no numbers; before all else."""

    @property
    def kind(self) -> type[Source]:
        """The kind of table that answers come in."""
        return type(self)

    def has_missing(self, rows: int = 8192) -> bool:
        """Say whether a cell is missing."""
        return any(bool(np.isnan(block).any()) for block in self.blocks(rows))

    @classmethod
    def again(cls, data: Any, row: Row) -> Any:
        """Return `data`, or its source where it is of this kind only because the table of the fit, of `row`, was.

        Raises
        ------
        InvalidData
            If it is one row of several axes where many are due.
        """
        image = row.shape[1:] if row.shape[0] == 1 else row.shape  # of one channel it is [height, width] too
        is_one = isinstance(data, np.ndarray) and data.ndim > 1 and data.shape in (row.shape, image)
        if is_one and not (data.ndim == 2 and data.shape[1] == row.size):
            raise InvalidData(
                f"X is one row, of shape {data.shape}, where several are due: pass X.reshape{(1, *row.shape)}."
            )
        return data

    def fill(self, row: Row) -> None:  # noqa: B027 -- a row of numbers is as long as it is
        """Take the form of `row`, that of the fit, where rows may be shorter than those, or refuse what is longer."""

    @abc.abstractmethod
    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the values in order, [at most rows, d], as floats."""

    def labels(self) -> list[str | int] | None:
        """Return the names of the columns as the kind has them."""
        return None if self.row.columns is None else list(self.row.columns)

    def whole(self) -> Any:
        """Return the table in the form of its kind, all of it in memory."""
        values = np.concatenate(list(self.blocks(65_536)))
        return values.reshape(-1, *self.row.shape)

    def completed(self, answer: Any, is_missing: np.ndarray) -> Any:
        """Return the table with the cells that are missing [n, d] taken from `answer`, a table of the same form.

        Raises
        ------
        InvalidData
            If the kind has no cells to fill.
        """
        raise InvalidData("X has no cells that can be filled: an array, a frame or a file is due.")

    @classmethod
    def frame(cls, values: np.ndarray, labels: Sequence[str | int], index: Any = None) -> Any:
        """Return `values` [n, *row.shape] in the form of this kind."""
        return values
