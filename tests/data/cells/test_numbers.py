"""Numbers as people write them: the value of each, and the way back to the same text."""

from __future__ import annotations

import pyarrow as pa
import pytest

from isthmus.data.cells.format import TEXT
from isthmus.data.cells.numbers import candidates, finish, notice_plain

WRITTEN: dict[str, tuple[list[str], list[float]]] = {
    "plain": (["0.5", "-2.25", "10.75"], [0.5, -2.25, 10.75]),
    "thousands": (["12,345", "1,234", "-5"], [12345, 1234, -5]),
    "thousands and decimals": (["1,234.5", "-0.5"], [1234.5, -0.5]),
    "decimal comma": (["1,5", "-0,25"], [1.5, -0.25]),
    "points between thousands": (["1.234,5", "7,0"], [1234.5, 7.0]),
    "spaces between thousands": (["1 234,5", "7,0"], [1234.5, 7.0]),
    "thin spaces": (["1\u202f234", "7"], [1234, 7]),
    "apostrophes": (["1'234.50", "7.00"], [1234.5, 7.0]),
    "per cent": (["12.5%", "3.0%"], [12.5, 3.0]),
    "per cent apart": (["12,5 %", "3,0 %"], [12.5, 3.0]),
    "dollars": (["$3.20", "-$1,234.00"], [3.2, -1234.0]),
    "euros": (["3,20 €", "-1,00 €"], [3.2, -1.0]),
    "minus of print": (["−4.1", "2.0"], [-4.1, 2.0]),
    "exponents": (["1e-3", "2.5E4"], [0.001, 25000.0]),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_numbers_have_their_value_and_are_written_again(case: str) -> None:
    cells, values = WRITTEN[case]
    texts = pa.array(cells, TEXT)
    form = finish(notice_plain(texts) or candidates(texts)[0], texts)
    numbers, is_wrong = form.parse(texts)
    assert not is_wrong.any()
    assert numbers.to_pylist() == values
    if case not in ("exponents", "thin spaces"):  # of which there are several forms
        assert form.render(numbers) == cells


@pytest.mark.parametrize(
    "text", ["0x1f", "1_000", "1,23,4", "12 34", "$", "%", "1.2.3", "1,5,", "--1", "1e", "$3 €", ""]
)
def test_what_is_no_number_is_none(text: str) -> None:
    texts = pa.array([text], TEXT)
    assert notice_plain(texts) is None
    assert candidates(texts) == []


def test_numbers_of_several_ways_are_of_no_format() -> None:
    for cells in (["$3", "4"], ["3%", "4"], ["1,5", "1.5"], ["1,234.5", "1.234,5"]):
        assert candidates(pa.array(cells, TEXT)) == []


def test_one_group_of_three_may_be_thousands_or_decimals() -> None:
    signs = {form.decimal for form in candidates(pa.array(["1,234", "5,678"], TEXT))}
    assert signs == {".", ","}
    assert {form.decimal for form in candidates(pa.array(["1,234", "5,67"], TEXT))} == {","}


def test_whole_numbers_beyond_64_bits_are_floats() -> None:
    texts = pa.array(["9223372036854775809", "10000000000000000000000000"], TEXT)
    form = notice_plain(texts)
    assert form is not None
    assert form.parse(texts)[0].to_pylist() == [2.0**63, 1e25]


def test_filled_numbers_are_rounded_to_the_decimals_of_the_column() -> None:
    texts = pa.array(["1,50", "-0,25"], TEXT)
    form = finish(candidates(texts)[0], texts)
    assert form.render(pa.array([2.0 / 3, -0.001, 1234.5])) == ["0,67", "0,00", "1234,50"]
    texts = pa.array(["1.5", "-0.25"], TEXT)
    assert finish(candidates(texts)[0], texts).render(pa.array([2.0 / 3, 1234.5])) == ["0.67", "1234.5"]
