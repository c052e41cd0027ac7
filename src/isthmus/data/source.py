"""The contract of sources: a table in any form, read in blocks of rows and answered in its own form."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from isthmus.contracts import Row
from isthmus.data.labels import Labels
from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from isthmus.data.dialect import Dialect


class Source(abc.ABC):
    """A table read in blocks of rows, as often as wanted; nothing of it changes once it is made."""

    name: str = "X"  # for messages: the path where it is a file
    folder: Any = None  # a temporary one that it reads from, removed when the last copy of it is gone
    files: Sequence[str] = ()  # of the rows, where each is a file of its own
    row: Row
    n_rows: int
    dtype: np.dtype[Any]  # float32 where all is float32, else float64
    names: Sequence[str] = ()  # of the columns, whatever they hold
    index: Any = None  # what `frame` needs of the rows: their names, their lengths, the library that held them
    priority: ClassVar[int] = 0  # of several kinds that accept the same data, the one with the highest reads it
    suffixes: ClassVar[tuple[str, ...]] = ()  # of the files it reads
    is_file: ClassVar[bool] = False  # it was read from files: of their columns a model takes those it needs by name
    keeps_texts: ClassVar[bool] = False  # its cells are written again as they were read, by `write`
    takes: ClassVar[tuple[str, ...]] = ()  # those of reading files that it takes, behind the path
    reads_many: ClassVar[bool] = False  # files as one table: a folder of them, or those that match a pattern
    form: ClassVar[str]  # the name of this kind of table, also in model files: that of its module, unless it says so

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "form" not in vars(cls):
            cls.form = cls.__module__.rpartition(".")[2]

    @abc.abstractmethod
    def __init__(self, data: Any) -> None:
        """Open `data`; a source that opens none by itself takes what it is made of."""

    @classmethod
    def accepts(cls, data: Any) -> bool:
        """Say whether `data` is of this kind, without importing what it would need."""
        return False

    def select(self, columns: Sequence[str] | None) -> Self:
        """Return the source of these columns, in this order; arrays have no names to select by, and stay whole."""
        return self

    @property
    def kind(self) -> type[Source]:
        """The kind of table that answers come in."""
        return type(self)

    @property
    def pixel_limit(self) -> float | None:
        """What a value can be at most where rows are images, whose pixels start at 0; None where they are none."""
        return None

    @property
    def is_numeric(self) -> bool:
        """Whether all columns are of numbers by their type."""
        return True

    def require_rows(self) -> None:
        """Raise `InvalidData` for a table without rows, in the words of scikit-learn, of a file in its own."""
        if self.n_rows:
            return
        columns = self.row.size
        what = f"X has 0 sample(s) (shape=(0, {columns}))"
        if self.is_file:
            what = f"{self.name} has {columns} column{'s' * (columns > 1)} and no rows"
        raise InvalidData(f"{what}: expected at least one row.")

    def describe(self) -> str:
        """Return what a user may want to know of how the table was read, a part of a sentence."""
        return ""

    def guesses(self) -> list[str]:
        """Return what was guessed of columns, as sentences."""
        return []

    def has_missing(self, rows: int = 8192) -> bool:
        """Say whether a value is missing."""
        return any(bool(np.isnan(block).any()) for block in self.blocks(rows))

    @classmethod
    def convert(cls, data: Any, row: Row) -> Any:
        """Return the table of a later call as this kind sees it, which is that of the fit on rows like `row`.

        It is `data` itself, or its source where it is of this kind only because the table of the fit was.

        Raises
        ------
        InvalidData
            If it is one row of several axes instead of a table of rows.
        """
        image = row.shape[1:] if row.shape[0] == 1 else row.shape  # of one channel it is [height, width] too
        is_table = isinstance(data, np.ndarray) and data.ndim > 1 and data.shape in (row.shape, image)
        if is_table and not (data.ndim == 2 and data.shape[1] == row.size):
            raise InvalidData(
                f"X: expected a table of rows; got one row, of shape {data.shape}. Pass X.reshape{(1, *row.shape)}."
            )
        return data

    def shaped_like(self, row: Row) -> Source:
        """Return a source whose rows have the shape of `row`, that of the fit; a row of numbers is as long as it is.

        Raises
        ------
        InvalidData
            If a row is longer than those of the fit, or shorter where that may not be.
        """
        return self

    def with_channels(self, channels: tuple[str, ...] | None) -> Source:
        """Return the source with its channels in the order of the fit, where both have names for them.

        Raises
        ------
        InvalidData
            If one is missing.
        """
        return self

    def with_row(self, row: Row) -> Self:
        """Return a source of the same table whose rows are described by `row`."""
        other = copy.copy(self)
        other.row = row
        return other

    @abc.abstractmethod
    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the values in order, [at most rows, d], as floats."""

    def labels(self) -> Labels | None:
        """Return the names of the columns as the kind has them."""
        return None if self.row.columns is None else list(self.row.columns)

    def own_array(self) -> np.ndarray | None:
        """Return the array that it is, in its own shape and type; None where it is no array of a file."""
        return None

    def whole(self) -> Any:
        """Return the table in the form of its kind, all of it in memory."""
        values = np.concatenate(list(self.blocks(65_536)))
        return values.reshape(-1, *self.row.shape)

    def complete(self, answer: Any, is_missing: np.ndarray) -> Any:
        """Return the table with its missing values [n, d] taken from `answer`, a table of the same form.

        Raises
        ------
        InvalidData
            If the kind has no values that can be filled in.
        """
        raise InvalidData(f"X: expected an array, a frame or a file, whose cells can be filled; got {self.form}.")

    def fill(self, answer: Any, is_missing: np.ndarray) -> Any:
        """Return what `complete` does in the form that is best written to a file: for files a table of Arrow."""
        return self.complete(answer, is_missing)

    def write(
        self,
        file: IO[bytes],
        answer: Any,
        is_new: np.ndarray,
        separator: str | None = None,
        *,
        is_rounded: bool = True,
        escape: Callable[[str], str] | None = None,
    ) -> None:
        """Write the table as it was read, the cells where `is_new` [n, d] from `answer`, as their column writes such.

        Parameters
        ----------
        answer : a frame of the columns.
        separator : what stands between cells; None takes that of the file.
        is_rounded : whether numbers have as many decimals as those of their column at most; else all.
        escape : what is done to every text before it is written, names too.

        Raises
        ------
        InvalidData
            If the kind keeps no texts.
        """
        dialect, names, columns = self.written(answer, is_new, is_rounded)
        if escape is not None:
            names, columns = list(map(escape, names)), [list(map(escape, column)) for column in columns]
        dialect.write(file, names, columns, separator)

    def written(self, answer: Any, is_new: np.ndarray, is_rounded: bool) -> tuple[Dialect, list[str], list[list[str]]]:
        """Return how a table of texts is written, its names, and the cells of each column, as `write` writes them."""
        raise InvalidData(f"X: expected a table of texts, as .csv; got {self.form}.")

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        """Return `values` [n, *row.shape] in the form of this kind."""
        return values
