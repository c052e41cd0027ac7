"""The code of an autoencoder beside a row: coarse numbers that are written first, and tell of all columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.codec.cells import Cells
from isthmus.codec.columns import Column, NumberColumn
from isthmus.codec.forms import Form
from isthmus.codec.quantisers import Bits, Lattice
from isthmus.estimators.autoencoder import Autoencoder

LEVELS = 16  # of a number of a code
TYPE = np.dtype(np.float32)


def code_cells(autoencoder: Autoencoder, form: Form, block: Sequence[Cells]) -> list[Cells]:
    """Return the codes of rows, a column for each number of a code."""
    code = np.asarray(autoencoder.transform(form.restore([block])), TYPE)
    return [Cells(np.ascontiguousarray(column), np.zeros(len(code), bool)) for column in code.T]


def fit_code_columns(cells: Sequence[Cells]) -> list[Column]:
    """Return how the numbers of codes are rounded: in steps of a sixteenth of their range."""
    columns: list[Column] = []
    for part in cells:
        step = float(np.ptp(part.values.astype(np.float64))) / LEVELS
        columns.append(NumberColumn(Lattice(TYPE, step / 2 * (1 + 1e-6), step) if step > 0 else Bits(TYPE)))
    return columns
