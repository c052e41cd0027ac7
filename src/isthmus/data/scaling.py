"""A scaling as a kind of row needs it: codes pass, holes stay, and every step of a sequence is scaled alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from isthmus.contracts import Arrays, Blocks, Row, Scaling
from isthmus.errors import InvalidData

Seen = Mapping[int, tuple[int, ...]]  # the values that a column of codes had in training


@dataclass(frozen=True)
class TableScaling:
    """What a part of `isthmus.scalings` does to rows of a kind.

    Columns of codes are not scaled, but checked: whole numbers in range, and, where `seen` names the column, among the
    values of training. Of a sequence all steps are scaled by the same numbers, one set for each feature; steps that are
    not there count for nothing. Entries that are not there stay NaN.
    """

    part: Scaling
    row: Row
    seen: Seen = field(default_factory=dict)

    @cached_property
    def width(self) -> int:
        """How many columns the part sees."""
        if self.row.is_sequence:
            return self.row.shape[-1]
        return self.row.size if self.row.codes is None else len(self._numbers)

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the arrays that `fit` returns, last axis `width`."""
        return self.part.learned if self.width else ()

    @cached_property
    def _numbers(self) -> np.ndarray:
        """The columns that hold numbers."""
        return np.arange(self.row.size) if self.row.codes is None else np.flatnonzero(np.array(self.row.codes) == 0)

    @property
    def _is_plain(self) -> bool:
        return not self.row.is_sequence and self.row.codes is None and not self.row.may_be_missing

    def fit(self, blocks: Blocks) -> Arrays:
        if self._is_plain:
            return self.part.fit(blocks)
        if self.row.is_table:
            return self._by_column(blocks) if self.width else {}
        return self.part.fit(lambda: self._folded(blocks)) if self.width else {}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        if self._is_plain:
            return self.part.apply(learned, x)
        self._check_codes(x)
        scaled = self._through(lambda rows: self.part.apply(learned, rows), x)
        return np.where(np.isnan(x), np.nan, scaled) if self.row.may_be_missing else scaled

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return self.part.undo(learned, x) if self._is_plain else self._through(lambda r: self.part.undo(learned, r), x)

    def _by_column(self, blocks: Blocks) -> Arrays:
        """Return what the part learns of each column by itself, from the rows that hold something there."""
        read = [(self._columns(x), weight) for x, weight in blocks()]
        rows, weight = np.concatenate([x for x, _ in read]), np.concatenate([each for _, each in read])
        found = []
        for place, column in zip(self._numbers, rows.T, strict=True):
            is_there = ~np.isnan(column)
            if not (is_there & (weight > 0)).any():
                raise InvalidData(f"{self.row.column(int(place))} holds no values at all: leave it out.")
            # A row of weight 0 with a value that is there counts for nothing.
            whole = np.where(is_there, column, column[is_there][0])[:, None]
            found.append(self.part.fit(lambda w=whole, t=is_there: iter([(w, np.where(t, weight, 0.0))])))  # type: ignore[misc]
        return {name: np.concatenate([each[name] for each in found], axis=-1) for name in self.part.learned}

    def _folded(self, blocks: Blocks) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield what the part sees: numbers only, each step of a sequence a row; without holes."""
        for x, weight in blocks():
            rows = self._columns(x)
            weights = np.repeat(weight, len(rows) // len(x))
            is_there = ~np.isnan(rows).any(axis=1)
            if is_there.any():
                yield rows[is_there], weights[is_there]

    def _columns(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(-1, self.width) if self.row.is_sequence else x[:, self._numbers]

    def _through(self, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
        if not self.width:
            return x
        found = function(self._columns(x))
        if self.row.is_sequence:
            return found.reshape(x.shape)
        whole = np.array(x, np.result_type(found, x))
        whole[:, self._numbers] = found
        return whole

    def _check_codes(self, x: np.ndarray) -> None:
        """Raise `InvalidData` where a column of codes holds what is none, or none that was seen."""
        for column, count in enumerate(self.row.codes or ()):
            if not count:
                continue
            values = x[:, column][~np.isnan(x[:, column])] if self.row.may_be_missing else x[:, column]
            wrong = (values % 1 != 0) | (values < 0) | (values >= count)
            if wrong.any():
                raise InvalidData(
                    f"{self.row.column(column)}: expected a category, a whole number from 0 to {count - 1}; got "
                    f"{values[wrong][0]:g}. Correct it, or drop such rows."
                )
            known = self.seen.get(column)
            if known is not None and not np.isin(values, known).all():
                unseen, there = values[~np.isin(values, known)][0], ", ".join(map(str, known))
                raise InvalidData(
                    f"{self.row.column(column)}: expected a category of the training rows ({there}); got "
                    f"{unseen:g}. Fit a model on rows that hold it."
                )
