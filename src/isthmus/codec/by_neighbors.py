"""A block of a grid, each cell given those beside it: what `neighbors` writes, and all that is needed to read it."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from isthmus.codec.entropy import Reader, Writer
from isthmus.codec.masks import arrange, arranged_shape, arrangements, read_mask, rearrange, write_mask
from isthmus.codec.methods import COUNT, from_pcodec, join, split, to_pcodec
from isthmus.codec.neighbors import (
    BEFORE,
    BESIDE,
    COUNTED,
    LARGEST,
    MOST_CLASSES,
    MOST_WEIGHT,
    Neighbors,
    code_grid,
    fit_neighbors,
)
from isthmus.codec.quantisers import Quantiser

HEAD = struct.Struct("<BBBBqqq")  # arrangement, classes, slices with weights, whether levels are stored; center, range
RARE = 4  # times as many numbers as there are levels: then their ranks are written


class NeighborPlan(NamedTuple):
    """One way to write a grid."""

    bits: float  # about
    arrangement: int
    neighbors: Neighbors
    levels: np.ndarray  # [levels] int64, where ranks among them are written; else [0]
    numbers: np.ndarray  # [n, ...] int64


def neighbor_plans(numbers: np.ndarray, is_kept: np.ndarray) -> list[NeighborPlan]:
    """Return the ways to write whole numbers [n, ...], of which some are kept."""
    known = numbers[is_kept]
    levels = np.unique(known)
    if not len(levels):
        return []
    if len(levels) <= len(known) // RARE and int(levels[-1]) - int(levels[0]) > RARE * len(levels):
        numbers = np.searchsorted(levels, numbers)
    else:
        levels = levels[:0]
        if (np.abs(known) > LARGEST).any():
            return []
    plans = []
    for arrangement in arrangements(numbers.shape):
        neighbors, bits = fit_neighbors(arrange(numbers, arrangement), arrange(is_kept, arrangement))
        plans.append(NeighborPlan(bits * len(known), arrangement, neighbors, levels, numbers))
    return plans


def write_neighbors(plan: NeighborPlan, values: np.ndarray, is_kept: np.ndarray) -> bytes:
    """Return a block by a plan; `values` [n, ...] are those of the grid."""
    _, arrangement, neighbors, levels, numbers = plan
    coder = Writer()
    is_coded = None if is_kept.all() else arrange(is_kept, arrangement)
    grid = arrange(numbers, arrangement)
    code_grid(coder, neighbors, grid.shape, is_coded, grid)
    coder.flush()
    slices, classes, _ = neighbors.weights.shape
    limits = neighbors.center, neighbors.low, neighbors.high
    head = HEAD.pack(arrangement, classes, slices, len(levels) > 0, *limits)
    fitted = to_pcodec(np.concatenate([neighbors.edges, neighbors.weights.ravel()]))
    packed = COUNT.pack(len(levels)) + to_pcodec(levels) if len(levels) else b""
    return join(head, fitted, packed, write_mask(values, is_kept), coder.to_bytes())


def read_neighbors(data: bytes, shape: tuple[int, ...], quantiser: Quantiser) -> np.ndarray:
    """Return the values [n, ...] of a block.

    Raises
    ------
    ValueError, struct.error
        If it is none that `write_neighbors` has written.
    """
    head, fitted, packed, masked, body = split(data, 5)
    arrangement, classes, slices, has_levels, center, low, high = HEAD.unpack(head)
    placed = arranged_shape(shape, arrangement)
    if not 0 < classes <= MOST_CLASSES or slices not in (1, placed[1] if placed[1] <= COUNTED else 1):
        raise ValueError
    if max(map(abs, (center, low, high))) > LARGEST:
        raise ValueError
    per_class = len(BESIDE) + (len(BEFORE) if placed[1] > 1 else 0)
    numbers = np.empty(classes - 1 + slices * classes * per_class, np.int64)
    from_pcodec(fitted, numbers)
    edges, weights = numbers[: classes - 1], numbers[classes - 1 :].reshape(slices, classes, per_class)
    if (np.abs(weights) > MOST_WEIGHT).any() or (np.diff(edges) <= 0).any():
        raise ValueError
    is_kept, raw = read_mask(masked, shape, quantiser.dtype)
    coder = Reader(body)
    is_coded = None if is_kept.all() else arrange(is_kept, arrangement)
    plan = Neighbors(center, low, high, edges, weights.astype(np.int32))
    grid = rearrange(code_grid(coder, plan, placed, is_coded, None), arrangement, shape)
    if not coder.is_finished:
        raise ValueError
    if has_levels:
        (count,) = COUNT.unpack(packed[: COUNT.size])
        if not 0 < count <= grid.size:
            raise ValueError
        levels = np.empty(count, np.int64)
        from_pcodec(packed[COUNT.size :], levels)
        known = grid[is_kept]
        if len(known) and not 0 <= known.min() <= known.max() < count:
            raise ValueError
        grid = levels[np.where(is_kept, grid, 0)]
    with np.errstate(all="ignore"):
        values = np.ascontiguousarray(quantiser.values(np.where(is_kept, grid, 0).ravel())).reshape(shape)
    values[~is_kept] = raw
    return values
