"""Arrays of three or four axes are images: read as flat rows whose shape is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus import InvalidData
from isthmus.data.sources import open_numbers

GRAY = np.arange(7 * 2 * 3, dtype=np.float64).reshape(7, 2, 3)
COLOR = np.arange(7 * 3 * 2 * 4, dtype=np.float32).reshape(7, 3, 2, 4)


def as_npy(folder: Path, x: np.ndarray) -> Path:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


def as_npz(folder: Path, x: np.ndarray) -> Path:
    np.savez(folder / "x.npz", X=x)
    return folder / "x.npz"


FORMS: dict[str, Callable[[Path, np.ndarray], Any]] = {
    "array": lambda folder, x: x,
    "by column": lambda folder, x: np.asfortranarray(x),
    "lists": lambda folder, x: x.tolist(),
    "npy": as_npy,
    "npz": as_npz,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("x", [GRAY, COLOR], ids=["gray", "color"])
def test_images_are_read_as_rows_that_know_their_shape(form: str, x: np.ndarray, tmp_path: Path) -> None:
    source = open_numbers(FORMS[form](tmp_path, x))
    assert source.row.shape == x.shape[1:]
    assert source.row.size == x[0].size
    assert (source.n_rows, source.row.columns) == (7, None)
    assert source.dtype == (np.float64 if form == "lists" else x.dtype)
    for rows in (1, 3, 7, 100):
        blocks = list(source.blocks(rows))
        assert all(block.ndim == 2 and len(block) <= rows for block in blocks)
        np.testing.assert_array_equal(np.concatenate(blocks), np.stack([image.ravel() for image in x]))


def test_a_table_stays_a_table() -> None:
    source = open_numbers(GRAY[:, 0])
    assert source.row.shape == (3,)
    np.testing.assert_array_equal(next(source.blocks(7)), GRAY[:, 0])


def test_no_images_are_no_blocks() -> None:
    source = open_numbers(GRAY[:0])
    assert (source.n_rows, source.row.shape) == (0, (2, 3))
    assert list(source.blocks(5)) == []


def test_more_axes_are_refused() -> None:
    with pytest.raises(InvalidData) as caught:
        open_numbers(GRAY.reshape(7, 1, 1, 2, 3))
    assert str(caught.value) == (
        "X: expected 2 dimensions, or 3 or 4 for images; got 5 (7 x 1 x 1 x 2 x 3). Pass X.reshape(len(X), -1) to make "
        "each item one row."
    )


def test_text_in_an_image_is_refused_by_its_place_in_the_flat_row() -> None:
    x = GRAY.astype(object)
    x[4, 1, 0] = "dark"
    with pytest.raises(InvalidData, match=r"^column 3: expected numbers; got text \('dark', row 4\)"):
        open_numbers(x)
    x[4, 1, 0] = "0.5"
    assert next(open_numbers(x).blocks(7))[4, 3] == 0.5
