"""The scaling of tables: categories pass, missing values stay NaN, all steps of a sequence are scaled alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from isthmus.contracts import Arrays, Blocks, Row, Scaling
from isthmus.data.value_ranges import value_ranges, within
from isthmus.errors import InvalidData

EMPTY = 2  # of a column of pixels that holds no value at all
KnownCategories = Mapping[int, tuple[int, ...]]  # by column, the categories of the training rows


@dataclass(frozen=True)
class TableScaling:
    """What a part of `isthmus.scalings` does to rows of a kind.

    Categories are not scaled, but checked: whole numbers in range, and, where `known` names the column, among those of
    the training rows. One that the fit has not had becomes NaN: it tells the network nothing. Of a sequence all steps
    are scaled by the same numbers, one set for each feature; steps that are missing count for nothing. Missing values
    stay NaN.
    """

    part: Scaling
    row: Row
    known: KnownCategories = field(default_factory=dict)

    @cached_property
    def width(self) -> int:
        """How many columns the part sees."""
        if self.row.is_sequence:
            return self.row.shape[-1]
        return self.row.size if self.row.categories is None else len(self.numbers)

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the arrays that `fit` returns, last axis `width`."""
        return self.part.learned if self.width else ()

    @cached_property
    def numbers(self) -> np.ndarray:
        """The columns that hold numbers."""
        return (
            np.arange(self.row.size)
            if self.row.categories is None
            else np.flatnonzero(np.array(self.row.categories) == 0)
        )

    @property
    def _is_plain(self) -> bool:
        return not self.row.is_sequence and self.row.categories is None and not self.row.may_be_missing

    def fit(self, blocks: Blocks) -> Arrays:
        if self._is_plain:
            return self.part.fit(blocks)
        if self.row.may_be_missing and not self.row.is_sequence:
            return self._fit_columns(blocks) if self.width else {}
        return self.part.fit(lambda: self._present_rows(blocks)) if self.width else {}

    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        if self._is_plain:
            return self.part.apply(learned, x)
        x = x if self.row.unseen is None else np.where(self.row.is_unseen(x), np.nan, x)
        self._check_categories(x)
        return self.scale(learned, x)

    def scale(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        """Return what `apply` does of rows [n, d] whose categories are known to be such, NaN where one is missing."""
        if self._is_plain:
            return self.part.apply(learned, x)
        scaled = self._map_numbers(lambda rows: self.part.apply(learned, rows), x)
        return np.where(np.isnan(x), np.nan, scaled) if self.row.may_be_missing else scaled

    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray:
        return (
            self.part.undo(learned, x) if self._is_plain else self._map_numbers(lambda r: self.part.undo(learned, r), x)
        )

    def constants(self, blocks: Blocks) -> np.ndarray | None:
        """Return which columns hold one value only, and it, [2, width] float64; None where none does.

        The first row is 1 there, and `EMPTY` where a column holds no value at all; else 0.
        """
        if not self.width:
            return None
        value, is_constant = np.full(self.width, np.nan), np.ones(self.width, bool)
        for x, _ in blocks():
            rows = self._columns(x)
            is_present = ~np.isnan(rows)
            first = rows[is_present.argmax(axis=0), np.arange(self.width)]  # NaN where a column has none
            value = np.where(np.isnan(value), first, value)
            is_constant &= ((rows == value) | ~is_present).all(axis=0)
            if not is_constant.any():
                return None
        which = np.where(np.isnan(value), EMPTY, is_constant)
        return np.stack([which, np.nan_to_num(np.where(is_constant, value, 0))]).astype(np.float64)

    def ranges(self, blocks: Blocks, dtype: np.dtype[Any]) -> np.ndarray | None:
        """Return the `value_ranges` of the columns of numbers, [3, width]; None for images and sequences."""
        if not self.width or len(self.row.shape) > 1:
            return None
        return value_ranges((self._columns(x)[weight > 0] for x, weight in blocks()), dtype)

    def within_ranges(self, ranges: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return rows [n, d] in the units of the table, its numbers within their ranges."""
        return self._map_numbers(lambda x: within(ranges, x), rows)

    def restore_constants(self, constants: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return rows [n, d] in the units of the table, each column of one value being that, of none NaN."""
        which, value = constants
        value = np.where(which == EMPTY, np.nan, value)
        return self._map_numbers(lambda x: np.where(which > 0, value, x), rows)

    def _fit_columns(self, blocks: Blocks) -> Arrays:
        """Return what the part learns of each column by itself, from the rows that have a value there."""
        read = [(self._columns(x), weight) for x, weight in blocks()]
        rows, weight = np.concatenate([x for x, _ in read]), np.concatenate([weights for _, weights in read])
        learned = []
        for place, column in zip(self.numbers, rows.T, strict=True):
            is_present = ~np.isnan(column)
            if not (is_present & (weight > 0)).any():
                if self.row.is_table and int(place) not in self.row.ignored:
                    raise InvalidData(f"{self.row.column(int(place))} holds no values at all: leave it out.")
                column, is_present = np.zeros_like(column), np.ones_like(is_present)  # as the land of a field of seas
            # A row of weight 0 with a value that is not missing counts for nothing.
            whole = np.where(is_present, column, column[is_present][0])[:, None]
            learned.append(self.part.fit(lambda w=whole, t=is_present: iter([(w, np.where(t, weight, 0.0))])))  # type: ignore[misc]
        return {name: np.concatenate([arrays[name] for arrays in learned], axis=-1) for name in self.part.learned}

    def _present_rows(self, blocks: Blocks) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield what the part sees: numbers only, each step of a sequence a row; without missing values."""
        for x, weight in blocks():
            rows = self._columns(x)
            weights = np.repeat(weight, len(rows) // len(x))
            is_present = ~np.isnan(rows).any(axis=1)
            if is_present.any():
                yield rows[is_present], weights[is_present]

    def _columns(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(-1, self.width) if self.row.is_sequence else x[:, self.numbers]

    def _map_numbers(self, function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
        if not self.width:
            return x
        values = function(self._columns(x))
        if self.row.is_sequence:
            return values.reshape(x.shape)
        whole = x.astype(np.result_type(values, x))
        whole[:, self.numbers] = values
        return whole

    def _check_categories(self, x: np.ndarray) -> None:
        """Raise `InvalidData` where a value is no category, or not one of the training rows."""
        for column, count in enumerate(self.row.categories or ()):
            if not count:
                continue
            values = x[:, column][~np.isnan(x[:, column])] if self.row.may_be_missing else x[:, column]
            wrong = (values % 1 != 0) | (values < 0) | (values >= count)
            if wrong.any():
                raise InvalidData(
                    f"{self.row.column(column)}: expected a category, a whole number from 0 to {count - 1}; got "
                    f"{values[wrong][0]:g}. Correct it, or drop such rows."
                )
            known = self.known.get(column)
            if known is not None and not np.isin(values, known).all():
                value, there = values[~np.isin(values, known)][0], ", ".join(map(str, known))
                raise InvalidData(
                    f"{self.row.column(column)}: expected a category of the training rows ({there}); got "
                    f"{value:g}. Fit a model on rows that hold it."
                )
