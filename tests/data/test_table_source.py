"""A mixed table is read block by block as its schema says, and answered in its own kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus.data.schema import learn
from isthmus.data.sources import open_table, source_type
from isthmus.data.table_source import TableSource


@pytest.fixture
def mixed() -> Any:
    frame = pd.DataFrame({0: ["a", "b", None, "a", "a"], 1: [1.0, 2.0, 3.0, np.nan, 5.0]}, index=list("vwxyz"))
    inner: Any = open_table(frame)
    schema = learn(inner.schema, inner.own_types(), lambda: inner.record_batches(2), {})
    return TableSource(inner, schema)


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_blocks_are_numbers(mixed: Any, rows: int) -> None:
    blocks = list(mixed.blocks(rows))
    assert max(map(len, blocks)) <= rows
    due = [[0, 1], [1, 2], [np.nan, 3], [0, np.nan], [0, 5]]
    np.testing.assert_array_equal(np.concatenate(blocks), due)


def test_it_answers_as_the_table_that_it_reads(mixed: Any) -> None:
    assert mixed.kind is source_type("pandas")
    assert mixed.labels() == [0, 1]
    assert mixed.n_rows == 5
    assert mixed.row.columns == ("0", "1")
    assert list(mixed.index) == list("vwxyz")
