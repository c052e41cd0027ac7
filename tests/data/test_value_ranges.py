"""What the numbers of each column have been: ends and decimals by hand, in blocks, in float32, with cells missing."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.data.value_ranges import are_ranges, value_ranges, wider, within

LARGEST = np.finfo(np.float64).max
X = np.array([[1.0, 0.25, -3.5, np.nan, 1 / 3], [4.0, np.nan, 2.0, np.nan, 2.0], [2.0, 1.5, 0.125, np.nan, -7.0]])
KNOWN = [[1, 0.25, -3.5, -LARGEST, -7], [4, 1.5, 2, LARGEST, 2], [0, 2, 3, -1, -1]]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_ends_and_decimals_by_hand(size: int) -> None:
    blocks = (X[start : start + size] for start in range(0, 3, size))
    np.testing.assert_array_equal(value_ranges(blocks, np.dtype(float)), KNOWN)


def test_the_last_digits_of_float32_are_none() -> None:
    tenths = np.arange(-40, 900, dtype=np.float32)[:, None] / np.float32(10)
    found = value_ranges(iter([tenths.astype(np.float64)]), np.dtype(np.float32))
    np.testing.assert_allclose(found.ravel(), [-4, 89.9, 1], rtol=1e-6)
    assert value_ranges(iter([tenths.astype(np.float64)]), np.dtype(np.float64))[2, 0] == -1


@pytest.mark.parametrize("value", [1.5e-9, 123456.78901234, 0.1234567])
def test_a_column_of_many_digits_is_not_rounded(value: float) -> None:
    assert value_ranges(iter([np.array([[value], [1.0]])]), np.dtype(float))[2, 0] == -1


def test_few_numbers_that_were_computed_say_nothing_of_the_others() -> None:
    tenths, rain = np.arange(1, 1001) / 10, np.zeros(1000)
    tenths[[10, 400, 700]] = 1 / 3, 2.05, 7.123
    rain[::50] = 0.5  # zeros do not make it whole
    found = value_ranges(iter([np.stack([tenths, rain], axis=1)[part::2] for part in (0, 1)]), np.dtype(float))
    assert found[2].tolist() == [1, 1]
    tenths[::25] += 0.05  # now they are too many
    assert value_ranges(iter([tenths[:, None]]), np.dtype(float))[2].tolist() == [2]


def test_an_end_of_more_decimals_counts_as_the_next_number_inside() -> None:
    ranges = np.array([[1.0, -0.25, 0.2, 1.1], [199.6, 7.0, 0.3, 9.9], [0.0, 0.0, 0.0, 1.0]])
    found = within(ranges, np.array([[500.0, -9.0, 0.9, 0.0], [199.55, 0.4, 0.0, 12.0]]))
    # Of the third column no whole number is inside: its ends stay.
    np.testing.assert_array_equal(found, [[199.0, 0.0, 0.3, 1.1], [199.0, 0.0, 0.2, 9.9]])


def test_rows_within() -> None:
    rows = np.array([[0.2, 0.987, 9.0, 1e300, 0.123456789], [3.51, np.nan, -3.4999, -5.0, -8.0]])
    found = within(np.array(KNOWN), rows)
    np.testing.assert_array_equal(found, [[1, 0.99, 2, 1e300, 0.123456789], [4, np.nan, -3.5, -5, -7]])
    assert within(np.array(KNOWN), rows[:0]).shape == (0, 5)


def test_of_two_tables_they_are_those_of_all_rows() -> None:
    more = X * 2 + 0.5
    together = value_ranges(iter([X, more]), np.dtype(float))
    each = (value_ranges(iter([rows]), np.dtype(float)) for rows in (X, more))
    np.testing.assert_array_equal(wider(*each), together)


def test_what_a_file_may_hold() -> None:
    known = np.array(KNOWN)
    assert are_ranges(known)
    for row, value in ((0, 5.0), (1, 0.5), (2, 0.5), (2, 7.0), (2, -2.0)):
        forged = known.copy()
        forged[row, 0] = value
        assert not are_ranges(forged)
