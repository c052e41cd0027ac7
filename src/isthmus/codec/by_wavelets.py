"""A block of a grid by wavelets: whole coefficients, then corrections where the error would be exceeded.

The way back is in whole numbers, in parts of a step of the lattice, and what it gives is checked by the encoder in the
type of the values, so the error holds whatever the wavelet does. Li, Lindstrom and Clyne (2023), Lossy scientific data
compression with SPERR.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from isthmus.codec.bands import code_coefficients
from isthmus.codec.entropy import Coder, Reader, Writer
from isthmus.codec.masks import CHANNELS, IMAGES, arrange, arrangements, read_mask, rearrange, write_mask
from isthmus.codec.methods import join, split
from isthmus.codec.mixing import Mixer
from isthmus.codec.neighbors import LARGEST, log_class, packed
from isthmus.codec.quantisers import PARTS, Quantiser
from isthmus.codec.relatives import spread, unspread
from isthmus.codec.wavelets import MOST_LEVELS, Wavelet, possible_levels
from isthmus.errors import ModelFileError

HEAD = struct.Struct("<BBBBHqB")  # arrangement, levels of the axes, step of coefficients, center, whether corrected
UNITS = 64  # of the step of coefficients, for a step of the lattice
RATIOS = (0.75, 1.0, 1.3, 1.7, 2.2)  # of these steps, that are tried
ZONE = 0.08  # of a step, by which coefficients are rounded down
FARTHEST = 2.0**32  # parts of a step, within which a field must be
ROUNDS = 4  # in which cells that are not written are made to need few bits
FIRST, LAST = 64, 8192  # corrections that go together


@dataclass(frozen=True)
class WaveletPlan:
    """One way to write a grid, of which the first axis is that of slices."""

    bits: float  # about
    arrangement: int
    wavelet: Wavelet
    ratio: int  # of `UNITS`
    center: int
    coefficients: np.ndarray  # [slices, rows, columns] int64


def wavelet_plans(values: np.ndarray, is_kept: np.ndarray, quantiser: Quantiser) -> list[WaveletPlan]:
    """Return the best way to write the values [n, ...] of which some are kept; none where there is none."""
    width = quantiser.width
    if width is None or not is_kept.any():
        return []
    arrangement = CHANNELS if arrangements(values.shape) == [CHANNELS] else IMAGES
    kept = _slices(is_kept, arrangement)
    parts = _slices(np.where(is_kept, values, 0), arrangement).astype(np.float64) * (PARTS / width)
    center = round((parts[kept].max() + parts[kept].min()) / 2)
    if not np.abs(parts[kept]).max() < FARTHEST:
        return []
    parts = np.where(kept, parts - center, 0)
    plans: list[WaveletPlan] = []
    for levels in possible_levels(parts.shape):
        wavelet = Wavelet(parts.shape, levels)
        filled = parts if kept.all() else _filled(parts, kept, wavelet)
        smooth = wavelet.forward(filled)
        last = np.inf
        for ratio in RATIOS:
            step = round(ratio * UNITS)
            whole = _rounded(smooth, step * (PARTS / UNITS))
            left = np.rint((parts - wavelet.back(whole, step * (PARTS / UNITS))) / PARTS)[kept]
            bits = _coefficient_bits(whole, wavelet) + _entropy(left) * len(left)
            plans.append(WaveletPlan(bits, arrangement, wavelet, step, center, whole))
            if bits > last:
                break
            last = bits
    return [min(plans, key=lambda plan: plan.bits)]


def write_wavelets(plan: WaveletPlan, values: np.ndarray, is_kept: np.ndarray, quantiser: Quantiser) -> bytes:
    """Return a block by a plan; `values` [n, ...] are those of the grid."""
    parts = plan.wavelet.back(plan.coefficients, plan.ratio * (PARTS / UNITS)) + plan.center
    own = _slices(values, plan.arrangement)
    kept = _slices(is_kept, plan.arrangement)
    target = np.where(kept, own, 0).astype(np.float64) * (PARTS / (quantiser.width or 1.0))
    with np.errstate(all="ignore"):
        is_near = _is_near(quantiser, own, parts)
        corrections = np.where(kept & ~is_near, np.rint((target - parts) / PARTS), 0).astype(np.int64)
        is_near |= _is_near(quantiser, own, parts + corrections * PARTS)
    still = kept & is_near
    is_written = rearrange(still, plan.arrangement, values.shape)
    coder = Writer()
    code_coefficients(coder, plan.wavelet, plan.coefficients)
    is_corrected = bool(corrections[still].any())
    if is_corrected:
        _code_corrections(coder, plan.coefficients, still, corrections[still])
    coder.flush()
    head = HEAD.pack(plan.arrangement, *plan.wavelet.levels, plan.ratio, plan.center, is_corrected)
    return join(head, write_mask(values, is_written), coder.to_bytes())


def read_wavelets(data: bytes, shape: tuple[int, ...], quantiser: Quantiser) -> np.ndarray:
    """Return the values [n, ...] of a block.

    Raises
    ------
    ValueError, struct.error
        If it is none that `write_wavelets` has written.
    """
    head, masked, body = split(data, 3)
    arrangement, *levels, ratio, center, is_corrected = HEAD.unpack(head)
    possible = CHANNELS if arrangements(shape) == [CHANNELS] else IMAGES
    if arrangement != possible or max(levels) > MOST_LEVELS or not ratio or abs(center) > LARGEST:
        raise ValueError
    is_kept, raw = read_mask(masked, shape, quantiser.dtype)
    kept = _slices(is_kept, arrangement)
    wavelet = Wavelet(kept.shape, tuple(levels))
    coder = Reader(body)
    coefficients = code_coefficients(coder, wavelet, None)
    parts = wavelet.back(coefficients, ratio * (PARTS / UNITS)) + center
    if is_corrected:
        parts[kept] += _code_corrections(coder, coefficients, kept, None) * PARTS
    if not coder.is_finished:
        raise ValueError
    with np.errstate(all="ignore"):
        flat = quantiser.values_of_parts(np.where(kept, parts, 0).ravel())
    values = np.ascontiguousarray(rearrange(flat.reshape(kept.shape), arrangement, shape))
    values[~is_kept] = raw
    return values


def _slices(grid: np.ndarray, arrangement: int) -> np.ndarray:
    """Return a grid [n, ...] as slices, [slices, rows, columns]."""
    placed = arrange(grid, arrangement)
    return placed.reshape(-1, *placed.shape[-2:])


def _is_near(quantiser: Quantiser, values: np.ndarray, parts: np.ndarray) -> np.ndarray:
    restored = quantiser.values_of_parts(parts.ravel())
    return quantiser.is_near(values.ravel(), restored).reshape(values.shape)


def _rounded(coefficients: np.ndarray, step: float) -> np.ndarray:
    size = np.floor(np.abs(coefficients) / step + 0.5 - ZONE)
    return np.where(coefficients < 0, -size, size).astype(np.int64)


def _filled(parts: np.ndarray, kept: np.ndarray, wavelet: Wavelet) -> np.ndarray:
    """Return a grid whose other cells are such that it needs few coefficients (projections onto convex sets)."""
    answer = np.where(kept, parts, parts[kept].mean())
    bound = 16.0 * PARTS
    for _ in range(ROUNDS):
        restored = wavelet.back(_rounded(wavelet.forward(answer), bound), bound).astype(np.float64)
        answer = np.where(kept, parts, restored)
        bound /= 2
    return answer


def _code_corrections(
    coder: Coder, coefficients: np.ndarray, kept: np.ndarray, corrections: np.ndarray | None
) -> np.ndarray:
    """Write, or read, how many steps of the lattice the cells that are kept are corrected by, [n] int64."""
    around = np.abs(coefficients)
    for axis in (1, 2):
        wide = np.pad(around, [(1, 1) if place == axis else (0, 0) for place in range(3)])
        n, moved = around.shape[axis], np.moveaxis(wide, axis, 0)
        around = np.moveaxis(moved[:n] + moved[1 : n + 1] + moved[2:], 0, axis)
    size = log_class(around[kept], 1)
    none = np.zeros_like(size)
    contexts = np.stack([none, packed(none + 1, size)], axis=1)
    answer, start, many = np.zeros(len(size), np.int64), 0, FIRST
    mixer = Mixer(contexts.shape[1], 1, len(size) // 8)
    while start < len(size):
        part = slice(start, start + many)
        given = None if corrections is None else spread(corrections[part])
        answer[part] = unspread(mixer.code(coder, contexts[part], none[part], given))
        start, many = start + many, min(many * 2, LAST)
    if (np.abs(answer) > LARGEST).any():
        raise ModelFileError("the stream is damaged: a number in it is larger than any may be.")
    return answer


def _coefficient_bits(coefficients: np.ndarray, wavelet: Wavelet) -> float:
    """Return about how many bits coefficients take: their entropy by how large those beside them are."""
    sizes, total = np.abs(coefficients), 0.0
    for band in wavelet.bands():
        own = sizes[band.places]
        wide = np.pad(own, ((0, 0), (1, 1), (1, 1)))
        beside = wide[:, 2:, 1:-1] + wide[:, :-2, 1:-1] + wide[:, 1:-1, 2:] + wide[:, 1:-1, :-2]
        classes = log_class(beside)
        for class_ in np.unique(classes):
            chosen = own[classes == class_]
            total += _entropy(chosen) * len(chosen) + (chosen > 0).sum()
    return total


def _entropy(numbers: np.ndarray) -> float:
    share = np.unique(numbers, return_counts=True)[1] / max(len(numbers), 1)
    return float(-(share * np.log2(share)).sum())
