"""Whole numbers as symbols: bins, what is missing, what is far, and the way back."""

from __future__ import annotations

import numpy as np

from isthmus.codec.symbols import (
    ESCAPE,
    FAR,
    MOST_SYMBOLS,
    NULL,
    SPECIAL,
    Alphabet,
    bins,
    cost,
    filled_forward,
    fit_alphabet,
)

ALPHABET = Alphabet(False, -5, 100, np.array([0, 1, 4, 10]), np.array([0, 5, 10]))


def test_symbols_by_hand() -> None:
    numbers, none = np.array([0, 1, 3, 9, 10, -5]), np.full(6, -1, np.int8)
    symbols = ALPHABET.symbols(numbers, np.zeros(6, np.int64), none)
    assert symbols.tolist() == [SPECIAL, SPECIAL + 1, SPECIAL + 1, SPECIAL + 2, FAR, FAR]
    assert ALPHABET.widths(symbols).tolist() == [1, 3, 3, 6, 106, 106]
    offsets = ALPHABET.offsets(numbers, np.zeros(6, np.int64), symbols)
    assert offsets.tolist() == [0, 0, 2, 5, 15, 0]
    assert ALPHABET.numbers(symbols, offsets, np.zeros(6, np.int64)).tolist() == numbers.tolist()
    assert ALPHABET.context(numbers, symbols).tolist() == [SPECIAL, SPECIAL, SPECIAL, SPECIAL + 1, SPECIAL + 1, SPECIAL]


def test_what_is_beyond_the_range_is_raw_and_what_is_missing_stays_so() -> None:
    marks = ALPHABET.marks(np.array([101, -6, 0, 0]), np.array([-1, -1, -1, NULL], np.int8))
    assert marks.tolist() == [ESCAPE, ESCAPE, -1, NULL]
    assert ALPHABET.numbers(np.array([NULL, ESCAPE]), np.zeros(2, np.int64), np.array([7, 8])).tolist() == [7, 8]


def test_differences_to_the_row_before() -> None:
    following = Alphabet(True, 0, 1000, np.array([-1, 0, 1, 2]), np.array([0, 500, 1001]))
    numbers, before = np.array([500, 501, 700]), np.array([501, 500, 500])
    symbols = following.symbols(numbers, before, np.full(3, -1, np.int8))
    assert symbols.tolist() == [SPECIAL, SPECIAL + 2, FAR]
    assert following.numbers(symbols, following.offsets(numbers, before, symbols), before).tolist() == numbers.tolist()


def test_bins_hold_about_as_many_and_frequent_values_have_their_own() -> None:
    values = np.concatenate([np.arange(10_000), np.full(5000, 42)])
    edges = bins(values, 64)
    assert len(edges) <= 67
    assert edges[0] == 0
    assert edges[-1] == 10_000
    assert {42, 43} <= set(edges.tolist())
    assert (np.diff(edges) > 0).all()
    counts = np.histogram(np.arange(10_000), edges)[0]
    assert counts.max() <= 2 * 15_000 / 64 + 1
    assert bins(np.array([7, 7]), 10).tolist() == [7, 8]
    assert len(fit_alphabet(np.arange(10**5) * 17, np.ones(10**5, bool), True).edges) <= MOST_SYMBOLS - SPECIAL


def test_the_cost_is_that_of_frequencies_and_widths() -> None:
    """Half of the values in each of two bins of widths 1 and 4: 1 bit each, 2 more in the second."""
    assert cost(np.array([0, 0, 1, 4]), np.array([0, 1, 5])) == 4 + 4


def test_missing_numbers_are_those_before() -> None:
    filled = filled_forward(np.array([9, 3, 9, 5, 9]), np.array([False, True, False, True, False]))
    assert filled.tolist() == [0, 3, 3, 5, 5]


def test_numbers_somewhat_beyond_those_seen_can_be_written() -> None:
    """Seen are 10 to 110: written can be what is as far again and 1,000 away."""
    alphabet = fit_alphabet(np.arange(10, 111), np.ones(101, bool), False)
    assert (alphabet.low, alphabet.high) == (10 - 100 - 1000, 110 + 100 + 1000)
    assert alphabet.holds(np.array([-1090, 1210, 1211])).tolist() == [True, True, False]
