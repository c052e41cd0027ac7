"""Dates as people write them: their value as Python has it, and the way back to the same text."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from isthmus.data.cells.dates import DateFormat, date_format, notice_dates
from isthmus.data.cells.format import TEXT

DAY, OTHER = dt.date(2024, 1, 31), dt.date(2023, 12, 5)
MOMENT = dt.datetime(2024, 1, 31, 15, 7, 9)

WRITTEN: dict[str, tuple[list[str], list[object]]] = {
    "%Y-%m-%d": (["2024-01-31", "2023-12-05"], [DAY, OTHER]),
    "%Y/%m/%d": (["2024/01/31"], [DAY]),
    "%d.%m.%Y": (["31.01.2024", "05.12.2023"], [DAY, OTHER]),
    "%d/%m/%Y": (["31/01/2024", "05/12/2023"], [DAY, OTHER]),
    "%m/%d/%Y": (["01/31/2024", "12/05/2023"], [DAY, OTHER]),
    "%m/%d/%y": (["1/31/24", "12/5/23"], [DAY, OTHER]),
    "%d %b %Y": (["31 Jan 2024", "5 Dec 2023"], [DAY, OTHER]),
    "%B %d, %Y": (["January 31, 2024", "December 5, 2023"], [DAY, OTHER]),
    "%Y-%m-%d %H:%M:%S": (["2024-01-31 15:07:09"], [MOMENT]),
    "%Y-%m-%dT%H:%M:%S": (["2024-01-31T15:07:09"], [MOMENT]),
    "%d.%m.%Y %H:%M": (["31.01.2024 15:07"], [MOMENT.replace(second=0)]),
    "%m/%d/%Y %I:%M %p": (["1/31/2024 3:07 PM"], [MOMENT.replace(second=0)]),
    "%Y-%m-%d %H:%M:%S%f": (["2024-01-31 15:07:09.250"], [MOMENT.replace(microsecond=250_000)]),
    "%Y-%m-%dT%H:%M:%S%f%z": (["2024-01-31T15:07:09Z"], [MOMENT.replace(tzinfo=dt.UTC)]),
}


@pytest.mark.parametrize("pattern", WRITTEN)
def test_dates_have_their_value_and_are_written_again(pattern: str) -> None:
    cells, values = WRITTEN[pattern]
    texts = pa.array(cells, TEXT)
    form = next(form for form in notice_dates(texts) if form.pattern == pattern)
    dates, is_wrong = form.parse(texts)
    assert not is_wrong.any()
    assert dates.to_pylist() == values
    assert form.render(dates) == cells


def test_zones_are_counted_from_utc() -> None:
    texts = pa.array(["2024-01-31T15:07:09+02:00", "2024-01-31T15:07:09-0130"], TEXT)
    (form,) = notice_dates(texts)
    assert [value.hour * 60 + value.minute for value in form.parse(texts)[0].to_pylist()] == [787, 997]


@pytest.mark.parametrize(
    "text", ["2024-02-30", "31/13/2024", "1.2.34", "2024-01-01 25:00", "12:30", "20240131", "soon"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert notice_dates(pa.array([text], TEXT)) == []


def test_day_and_month_may_be_either_up_to_the_twelfth() -> None:
    both = [form.pattern for form in notice_dates(pa.array(["01/02/2024", "12/12/2024"], TEXT))]
    assert both == ["%d/%m/%Y", "%m/%d/%Y"]


def test_filled_dates_are_rounded_to_what_the_column_shows() -> None:
    form = DateFormat("%d.%m.%Y %H:%M")
    assert form.render(pa.array([MOMENT])) == ["31.01.2024 15:07"]
    assert DateFormat("%Y-%m-%d %H:%M:%S%f", digits=1).render(pa.array([MOMENT])) == ["2024-01-31 15:07:09.0"]


@pytest.mark.parametrize(
    ("spelled", "pattern"), [("m/d/y", "%m/%d/%Y"), ("dd.mm.yyyy", "%d.%m.%Y"), ("%y%m%d", "%y%m%d")]
)
def test_a_format_is_spelled_by_letters_or_as_in_python(spelled: str, pattern: str) -> None:
    assert date_format(spelled).pattern == pattern


@pytest.mark.parametrize("spelled", ["", "d", "m/d", "%H:%M", "%d/%d/%Y", "%Q-%d-%m-%Y", "%d %m %Y %I"])
def test_what_is_no_format_is_refused(spelled: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        date_format(spelled)
