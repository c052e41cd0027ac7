"""Values as whole numbers and back: exact, or on a lattice within an error that is checked in the type of the values.

A quantiser gives each value a whole number, and says which values it cannot give back well enough: those are kept as
raw bits. So the error holds by construction, whatever the rounding: NaN, infinities, −0.0 and values beyond a lattice
come back to the bit.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from isthmus.codec.symbols import FARTHEST
from isthmus.codec.tolerance import Tolerance

MOST_LEVELS = 65_536
PARTS = 256  # of the step of a lattice, in which fields are computed
MOST_DIGITS = 15
LARGEST_EXACT = 2**53  # up to which float64 has every whole number
EXPONENTS = 1100  # beyond those of all floats


@dataclass(frozen=True)
class Quantiser(abc.ABC):
    """Whole numbers for the values of one type."""

    dtype: np.dtype
    known: ClassVar[dict[str, type[Quantiser]]] = {}
    is_lossless: ClassVar[bool] = True

    @property
    def width(self) -> float | None:
        """How far two neighboring numbers are from each other, where that is the same everywhere and may be parted."""
        return None

    def values_of_parts(self, parts: np.ndarray) -> np.ndarray:
        """Return the values of numbers in parts, of which each number has `PARTS`, [n] int64, in their type."""
        return self.values(parts // PARTS)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Quantiser.known[cls.__name__] = cls

    def numbers(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return whole numbers [n] int64 for values [n], and which of them give the values back well enough, [n]."""
        with np.errstate(all="ignore"):
            numbers = self.propose(values)
            is_kept = (np.abs(numbers) <= FARTHEST) & self.is_near(values, self.values(numbers))
        return np.where(is_kept, numbers, 0), is_kept

    @abc.abstractmethod
    def propose(self, values: np.ndarray) -> np.ndarray:
        """Return a whole number for each value, [n] int64, which may be a wrong one."""

    @abc.abstractmethod
    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Return the values of whole numbers [n] int64, in their type."""

    def is_near(self, values: np.ndarray, restored: np.ndarray) -> np.ndarray:
        """Say which restored values are near enough: here those that are equal to the bit."""
        return bits(values) == bits(restored)

    def settings(self) -> dict[str, Any]:
        """Return what a file holds of it, as plain JSON."""
        return {}

    def levels_in(self) -> np.ndarray:
        """Return the whole numbers that a file holds of it, [any] int64."""
        return np.empty(0, np.int64)


@dataclass(frozen=True)
class Bits(Quantiser):
    """Every value is its own number, those of floats in their order; lossless."""

    def propose(self, values: np.ndarray) -> np.ndarray:
        return ordered(values)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        return unordered(numbers, self.dtype)


@dataclass(frozen=True)
class Levels(Quantiser):
    """A value is its place among those that the fit has seen; lossless."""

    levels: np.ndarray  # [levels] int64, increasing: the numbers of the values, as `ordered` has them

    def propose(self, values: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.levels, ordered(values))

    def values(self, numbers: np.ndarray) -> np.ndarray:
        return unordered(self.levels[np.clip(numbers, 0, len(self.levels) - 1)], self.dtype)

    def levels_in(self) -> np.ndarray:
        return self.levels


@dataclass(frozen=True)
class Decimals(Quantiser):
    """A float is a whole number over a power of ten; lossless."""

    digits: int

    def propose(self, values: np.ndarray) -> np.ndarray:
        return whole(values.astype(np.float64) * 10.0**self.digits)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        return (numbers / 10.0**self.digits).astype(self.dtype)

    def settings(self) -> dict[str, Any]:
        return {"digits": self.digits}


@dataclass(frozen=True)
class Steps(Quantiser):
    """Whole numbers in steps of twice the error and one."""

    error: int  # at most, in units
    is_lossless: ClassVar[bool] = False

    def propose(self, values: np.ndarray) -> np.ndarray:
        return np.floor_divide(values.astype(np.int64) + self.error, 2 * self.error + 1)

    @property
    def width(self) -> float:
        return 2.0 * self.error + 1

    def values(self, numbers: np.ndarray) -> np.ndarray:
        limits = np.iinfo(self.dtype)
        return np.clip(numbers * (2 * self.error + 1), limits.min, min(limits.max, 2**63 - 1)).astype(self.dtype)

    def values_of_parts(self, parts: np.ndarray) -> np.ndarray:
        limits, rounded = np.iinfo(self.dtype), (parts * (2 * self.error + 1) + PARTS // 2) // PARTS
        return np.clip(rounded, limits.min, min(limits.max, 2**63 - 1)).astype(self.dtype)

    def is_near(self, values: np.ndarray, restored: np.ndarray) -> np.ndarray:
        is_small = (values <= FARTHEST) & ((values >= -FARTHEST) if self.dtype.kind == "i" else True)
        near = np.abs(restored.astype(np.int64) - values.astype(np.int64)) <= self.error
        return is_small & (restored <= FARTHEST) & near

    def settings(self) -> dict[str, Any]:
        return {"error": self.error}


@dataclass(frozen=True)
class Lattice(Quantiser):
    """Floats in even steps, within an absolute error."""

    error: float
    step: float
    is_lossless: ClassVar[bool] = False

    def propose(self, values: np.ndarray) -> np.ndarray:
        return whole(values.astype(np.float64) / self.step)

    @property
    def width(self) -> float:
        return self.step

    def values(self, numbers: np.ndarray) -> np.ndarray:
        return (numbers * self.step).astype(self.dtype)

    def values_of_parts(self, parts: np.ndarray) -> np.ndarray:
        return (parts * (self.step / PARTS)).astype(self.dtype)

    def is_near(self, values: np.ndarray, restored: np.ndarray) -> np.ndarray:
        return ~is_negative_zero(values) & is_within(values, restored, self.error)

    def settings(self) -> dict[str, Any]:
        return {"error": self.error, "step": self.step}


@dataclass(frozen=True)
class Relative(Quantiser):
    """Numbers within an error relative to each: the same number of even steps between any two powers of two."""

    error: float
    parts: int  # steps between two powers of two
    is_lossless: ClassVar[bool] = False

    def propose(self, values: np.ndarray) -> np.ndarray:
        fraction, exponent = np.frexp(np.abs(values.astype(np.float64)))
        place = (exponent.astype(np.int64) + EXPONENTS) * self.parts + whole((fraction - 0.5) * (2 * self.parts)) + 1
        return np.where(values == 0, 0, np.where(values < 0, -place, place))

    def values(self, numbers: np.ndarray) -> np.ndarray:
        exponent, part = np.divmod(np.abs(numbers) - 1, self.parts)
        exponent = np.clip(exponent - EXPONENTS, -2 * EXPONENTS, 2 * EXPONENTS).astype(np.int32)
        size = np.ldexp(0.5 + part / (2.0 * self.parts), exponent)
        signed = np.where(numbers == 0, 0.0, np.where(numbers < 0, -size, size))
        if self.dtype.kind == "f":
            return signed.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        signed = np.clip(np.rint(signed), max(limits.min, -LARGEST_EXACT), min(limits.max, LARGEST_EXACT))
        return signed.astype(self.dtype)

    def is_near(self, values: np.ndarray, restored: np.ndarray) -> np.ndarray:
        exact = values.astype(np.float64)
        is_exact = np.abs(exact) < LARGEST_EXACT if self.dtype.kind != "f" else True
        allowed = np.abs(exact) * self.error * (1 - 2.0**-50)  # below what rounding could add
        near = (np.abs(restored.astype(np.float64) - exact) < allowed) | (restored == values)
        return ~is_negative_zero(values) & is_exact & near

    def settings(self) -> dict[str, Any]:
        return {"error": self.error, "parts": self.parts}


def fit_quantiser(values: np.ndarray, tolerance: Tolerance | None) -> Quantiser:
    """Return the quantiser for a column of which the fit has seen these values [n], of their type."""
    dtype = values.dtype
    if tolerance is None:
        return _lossless(values)
    if tolerance.kind == "value":
        parts = int(np.ceil(0.5 / tolerance.error * (1 + 1e-6)))
        return Relative(dtype, tolerance.error, parts) if parts < 2**40 else _lossless(values)
    is_of_range = tolerance.kind == "range" and len(values) > 0
    if dtype.kind != "f":
        units = int(values.max()) - int(values.min()) if is_of_range else 1
        whole_error = int(Fraction(tolerance.error) * units)
        return Steps(dtype, whole_error) if 1 <= whole_error < 2**60 else _lossless(values)
    finite, error = values[np.isfinite(values)].astype(np.float64), tolerance.error
    if is_of_range and len(finite):
        with np.errstate(over="ignore"):  # a range beyond that of floats is infinite, and nothing is lost
            error *= float(finite.max() - finite.min()) * (1 - 2.0**-50)  # below what rounding could add
    largest = float(np.abs(finite).max()) if len(finite) else 0.0
    with np.errstate(over="ignore"):
        rounding = float(np.spacing(np.array(largest, dtype))) / 2
    if not 0 < error < np.inf or rounding > error / 2:
        return _lossless(values)
    return Lattice(dtype, error, 2 * (error - rounding) if dtype.itemsize < 8 else 2 * error * (1 - 2.0**-40))


def _lossless(values: np.ndarray) -> Quantiser:
    numbers = ordered(values)
    levels, counts = np.unique(numbers, return_counts=True)
    unseen = (counts == 1).sum() / max(len(values), 1)  # the chance of a value that was not seen, by Good and Turing
    spread = float(levels[-1]) - float(levels[0]) + 1 if len(levels) else 1.0
    gained = np.log2(max(spread / max(len(levels), 1), 1))
    is_cheap = 0 < len(levels) <= MOST_LEVELS and len(values) * (gained - 64 * unseen) > len(levels) * (gained + 2)
    if is_cheap:
        return Levels(values.dtype, levels)
    return fit_decimals(values)


def fit_decimals(values: np.ndarray) -> Quantiser:
    """Return a lossless quantiser that needs no levels: decimals where they hold nearly all values [n], else bits."""
    if values.dtype.kind == "f":
        for digits in range(MOST_DIGITS):
            decimals = Decimals(values.dtype, digits)
            if len(values) and decimals.numbers(values)[1].mean() > 0.98:
                return decimals
    return Bits(values.dtype)


def bits(values: np.ndarray) -> np.ndarray:
    """Return the bits of values [n] as whole numbers, [n] uint64."""
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}").astype(np.uint64)


def from_bits(raw: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the values of these bits [n] uint64."""
    return raw.astype(f"u{dtype.itemsize}").view(dtype)


def ordered(values: np.ndarray) -> np.ndarray:
    """Return a whole number for each value [n] int64, no two the same, those of floats in the order of the floats."""
    if values.dtype.kind == "u":
        return values.astype(np.uint64).view(np.int64)
    if values.dtype.kind == "i":
        return values.astype(np.int64)
    raw = np.ascontiguousarray(values).view(f"i{values.dtype.itemsize}")
    return np.where(raw < 0, raw ^ np.iinfo(raw.dtype).max, raw).astype(np.int64)


def unordered(numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the values of whole numbers [n] int64 that `ordered` gave."""
    if dtype.kind in "ui":
        return numbers.astype(dtype)
    raw = numbers.astype(f"i{dtype.itemsize}")
    return np.where(raw < 0, raw ^ np.iinfo(raw.dtype).max, raw).view(dtype)


def is_within(values: np.ndarray, restored: np.ndarray, error: float) -> np.ndarray:
    """Say which restored floats are at most `error` away from their values, exactly, [n]."""
    x, y = values.astype(np.float64), restored.astype(np.float64)
    difference = y - x
    taken = difference - y
    lost = (y - (difference - taken)) + (-x - taken)  # what rounding took from the difference (Knuth's two-sum)
    return (np.abs(difference) < error) | ((np.abs(difference) == error) & (lost == 0))


def is_negative_zero(values: np.ndarray) -> np.ndarray:
    """Say which values are −0.0, [n]."""
    return (values == 0) & np.signbit(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)


def whole(values: np.ndarray) -> np.ndarray:
    """Return floats [n] as whole numbers, int64; what is none, or too large, as 0."""
    rounded = np.rint(values)
    return np.where(np.abs(rounded) <= LARGEST_EXACT, rounded, 0).astype(np.int64)
