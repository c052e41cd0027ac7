"""A table without a model: each column of a block by itself, where a model would take more bytes than it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from isthmus.codec.blocks import Blocks
from isthmus.codec.columns import Column, NumberColumn, TextColumn
from isthmus.codec.fitted import FittedCodec, quantiser_from
from isthmus.codec.forms import Form, storage_types
from isthmus.codec.quantisers import Levels, fit_decimals, unordered
from isthmus.errors import ModelFileError

FINGERPRINT = "none"  # of a model that there is not


@dataclass(frozen=True)
class PlainCodec:
    """How the columns of a table become numbers; nothing is known of how likely these are."""

    form: Form
    columns: Sequence[Column]
    n_codes: ClassVar[int] = 0
    fingerprint: ClassVar[str] = FINGERPRINT

    @cached_property
    def blocks(self) -> Blocks:
        """How blocks of rows are written and read."""
        return Blocks(self.columns, None)

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.form.schema.names)

    @property
    def cells_of_row(self) -> int:
        """How many values a row has."""
        return len(self.columns)

    def places(self, form: Form) -> list[int]:
        """Return where the columns stand in a table of a form: it is that of this one."""
        return list(range(len(form.schema)))

    def to_json(self) -> list[Any]:
        """Return how the columns become numbers, as plain JSON; None for texts."""
        return [
            [type(column.quantiser).__name__, column.quantiser.settings()] if isinstance(column, NumberColumn) else None
            for column in self.columns
        ]

    @classmethod
    def from_json(cls, data: Any, form: Form, name: str) -> PlainCodec:
        """Return what `to_json` wrote; `data` may be anything.

        Raises
        ------
        ModelFileError
            If it is none; it says so of `name`.
        """
        types = storage_types(form.schema)
        if not isinstance(data, list) or len(data) != len(types):
            raise ModelFileError(f"{name} is damaged: it does not say how its columns become numbers.")
        columns: list[Column] = []
        for described, dtype in zip(data, types, strict=True):
            if dtype is None and described is None:
                columns.append(TextColumn(()))
                continue
            quantiser = None
            if dtype is not None and isinstance(described, list) and len(described) == 2:
                quantiser = quantiser_from(described[0], described[1], dtype)
            if quantiser is None:
                raise ModelFileError(f"{name} is damaged: it does not say how its columns become numbers.")
            columns.append(NumberColumn(quantiser))
        return cls(form, columns)


def plain_codec(fitted: FittedCodec, form: Form) -> PlainCodec:
    """Return how a table of a form is written without the model of a codec, within the same errors."""
    known = dict(zip(fitted.names, fitted.columns[fitted.n_codes :], strict=True))
    return PlainCodec(form, [_without_levels(known[name]) for name in form.schema.names])


def _without_levels(column: Column) -> Column:
    if isinstance(column, TextColumn):
        return TextColumn(())
    quantiser = column.quantiser
    if isinstance(quantiser, Levels):
        return NumberColumn(fit_decimals(unordered(np.asarray(quantiser.levels), quantiser.dtype)))
    return column
