"""A table without a model: each column of a block by itself, where a model would take more bytes than it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from isthmus.codec.blocks import Blocks
from isthmus.codec.columns import Column, NumberColumn, TextColumn
from isthmus.codec.fitted import FittedCodec, check_form, quantiser_from
from isthmus.codec.forms import Form, storage_types
from isthmus.codec.quantisers import Levels, fit_decimals, unordered
from isthmus.errors import ModelFileError
from isthmus.storage.state import State

FINGERPRINT = "none"  # of a model that there is not


@dataclass(frozen=True)
class PlainCodec:
    """How the columns of a table become numbers; nothing is known of how likely these are."""

    form: Form
    columns: Sequence[Column]
    settings: dict[str, Any] = field(default_factory=dict)  # the parameters of the fit as JSON
    may_mix: bool = True  # whether columns may be written by mixed contexts
    autoencoder: ClassVar[None] = None
    is_alone: ClassVar[bool] = True
    n_codes: ClassVar[int] = 0
    fingerprint: ClassVar[str] = FINGERPRINT

    @cached_property
    def blocks(self) -> Blocks:
        """How blocks of rows are written and read."""
        return Blocks(self.columns, None, self.may_mix)

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

    def arranged(self, form: Form) -> PlainCodec:
        """Return the same for tables of a form, whose columns may come in another order.

        Raises
        ------
        InvalidData
            If a column is missing, was not there at the fit, or is of another type.
        """
        check_form(self.form, form)
        known = dict(zip(self.names, self.columns, strict=True))
        return replace(self, form=form, columns=[known[name] for name in form.schema.names])

    def header(self, form: Form) -> dict[str, Any]:
        """Return the header of a stream of a table of a form, in whose order the columns are."""
        return {"model": self.fingerprint, "form": form.to_json(to_pack=True), "plain": self.to_json()}

    def to_state(self) -> State:
        """Return what a file holds."""
        return State({"parameters": self.settings, "form": self.form.to_json(), "plain": self.to_json()})

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
    return PlainCodec(form, [without_levels(known[name]) for name in form.schema.names])


def without_levels(column: Column) -> Column:
    """Return how a column becomes numbers where no model holds its levels or its words."""
    if isinstance(column, TextColumn):
        return TextColumn(())
    quantiser = column.quantiser
    if isinstance(quantiser, Levels):
        return NumberColumn(fit_decimals(unordered(np.asarray(quantiser.levels), quantiser.dtype)))
    return column
