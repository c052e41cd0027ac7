"""Which cells of a grid are written as raw bits, and these: NaN, infinities, −0.0 and what a lattice cannot hold."""

from __future__ import annotations

import numpy as np

from isthmus.codec.entropy import Reader, Writer
from isthmus.codec.methods import from_zstd, join, split, to_zstd
from isthmus.codec.neighbors import BEFORE, BESIDE, Neighbors, Shape, code_grid

IMAGES, SLICES, CHANNELS = range(3)
MOST_CHANNELS = 4


def arrange(grid: np.ndarray, arrangement: int) -> np.ndarray:
    """Return a grid [n, ...] as images of slices, [images, slices, rows, columns]."""
    if grid.ndim == 2:
        return grid[None, None]
    if arrangement == CHANNELS:
        moved = np.moveaxis(grid, -1, -3)
        return moved.reshape(-1, *moved.shape[-3:])
    leading = int(np.prod(grid.shape[:-2]))
    return grid.reshape(*((leading, 1) if arrangement == IMAGES else (1, leading)), *grid.shape[-2:])


def rearrange(grid: np.ndarray, arrangement: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return what `arrange` was given, of a shape [n, ...]."""
    if arrangement == CHANNELS and len(shape) > 3:
        return np.moveaxis(grid.reshape(*shape[:-3], shape[-1], *shape[-3:-1]), -3, -1)
    return grid.reshape(shape)


def arrangements(shape: tuple[int, ...]) -> list[int]:
    """Return which arrangements are worth a try for a shape [n, ...]: leading axes are of images, or of slices."""
    if len(shape) > 3 and shape[-1] <= MOST_CHANNELS:
        return [CHANNELS]
    return [IMAGES, SLICES] if int(np.prod(shape[:-2])) > 1 else [IMAGES]


def arranged_shape(shape: tuple[int, ...], arrangement: int) -> Shape:
    """Return the shape that `arrange` gives.

    Raises
    ------
    ValueError
        If there is no such arrangement of the shape.
    """
    if arrangement not in arrangements(shape):
        raise ValueError
    leading = int(np.prod(shape[:-2]))
    if arrangement == CHANNELS:
        return int(np.prod(shape[:-3])), shape[-1], shape[-3], shape[-2]
    return (leading, 1, *shape[-2:]) if arrangement == IMAGES else (1, leading, *shape[-2:])  # type: ignore[return-value]


def write_mask(values: np.ndarray, is_kept: np.ndarray) -> bytes:
    """Return which cells [n, ...] are kept, and the raw bits of the others; nothing where all are."""
    if is_kept.all():
        return b""
    arrangement = arrangements(is_kept.shape)[-1]
    grid = arrange(is_kept.astype(np.int64), arrangement)
    coder = Writer()
    code_grid(coder, _plan(grid.shape[1]), grid.shape, None, grid)
    coder.flush()
    return join(to_zstd(values[~is_kept]), coder.to_bytes())


def read_mask(data: bytes, shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return which cells [n, ...] are kept, and the values of the others, in their order.

    Raises
    ------
    ValueError, struct.error
        If it is none that `write_mask` has written.
    """
    if not data:
        return np.ones(shape, bool), np.empty(0, dtype)
    raw, body = split(data, 2)
    arrangement = arrangements(shape)[-1]
    placed = arranged_shape(shape, arrangement)
    coder = Reader(body)
    grid = code_grid(coder, _plan(placed[1]), placed, None, None)
    if not coder.is_finished or grid.min(initial=0) < 0 or grid.max(initial=0) > 1:
        raise ValueError
    is_kept = rearrange(grid, arrangement, shape) > 0
    values = np.empty(int((~is_kept).sum()), dtype)
    from_zstd(raw, values)
    return is_kept, values


def _plan(slices: int) -> Neighbors:
    """Return how a mask is predicted: not at all, its contexts are all that it needs."""
    neighbors = len(BESIDE) + (len(BEFORE) if slices > 1 else 0)
    return Neighbors(0, 0, 1, np.zeros(0, np.int64), np.zeros((1, 1, neighbors), np.int32))
