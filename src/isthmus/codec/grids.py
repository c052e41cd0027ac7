"""Images and fields without a model: blocks of rows as grids, by the method that takes fewest bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from isthmus.codec import methods
from isthmus.codec.by_neighbors import neighbor_plans, read_neighbors, write_neighbors
from isthmus.codec.by_wavelets import read_wavelets, wavelet_plans, write_wavelets
from isthmus.codec.cells import Cells
from isthmus.codec.columns import NumberColumn
from isthmus.codec.fitted import SETTINGS, quantiser_from, shown_form
from isthmus.codec.forms import Form, grid_form
from isthmus.codec.plain import FINGERPRINT
from isthmus.codec.quantisers import Levels, Quantiser, fit_decimals, fit_quantiser
from isthmus.codec.tolerance import Tolerance
from isthmus.errors import InvalidData, ModelFileError
from isthmus.storage.state import State

CLOSE = 1.25  # times the bits of the best estimate: what may need so many is tried
SAMPLE = 2**20  # values, from which it is seen whether they are decimals
DAMAGED = "the stream is damaged: a grid in it cannot be read."


@dataclass(frozen=True)
class GridBlocks:
    """How blocks of rows of a grid are written and read: as one column, whose cells are arrays."""

    quantiser: Quantiser
    shape: tuple[int, ...]  # of a row
    may_mix: bool = True  # whether ways by mixed contexts are tried

    def write(self, cells: Sequence[Cells]) -> tuple[bytes, list[tuple[int, float]]]:
        """Return the bytes of rows, and the method that was taken and how many bytes it took."""
        values, column = cells[0].values, NumberColumn(self.quantiser)
        flat = Cells(values.ravel(), np.zeros(values.size, bool))
        numbers, special = column.numbers(flat)
        is_kept, numbers = (special < 0).reshape(values.shape), numbers.reshape(values.shape)
        tried = [methods.smallest(column, flat, numbers.ravel(), special)]
        beside = neighbor_plans(numbers, is_kept) if self.may_mix else []
        waves = wavelet_plans(values, is_kept, self.quantiser) if self.may_mix else []
        by_neighbors = min(beside, key=lambda plan: plan.bits, default=None)
        by_wavelets = min(waves, key=lambda plan: plan.bits, default=None)
        least = CLOSE * min((plan.bits for plan in (by_neighbors, by_wavelets) if plan is not None), default=0.0)
        if by_neighbors is not None and by_neighbors.bits <= least:
            tried.append((methods.NEIGHBORS, write_neighbors(by_neighbors, values, is_kept)))
        if by_wavelets is not None and by_wavelets.bits <= least:
            tried.append((methods.WAVELETS, write_wavelets(by_wavelets, values, is_kept, self.quantiser)))
        method, data = min(tried, key=lambda pair: len(pair[1]))
        return bytes([method]) + data, [(method, float(len(data)))]

    def most_rows(self, cells: Sequence[Cells]) -> int:
        """Return how many of these rows should be in a block at most: all."""
        return len(cells[0])

    def read(self, data: bytes, n: int) -> list[Cells]:
        """Return the cells of a block of `n` rows.

        Raises
        ------
        ModelFileError
            If it is no such block.
        """
        shape = (n, *self.shape)
        if not data or data[0] >= len(methods.NAMES) or n > max(methods.MOST_GRID // int(np.prod(self.shape)), 1):
            raise ModelFileError(DAMAGED)
        method, body = data[0], data[1:]
        if method not in (methods.NEIGHBORS, methods.WAVELETS):
            flat = methods.read(method, body, NumberColumn(self.quantiser), int(np.prod(shape)))[0]
            return [Cells(flat.values.reshape(shape), np.zeros(n, bool))]
        read = read_neighbors if method == methods.NEIGHBORS else read_wavelets
        try:
            values = read(body, shape, self.quantiser)
        except (ValueError, RuntimeError, struct.error, OverflowError, IndexError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(DAMAGED) from error
        return [Cells(values, np.zeros(n, bool))]


@dataclass(frozen=True)
class GridCodec:
    """How the values of images or fields become numbers."""

    settings: dict[str, Any]  # the parameters of the fit as JSON; none where it was read from a stream
    form: Form
    quantiser: Quantiser
    n_codes: ClassVar[int] = 0
    fingerprint: ClassVar[str] = FINGERPRINT
    autoencoder: ClassVar[None] = None
    is_alone: ClassVar[bool] = True

    @property
    def blocks(self) -> GridBlocks:
        """How blocks of rows are written and read."""
        return GridBlocks(self.quantiser, self.form.shape, self.settings.get("effort") != "fast")

    @property
    def columns(self) -> list[GridColumn]:
        """The one column."""
        return [GridColumn(self.form)]

    @property
    def names(self) -> list[str]:
        """The name of the one column."""
        return list(self.form.schema.names)

    @property
    def cells_of_row(self) -> int:
        """How many values a row has."""
        return int(np.prod(self.form.shape))

    def places(self, form: Form) -> list[int]:
        """Return where the columns of the fit stand in a table of a form: here is one.

        Raises
        ------
        InvalidData
            If rows have another shape or type than at the fit.
        """
        if (form.kind, form.shape) != (self.form.kind, self.form.shape):
            raise InvalidData(f"X: expected {shown_form(self.form)}, as at the fit; got {shown_form(form)}.")
        if form.dtype != self.form.dtype:
            raise InvalidData(f"X: expected values of type {self.form.dtype}, as at the fit; got {form.dtype}.")
        return [0]

    def arranged(self, form: Form) -> GridCodec:
        """Return the same: there is one column."""
        return self

    def header(self, form: Form) -> dict[str, Any]:
        """Return the header of a stream of a grid of a form."""
        return {"model": self.fingerprint, "grid": self.to_json()}

    def to_json(self) -> list[Any]:
        """Return all that is needed to read blocks, as plain JSON."""
        return [
            self.form.dtype,
            list(self.form.shape),
            type(self.quantiser).__name__,
            *self.quantiser.settings().values(),
        ]

    @classmethod
    def from_json(cls, data: Any, name: str, settings: dict[str, Any] | None = None) -> GridCodec:
        """Return what `to_json` wrote; `data` may be anything.

        Raises
        ------
        ModelFileError
            If it is none; it says so of `name`.
        """
        form = quantiser = None
        if isinstance(data, list) and len(data) > 2 and isinstance(data[2], str):
            form = grid_form(data[0], data[1])
        if form is not None:
            settings_of = dict(zip(SETTINGS.get(data[2], {}), data[3:], strict=False))
            quantiser = quantiser_from(data[2], settings_of, form.stored)
        if form is None or quantiser is None:
            raise ModelFileError(f"{name} is damaged: it does not say of what form its grid is.")
        return cls(settings or {}, form, quantiser)

    def to_state(self) -> State:
        """Return what a file holds."""
        return State({"parameters": self.settings, "grid": self.to_json()})


@dataclass(frozen=True)
class GridColumn:
    """The one column of a grid."""

    form: Form

    def cells(self, numbers: np.ndarray, special: np.ndarray) -> Cells:
        """Return no cells."""
        return Cells(np.zeros((len(numbers), *self.form.shape), self.form.stored), special == 0)


def fit_grid(settings: dict[str, Any], form: Form, values: np.ndarray, tolerance: Tolerance | None) -> GridCodec:
    """Return the codec of grids of a form, of which the fit has seen some values [n, ...]."""
    flat = values.ravel()
    quantiser = fit_decimals(flat[:SAMPLE]) if tolerance is None else fit_quantiser(flat, tolerance)
    if isinstance(quantiser, Levels):  # where the error that is allowed is none
        quantiser = fit_decimals(flat[:SAMPLE])
    return GridCodec(settings, form, quantiser)
