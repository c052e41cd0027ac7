"""Coefficients of wavelets by mixed contexts: how large those beside each one are, in its band and in those before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from isthmus.codec.entropy import Coder
from isthmus.codec.mixing import Mixer
from isthmus.codec.neighbors import log_class, packed
from isthmus.codec.wavelets import Band, Wavelet
from isthmus.errors import ModelFileError

CONTEXTS, SETS = 9, 4
FIRST, LAST = 64, 8192  # coefficients that go together
LARGEST = 2**40
QUIET, LOUD = 12, 60  # how much stands beside: up to which there are sets of weights


def code_coefficients(coder: Coder, wavelet: Wavelet, given: np.ndarray | None) -> np.ndarray:
    """Write, or read, whole coefficients [*shape] int64.

    Raises
    ------
    ModelFileError
        If what is read is not what was written.
    """
    known = np.zeros(wavelet.shape, np.int64)
    sizes = np.zeros_like(known)
    mixer = Mixer(CONTEXTS, SETS, known.size // 2)
    for place, band in enumerate(wavelet.bands()):
        own, own_sizes = known[band.places], sizes[band.places]
        before = _coarser(sizes, band), _coarser_slices(sizes, band), _same_level(sizes, band)
        for phase in _phases(own.shape):
            if not own[phase].size:
                continue
            contexts, sets = _contexts(own_sizes, phase, [part[phase].ravel() for part in before], band, place)
            values = None if given is None else given[band.places][phase].ravel()
            read = _code(coder, mixer, contexts, sets, values)
            own[phase] = read.reshape(own[phase].shape)
            own_sizes[phase] = np.abs(own[phase])
    return known


def _code(coder: Coder, mixer: Mixer, contexts: np.ndarray, sets: np.ndarray, values: np.ndarray | None) -> np.ndarray:
    answer, start, size = np.zeros(len(contexts), np.int64), 0, FIRST
    while start < len(answer):
        part = slice(start, start + size)
        some = None if values is None else values[part]
        sizes = mixer.code(coder, contexts[part], sets[part], None if some is None else np.abs(some))
        if sizes.max(initial=0) > LARGEST:
            raise ModelFileError("the stream is damaged: a number in it is larger than any may be.")
        signed = np.flatnonzero(sizes)
        if len(signed):
            coder.rows = signed
            signs = coder.uniform(
                np.full(len(signed), 2), None if some is None else (some[signed] < 0).astype(np.int64)
            )
            sizes[signed] *= 1 - 2 * signs.astype(np.int64)
        answer[part] = sizes
        start, size = start + size, min(size * 2, LAST)
    return answer


def _phases(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice, slice]]:
    """Yield every second row and column, so that those after the first have known ones on all sides."""
    whole, even, odd = slice(None), slice(0, None, 2), slice(1, None, 2)
    if shape[1] > 1 and shape[2] > 1:
        pairs = [(even, even), (odd, odd), (even, odd), (odd, even)]
    elif shape[1] > 1:
        pairs = [(even, whole), (odd, whole)]
    else:
        pairs = [(whole, even), (whole, odd)]
    for rows, columns in pairs:
        if shape[0] > 1:
            yield even, rows, columns
            yield odd, rows, columns
        else:
            yield whole, rows, columns


def _contexts(
    sizes: np.ndarray, phase: tuple[slice, slice, slice], before: list[np.ndarray], band: Band, place: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the contexts of coefficients [n, contexts], and their sets of weights [n]."""
    wide = np.pad(sizes, ((1, 1), (2, 2), (2, 2)))

    def beside(depth: int, row: int, column: int) -> np.ndarray:
        n = sizes.shape
        moved = wide[1 + depth : 1 + depth + n[0], 2 + row : 2 + row + n[1], 2 + column : 2 + column + n[2]]
        return moved[phase].ravel()

    left_right, above_below = beside(0, 0, -1) + beside(0, 0, 1), beside(0, -1, 0) + beside(0, 1, 0)
    near = left_right + above_below
    corners = beside(0, -1, -1) + beside(0, -1, 1) + beside(0, 1, -1) + beside(0, 1, 1)
    far = beside(0, 0, -2) + beside(0, 0, 2) + beside(0, -2, 0) + beside(0, 2, 0)
    slices = beside(-1, 0, 0) + beside(1, 0, 0)
    coarser, coarser_slices, level = before
    none = np.zeros_like(near)
    which = none + (place * 8 + _number(phase))
    kind = none + (band.kind * 8 + _number(phase))
    total = 4 * near + 2 * corners + far + 3 * coarser + 2 * level + 3 * slices + 2 * coarser_slices
    parts = (
        which,
        packed(which, log_class(total)),
        packed(kind, log_class(total, 3)),
        packed(kind, log_class(near), log_class(corners), log_class(coarser)),
        packed(kind, log_class(near + corners), log_class(level), log_class(coarser_slices)),
        packed(kind, log_class(left_right), log_class(above_below), log_class(slices)),
        packed(kind, log_class(slices + coarser_slices, 3), log_class(near + corners)),
        packed(log_class(total, 4), none + band.level),
        packed(log_class(4 * near + 2 * corners + far, 3), log_class(coarser + level)),
    )
    sets = (total > 0).astype(np.int64) + (total > QUIET) + (total > LOUD)
    return np.stack(parts, axis=1), sets


def _number(phase: tuple[slice, slice, slice]) -> int:
    depth, row, column = ((part.start or 0) for part in phase)
    return 4 * depth + 2 * row + column


def _coarser(sizes: np.ndarray, band: Band) -> np.ndarray:
    """Return the size of the coefficient of the same kind one level up, [*band]."""
    halved = [False, *(stride > step for stride, step in zip(band.strides[1:], band.steps[1:], strict=True))]
    axes = []
    for start, stride, n, is_halved in zip(band.starts, band.strides, sizes.shape, halved, strict=True):
        places = np.arange(len(range(start, n, stride)))
        above = range(2 * start, n, 2 * stride) if is_halved else range(start, n, stride)
        axes.append(above.start + above.step * np.minimum(places // (1 + is_halved), max(len(above) - 1, 0)))
    if not any(halved) or any(len(axis) and axis[-1] >= n for axis, n in zip(axes, sizes.shape, strict=True)):
        return np.zeros([len(axis) for axis in axes], np.int64)
    return sizes[np.ix_(*axes)]


def _coarser_slices(sizes: np.ndarray, band: Band) -> np.ndarray:
    """Return the size of the coefficient of the slices one level up, [*band]."""
    n, start, stride = sizes.shape[0], band.starts[0], band.strides[0]
    many = len(range(2 * start, n, 2 * stride)) if start else 0
    own = sizes[band.places]
    if not many:
        return np.zeros_like(own)
    places = np.minimum(np.arange(len(own)) // 2, many - 1)
    return sizes[2 * start + 2 * stride * places][:, band.places[1], band.places[2]]


def _same_level(sizes: np.ndarray, band: Band) -> np.ndarray:
    """Return the sum of sizes of what is known of the same level around each coefficient, [*band]."""
    own = sizes[band.places]
    row, column = band.starts[1] > 0, band.starts[2] > 0
    if not row or band.strides[2] == band.steps[2]:
        return np.zeros_like(own)
    beside = [(-1, 0), (1, 0), (0, -1), (0, 1)] if column else [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    height, width = band.steps[1:]
    wide = np.pad(sizes[band.places[0]], ((0, 0), (height, height), (width, width)))
    total = np.zeros_like(own)
    for up, across in beside:
        rows = slice(band.starts[1] + height * (1 + up), None, band.strides[1])
        columns = slice(band.starts[2] + width * (1 + across), None, band.strides[2])
        total += wide[:, rows, columns][:, : own.shape[1], : own.shape[2]]
    return total
