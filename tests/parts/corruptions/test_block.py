"""A block of each row is dark: a rectangle of an image, a run of a flat row, at a place drawn for each row."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats

from isthmus.errors import InvalidPart
from isthmus.parts.corruptions import Block

RANDOM = np.random.default_rng(0)

corrupt = jax.jit(lambda part, x, key: part(x, key))


def images(*shape: int) -> np.ndarray:
    return 1 + RANDOM.random(size=shape, dtype=np.float32)  # nowhere zero


def box(is_dark: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box around what is dark."""
    return tuple(slice(places.min(), places.max() + 1) for places in np.nonzero(is_dark))


@pytest.mark.parametrize(
    ("part", "shape", "sides"),
    [
        # √share of each side, in whole pixels; the width makes up for the rounding of the height.
        (Block(), (1, 28, 28), (14, 14)),
        (Block(0.25), (8, 8), (4, 4)),
        (Block(0.5), (3, 10, 20), (7, 14)),  # 7.07, then 100 / 7 = 14.3
        (Block(0.1), (1, 7, 9), (2, 3)),  # 2.2, then 6.3 / 2 = 3.15
        (Block(0.01), (1, 4, 4), (1, 0)),  # 0.16 pixels
        (Block(0.2), (50,), (1, 10)),
        (Block(0.25, shape=(2, 4, 6)), (48,), (2, 3)),
        (Block(0.25, shape=(4, 12)), (48,), (2, 6)),
    ],
    ids=str,
)
def test_a_rectangle_over_all_channels_is_dark_and_the_rest_untouched(
    part: Block, shape: tuple[int, ...], sides: tuple[int, int]
) -> None:
    x = images(300, *shape)
    corrupted = np.asarray(corrupt(part, x, jax.random.key(0)))
    assert corrupted.shape == x.shape
    np.testing.assert_array_equal(corrupted[corrupted != 0], x[corrupted != 0])
    image = part.shape or shape
    planes = (corrupted == 0).reshape(300, -1, *(image[-2:] if len(image) > 1 else (1, *image)))
    assert (planes == planes[:, :1]).all(), "the channels differ"
    for plane in planes[:, 0]:
        assert plane.sum() == sides[0] * sides[1]
        if plane.any():
            assert plane[box(plane)].shape == sides
            assert plane[box(plane)].all()


@pytest.mark.parametrize("shape", [(1, 6, 8), (10,)], ids=str)
def test_every_place_is_as_likely(shape: tuple[int, ...]) -> None:
    x = images(6000, *shape)
    is_dark = np.asarray(corrupt(Block(0.25), x, jax.random.key(2))).reshape(6000, *shape) == 0
    starts = np.array([[places.start for places in box(row)] for row in is_dark])
    sides = [places.stop - places.start for places in box(is_dark[0])]
    for axis, (whole, side) in enumerate(zip(shape, sides, strict=True)):
        counts = np.bincount(starts[:, axis], minlength=whole - side + 1)
        assert len(counts) == whole - side + 1
        assert len(counts) == 1 or scipy.stats.chisquare(counts).pvalue > 1e-4
    if len(shape) > 1:
        assert abs(np.corrcoef(starts[:, 1], starts[:, 2])[0, 1]) < 4.5 / np.sqrt(6000)


def test_the_value_may_be_another() -> None:
    x = images(20, 4, 4)
    corrupted = np.asarray(corrupt(Block(0.25, value=-1.5), x, jax.random.key(0)))
    assert ((corrupted == -1.5).sum(axis=(1, 2)) == 4).all()


@pytest.mark.parametrize("shape", [(2, 5, 7), (9,)], ids=str)
def test_the_ends_of_the_range(shape: tuple[int, ...]) -> None:
    x = images(30, *shape)
    np.testing.assert_array_equal(corrupt(Block(0), x, jax.random.key(0)), x)
    np.testing.assert_array_equal(corrupt(Block(1), x, jax.random.key(0)), np.zeros_like(x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 1.3}, "Block.share must be in [0, 1]. Got 1.3."),
        ({"share": -0.1}, "Block.share must be in [0, 1]. Got -0.1."),
        ({"shape": (9,)}, "Block.shape must be (height, width) or (channels, height, width). Got (9,)."),
        ({"shape": (0, 3, 3)}, "Block.shape must be (height, width) or (channels, height, width). Got (0, 3, 3)."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Block(**settings)
    assert str(caught.value) == message


def test_a_shape_that_does_not_hold_the_row_is_refused() -> None:
    with pytest.raises(InvalidPart) as caught:
        Block(shape=(1, 3, 3))(images(2, 10), jax.random.key(0))
    assert str(caught.value) == "Block.shape must be a shape of 10 numbers, as a row has. Got (1, 3, 3)."
