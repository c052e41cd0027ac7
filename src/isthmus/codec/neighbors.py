"""Grids of whole numbers, each given those beside it: images, fields, masks.

A cell sees the cells to its left and above, and those of the slice before: a channel, a level, a time. Cells are
written along a slanting front, so that all whose neighbors are known go together; so do images, a few at first, then
more. The encoder fits weights by which neighbors predict a cell, by classes of how much these differ; what is left is
written by mixed contexts.
Meyer and Tischer (2001), Glicbawls; Wu and Memon (1997), Context-based, adaptive, lossless image coding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isthmus.codec.entropy import Coder
from isthmus.codec.mixing import Mixer
from isthmus.codec.relatives import spread, unspread
from isthmus.errors import ModelFileError

Shape = tuple[int, int, int, int]  # images, slices of each, rows, columns

BESIDE = (
    *((0, 0, -1), (0, -1, 0), (0, -1, -1), (0, -1, 1), (0, 0, -2), (0, -2, 0)),
    *((0, -1, -2), (0, -2, -1), (0, -2, 1), (0, -2, 2), (0, 0, -3), (0, -3, 0)),
)
BEFORE = (
    *((-1, 0, 0), (-1, 0, -1), (-1, -1, 0), (-1, 0, 1), (-1, 1, 0)),
    *((-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (-1, 1, -1), (-2, 0, 0)),
)
BORDER = (0, 2, 3, 3)  # cells that are added before each axis, and after it
BITS = 12  # of the fraction of a weight
FINER = 9  # a prediction in eighths
LARGEST = 2**40  # of a number
MOST_WEIGHT = 2**17
CONTEXTS, SETS = 12, 3
SAMPLE = 100_000  # cells, from which weights are fitted
MOST_CLASSES, PER_CLASS = 6, 20_000  # cells
ROUNDS = 3  # of the fit, in each of which large errors count less
GROUPS = (4, 16, 64, 256, 1024)  # images that go together, one after the other
FIRST, LAST, SOON = 256, 8192, 4096  # cells that go together: at first, and after so many
PRIME = 0x2545F4914F6CDD1D
COUNTED = 4  # slices, which have weights of their own


@dataclass(frozen=True)
class Neighbors:
    """How the cells of a grid are predicted."""

    center: int  # the number beyond the borders
    low: int
    high: int
    edges: np.ndarray  # [classes - 1] int64, of how much neighbors differ
    weights: np.ndarray  # [slices or 1, classes, neighbors] int32


class _Layout:
    """Where cells stand in a grid with borders, flat."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.padded = tuple(n + 2 * border for n, border in zip(shape, BORDER, strict=True))
        _, slices, rows, columns = self.padded
        self.strides = np.array([slices * rows * columns, rows * columns, columns, 1])
        places = [grid.ravel() for grid in np.indices(shape[1:])]
        self.slices, self.positions = places[0], places[1] * shape[3] + places[2]
        corner = np.array(BORDER) @ self.strides
        self.base = corner + sum(place * stride for place, stride in zip(places, self.strides[1:], strict=True))
        self.front = places[2] + 2 * places[1] + 4 * places[0]
        neighbors = BESIDE + (BEFORE if shape[1] > 1 else ())
        self.offsets = np.array(neighbors) @ self.strides[1:]

    def steps(self) -> Iterator[np.ndarray]:
        """Yield the cells of an image that go together, in their order."""
        order = np.argsort(self.front, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(self.front[order])) + 1)

    def groups(self) -> Iterator[np.ndarray]:
        """Yield the images that go together, in their order."""
        start, turn = 0, 0
        while start < self.shape[0]:
            many = GROUPS[min(turn, len(GROUPS) - 1)]
            yield np.arange(start, min(start + many, self.shape[0]))
            start, turn = start + many, turn + 1

    def kinds(self, cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return which weights the slices of cells have."""
        return self.slices[cells] if len(weights) > 1 else np.zeros(len(cells), np.int64)


def fit_neighbors(grid: np.ndarray, is_coded: np.ndarray) -> tuple[Neighbors, float]:
    """Return how the cells of a grid are best predicted, and about how many bits each will take.

    Parameters
    ----------
    grid : [images, slices, rows, columns] int64.
    is_coded : of the same shape; other cells are taken for what is predicted.
    """
    coded = grid[is_coded]
    center = int(np.median(coded)) if len(coded) else 0
    low, high = (int(coded.min()), int(coded.max())) if len(coded) else (0, 0)
    layout = _Layout(grid.shape)
    known = np.zeros(layout.padded, np.int64)
    inner = tuple(slice(border, border + n) for border, n in zip(BORDER, grid.shape, strict=True))
    known[inner] = np.where(is_coded, grid - center, 0)
    places = np.flatnonzero(is_coded.ravel())
    every = max(len(places) // SAMPLE, 1)
    places = places[:: every + (every > 1 and every % 2 == 0)]  # an odd step does not keep to columns
    images, cells = np.divmod(places, max(len(layout.base), 1))
    at = images * layout.strides[0] + layout.base[cells]
    values = known.ravel()[layout.offsets[:, None] + at].astype(np.float64)  # [neighbors, sample]
    target = known.ravel()[at].astype(np.float64)
    unevenness = _unevenness(known.ravel()[layout.offsets[:4, None] + at])
    many = int(np.clip(len(coded) // PER_CLASS, 1, MOST_CLASSES))
    shares = np.linspace(0, 1, many + 1)[1:-1]
    edges = np.unique(np.quantile(unevenness, shares).astype(np.int64)) if len(at) else np.zeros(0, np.int64)
    classes = np.searchsorted(edges, unevenness, side="right")
    slices = grid.shape[1] if 1 < grid.shape[1] <= COUNTED else 1
    kinds = layout.slices[cells] if slices > 1 else np.zeros(len(cells), np.int64)
    weights = np.zeros((slices, len(edges) + 1, len(layout.offsets)), np.int32)
    left = target.copy()
    for kind in range(slices):
        for class_ in range(len(edges) + 1):
            chosen = (kinds == kind) & (classes == class_)
            fitted = _least_squares(values[:, chosen], target[chosen])
            weights[kind, class_] = np.clip(np.rint(fitted * 2**BITS), -MOST_WEIGHT, MOST_WEIGHT)
            left[chosen] -= weights[kind, class_] @ values[:, chosen] / 2**BITS
    bits = float(np.log2(1 + 2 * np.abs(left)).mean()) * 1.1 if len(left) else 0.0
    return Neighbors(center, low, high, edges, weights), bits


def _least_squares(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return weights [neighbors] of values [neighbors, n] with small absolute errors (reweighted least squares)."""
    counted, weights = np.ones(len(target)), np.zeros(len(values))
    for _ in range(ROUNDS):
        moments = (values * counted) @ values.T
        ridge = 1e-3 * counted.sum() + 1e-6 * np.trace(moments) + 1e-3
        weights = np.linalg.solve(moments + ridge * np.eye(len(values)), (values * counted) @ target)
        counted = 1 / (1 + np.abs(target - weights @ values))
    return weights


def code_grid(
    coder: Coder, plan: Neighbors, shape: Shape, is_coded: np.ndarray | None, grid: np.ndarray | None
) -> np.ndarray:
    """Write, or read, a grid of whole numbers [images, slices, rows, columns] int64.

    Parameters
    ----------
    is_coded : which cells are written; the others come back as what is predicted. None for all.

    Raises
    ------
    ModelFileError
        If what is read is not what was written.
    """
    layout = _Layout(shape)
    known = np.zeros(int(np.prod(layout.padded)), np.int64)
    errors = np.zeros_like(known)
    mixer = Mixer(CONTEXTS, SETS, int(np.prod(shape)))
    per_image, done = len(layout.base), 0
    given = None if grid is None else grid.reshape(-1) - plan.center
    wanted = None if is_coded is None else is_coded.reshape(-1)
    steps = list(layout.steps())
    for images in layout.groups():
        for cells in steps:
            at = (images[:, None] * layout.strides[0] + layout.base[cells]).ravel()
            source = (images[:, None] * per_image + cells).ravel()
            cells_of_all = np.tile(cells, len(images))
            contexts, sets, predicted = _contexts(layout, plan, known, errors, at, cells_of_all)
            chosen = np.arange(len(at)) if wanted is None else np.flatnonzero(wanted[source])
            known[at] = predicted
            size = FIRST if done < SOON else LAST
            for start in range(0, len(chosen), size):
                part = chosen[start : start + size]
                left = None if given is None else spread(given[source[part]] - predicted[part])
                read = unspread(mixer.code(coder, contexts[part], sets[part], left))
                known[at[part]] += read
                errors[at[part]] = read
            if given is None and (np.abs(known[at]) > 2 * LARGEST).any():
                raise ModelFileError("the stream is damaged: a number in it is larger than any may be.")
            done += len(chosen)
    inner = tuple(slice(border, border + n) for border, n in zip(BORDER, shape, strict=True))
    return known.reshape(layout.padded)[inner] + plan.center


def _contexts(
    layout: _Layout, plan: Neighbors, known: np.ndarray, errors: np.ndarray, at: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the contexts of cells [n, contexts], their sets of weights [n], and their predictions [n]."""
    values = known[layout.offsets[:, None] + at]  # [neighbors, n]
    uneven = _unevenness(values)
    classes = np.searchsorted(plan.edges, uneven, side="right")
    weights = plan.weights[layout.kinds(cells, plan.weights), classes].T.astype(np.int64)
    total = np.einsum("ij,ij->j", weights, values)
    predicted = np.clip((total + (1 << BITS - 1)) >> BITS, plan.low - plan.center, plan.high - plan.center)
    eighth = (total + (1 << FINER - 1)) >> FINER & 7
    left, above, corner, right = values[:4]
    before = values[len(BESIDE)] if layout.shape[1] > 1 else corner + right - above
    e_left, e_above, e_corner, e_right = errors[layout.offsets[:4, None] + at]
    e_before = errors[at + layout.offsets[len(BESIDE)]] if layout.shape[1] > 1 else np.zeros_like(left)
    size = 2 * (np.abs(e_left) + np.abs(e_above) + np.abs(e_before)) + np.abs(e_corner) + np.abs(e_right)
    sizes, coarse = log_class(size), log_class(size, 1)
    slices = layout.slices[cells] if layout.shape[1] <= COUNTED else np.zeros_like(at)
    to_left, to_above = signed_class(left - predicted), signed_class(above - predicted)
    e_left_class, e_before_class = signed_class(e_left), signed_class(e_before)
    parts = (
        packed(log_class(size, 3), slices),
        packed(log_class(uneven), sizes),
        packed(signed_class(_median_edge(left, above, corner) - predicted), coarse),
        packed(to_left, to_above),
        packed(e_left_class, signed_class(e_above), eighth >> 1),
        packed(predicted, coarse, slices),
        packed(layout.positions[cells], (predicted > plan.low - plan.center).astype(np.int64), slices),
        packed(left, above, predicted),
        packed(signed_class(right - predicted), signed_class(corner - predicted), eighth >> 1),
        packed(signed_class(before - predicted), e_before_class, coarse),
        packed(left, above, corner, right),
        packed(e_left_class, e_before_class, signed_class(values[4] - left), signed_class(values[5] - above)),
    )
    return np.stack(parts, axis=1), np.minimum(classes * SETS // (len(plan.edges) + 1), SETS - 1), predicted


def _unevenness(values: np.ndarray) -> np.ndarray:
    left, above, corner, right = values[:4]
    return np.abs(left - corner) + np.abs(above - corner) + np.abs(above - right)


def _median_edge(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Return the prediction of LOCO-I (Weinberger, Seroussi and Sapiro, 2000)."""
    return np.clip(left + above - corner, np.minimum(left, above), np.maximum(left, above))


def log_class(sizes: np.ndarray, fine: int = 2) -> np.ndarray:
    """Return classes of whole numbers [n] of at least 0: small ones by themselves, others by their first bits."""
    length = np.frexp(sizes.astype(np.float64))[1].astype(np.int64)
    half = 1 << (fine - 1)
    first = sizes >> np.maximum(length - fine, 0)
    return np.where(length <= fine, sizes, (length - fine) * half + first)


def signed_class(numbers: np.ndarray) -> np.ndarray:
    """Return classes of whole numbers [n], those of negative ones negative."""
    return np.sign(numbers) * log_class(np.abs(numbers))


def packed(*parts: np.ndarray) -> np.ndarray:
    """Return one number for several [n], as contexts are."""
    total = parts[0]
    for part in parts[1:]:
        total = total * PRIME + part
    return total
