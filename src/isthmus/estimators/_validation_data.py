"""Validation rows that a fit is given as a table of their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from isthmus.contracts import Part
from isthmus.data.reader import Reader
from isthmus.data.rows import Rows
from isthmus.data.source import Source
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidData, InvalidPart
from isthmus.estimators._validation import check_part_labels

FORMS = "a table, (X, y), or (X, y, sample_weight)"


class ValidationData(NamedTuple):
    """Validation rows as a fit is given them."""

    X: Any
    y: Any = None
    sample_weight: Any = None

    @classmethod
    def of(cls, data: Any, fraction: float | None) -> ValidationData | None:
        """Return what the argument `validation_data` holds, or None.

        Raises
        ------
        InvalidPart
            If rows are to be kept from the table as well.
        InvalidData
            If it is a tuple of more than three.
        """
        if data is None:
            return None
        if fraction:
            raise InvalidPart(
                f"validation_fraction={fraction:g} keeps rows of X for validation, and validation_data gives others: "
                "leave out one of them."
            )
        if isinstance(data, cls):
            return data
        if isinstance(data, tuple):
            if not 1 <= len(data) <= 3:
                raise InvalidData(f"validation_data: expected {FORMS}; got a tuple of {len(data)}.")
            return cls(*data)
        return cls(data)

    def open(self, reader: Reader) -> Source:
        """Return the source of the rows, whose columns are compared with those of the fit.

        Raises
        ------
        InvalidData
            If it is another table.
        """
        source = reader.open(self.X)
        if source.row.size != reader.row.size:
            raise InvalidData(f"validation_data has {source.row.size} columns, and X has {reader.row.size}.")
        if not source.n_rows:
            raise InvalidData("validation_data holds no rows.")
        return source

    def weight(self, source: Source) -> np.ndarray:
        """Return the weight of each row, [n]."""
        return check_weight(self.sample_weight, source.n_rows)

    def rows(self, reader: Reader, parts: list[Part | None], y: Any) -> Rows:
        """Return the rows of an autoencoder, with the labels that parts need, numbered as those `y` of its fit."""
        source = self.open(reader)
        labels = None
        if any(part is not None and part.needs_labels for part in parts):
            if self.y is None:
                raise InvalidData("validation_data has no labels, and a part needs them: pass (X, y).")
            both = np.concatenate([np.asarray(y), np.asarray(self.y)])
            labels = check_part_labels(parts, both, len(np.asarray(y)) + source.n_rows)
            labels = None if labels is None else labels[-source.n_rows :]
        return Rows(source, self.weight(source), labels)
