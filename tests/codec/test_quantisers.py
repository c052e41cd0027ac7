"""The error holds by construction, for every type and every value, to the bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.codec.quantisers import (
    Bits,
    Decimals,
    Lattice,
    Levels,
    Quantiser,
    Relative,
    Steps,
    bits,
    fit_quantiser,
    is_within,
    ordered,
    unordered,
)
from isthmus.codec.tolerance import Tolerance

TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
MANY = 5000  # values an example


def any_values(dtype: np.dtype, seed: int, scale: float) -> np.ndarray:
    """Return values of a type: any bits, usual ones, and those that are odd."""
    random = np.random.Generator(np.random.Philox(seed))
    raw = random.integers(0, 256, MANY * dtype.itemsize, np.uint8).view(dtype)
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        odd = np.array([limits.min, limits.min + 1, 0, 1, limits.max - 1, limits.max], dtype)
        usual = random.integers(max(limits.min, -1000), min(limits.max, 1000), MANY).astype(dtype)
    else:
        limits = np.finfo(dtype)
        odd = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, limits.max, limits.min, limits.tiny], dtype)
        odd = np.concatenate([odd, np.array([limits.smallest_subnormal], dtype)])
        with np.errstate(over="ignore"):
            usual = (random.normal(size=MANY) * scale).astype(dtype)
    return random.permutation(np.concatenate([raw[: MANY // 2], odd, usual[: MANY // 2 - len(odd)]]))


def are_allowed(x: np.ndarray, y: np.ndarray, tolerance: Tolerance | None, spread: Fraction) -> bool:
    """Say by exact fractions whether restored values `y` are near enough to `x`; equal bits always are."""
    same = bits(x) == bits(y)
    if tolerance is None:
        return bool(same.all())
    for a, b in zip(x[~same].tolist(), y[~same].tolist(), strict=True):
        if not np.isfinite(float(a)) or not np.isfinite(float(b)) or (a == 0 and np.signbit(float(a))):
            return False
        error = Fraction(tolerance.error) * {"absolute": 1, "range": spread, "value": abs(Fraction(a))}[tolerance.kind]
        if abs(Fraction(a) - Fraction(b)) > error:
            return False
    return True


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(TYPES),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["lossless", "absolute", "range", "value"]),
    error=st.floats(1e-9, 1e4),
    scale=st.sampled_from([1e-5, 1.0, 300.0, 1e6]),
)
def test_no_value_is_farther_than_the_error(name: str, seed: int, kind: str, error: float, scale: float) -> None:
    """A million values: what a quantiser says it keeps is within the error, exactly; the rest is raw."""
    dtype = np.dtype(name)
    values = any_values(dtype, seed, scale)
    tolerance = None if kind == "lossless" else Tolerance(error, kind)
    seen = values[: MANY // 2]
    finite = seen[np.isfinite(seen)]
    spread = Fraction(finite.max().item()) - Fraction(finite.min().item())
    quantiser = fit_quantiser(seen, tolerance)
    numbers, is_kept = quantiser.numbers(values)
    assert numbers.dtype == np.int64
    restored = quantiser.values(numbers[is_kept])
    assert restored.dtype == dtype
    different = np.flatnonzero(bits(restored) != bits(values[is_kept]))[:300]
    x, y = values[is_kept][different], restored[different]
    assert are_allowed(x, y, tolerance, spread)
    again, is_kept_again = quantiser.numbers(values)
    assert (again == numbers).all()
    assert (is_kept_again == is_kept).all()


@pytest.mark.parametrize("name", TYPES)
def test_every_value_has_a_number_of_its_own(name: str) -> None:
    values = any_values(np.dtype(name), 3, 1.0)
    assert (bits(unordered(ordered(values), values.dtype)) == bits(values)).all()
    if values.dtype.kind == "f":
        finite = np.sort(values[np.isfinite(values) & (values != 0)])
        assert (np.diff(ordered(finite)) >= 0).all()


def test_a_lattice_by_hand() -> None:
    """Steps of 0.5: 0.26 is nearest to 0.5, and 1.1 to 1."""
    lattice = Lattice(np.dtype("f8"), 0.25, 0.5)
    numbers, is_kept = lattice.numbers(np.array([0.0, 0.26, 1.1, -0.74, np.nan, np.inf, -0.0, 1e300]))
    assert numbers.tolist() == [0, 1, 2, -1, 0, 0, 0, 0]
    assert is_kept.tolist() == [True, True, True, True, False, False, False, False]
    assert lattice.values(np.array([1, 2, -1])).tolist() == [0.5, 1.0, -0.5]


def test_steps_of_whole_numbers_by_hand() -> None:
    """An error of 2 is steps of 5, whose middles are the values; what would be beyond the type is at its end."""
    steps = Steps(np.dtype("i1"), 2)
    numbers, is_kept = steps.numbers(np.array([0, 2, 3, -3, 127, -128], np.int8))
    assert numbers.tolist() == [0, 0, 1, -1, 25, -26]
    assert is_kept.all()
    assert steps.values(np.array([1, 25, -26])).tolist() == [5, 125, -128]


def test_parts_between_powers_of_two_by_hand() -> None:
    """An error of 1/8 of the value: 4 steps from 1 to 2, 1.25 apart in quarters."""
    relative = fit_quantiser(np.array([1.0]), Tolerance(0.125, "value"))
    assert isinstance(relative, Relative)
    assert relative.parts == 5  # four would do by 1/8 exactly, not with the rounding of the type
    values = np.array([1.0, 1.3, -100.0, 1e-300, 0.0])
    numbers, is_kept = relative.numbers(values)
    assert is_kept.all()
    assert (np.abs(relative.values(numbers) / np.where(values == 0, 1, values) - (values != 0)) <= 0.125).all()


def test_decimals_are_found() -> None:
    values = np.arange(1, 30_000).astype(np.float64) / 100
    quantiser = fit_quantiser(values, None)
    assert isinstance(quantiser, Decimals)
    assert quantiser.digits == 2
    assert quantiser.numbers(np.array([12.34]))[0].tolist() == [1234]
    assert not quantiser.numbers(np.array([np.pi]))[1].any()


def test_few_values_are_levels_and_others_their_bits() -> None:
    assert isinstance(fit_quantiser(np.repeat([1.5, 700.25, 1e9], 100), None), Levels)
    assert isinstance(fit_quantiser(np.arange(1000, dtype=np.int64), None), Bits)


@pytest.mark.parametrize("error", [0.3, 2.0**-30])
def test_an_error_on_the_edge_is_told_exactly(error: float) -> None:
    """1 - error, rounded, may be farther from 1 than the error: fractions say so, and so does the check."""
    x = np.ones(1)
    y = x - error
    assert is_within(x, y, error).item() == (abs(Fraction(1) - Fraction(y.item())) <= Fraction(error))


def test_quantisers_are_known_by_name() -> None:
    assert {"Bits", "Levels", "Decimals", "Steps", "Lattice", "Relative"} <= set(Quantiser.known)
