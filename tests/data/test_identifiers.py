"""Columns that only name their rows are told from those that say something."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from isthmus.data.identifiers import differ, row_numbers

N = 40
UPS = np.arange(N)
RANDOM = np.random.default_rng(0)
DISTINCT = RANDOM.permutation(10**6)[:N]

COLUMNS: dict[str, tuple[str, Any, bool]] = {
    "a count from 0": ("x", UPS, True),
    "a count from 1": ("x", UPS + 1, True),
    "a count with gaps, as of some rows": ("x", np.sort(RANDOM.permutation(N + 20)[:N]), True),
    "a count of few rows": ("x", UPS[:10], False),
    "years": ("x", 1980 + UPS, False),
    "a rising measure": ("x", UPS * 7, False),
    "ranks in disorder": ("x", RANDOM.permutation(N), False),
    "ids": ("customer_id", DISTINCT, True),
    "ids, some twice": ("id", np.r_[DISTINCT[:-1], DISTINCT[:1]], True),
    "ids of groups": ("id", UPS % 10, False),
    "ids with a gap": ("id", np.where(UPS == 3, np.nan, DISTINCT), True),
    "different numbers": ("price", DISTINCT, False),
    "decimal numbers": ("id", DISTINCT + 0.5, False),
    "floats": ("x", UPS * 1.0, False),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_numbers_of_rows(case: str) -> None:
    name, values, is_one = COLUMNS[case]
    batch = pa.record_batch({name: pa.array(values, from_pandas=True)})
    halves = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    for batches in ([batch], halves):
        assert row_numbers(batch.schema, batches) == ({name} if is_one else set())


def test_texts() -> None:
    assert differ(Counter({f"note {i}": 1 for i in range(40)}))
    assert not differ(Counter({f"note {i}": 1 for i in range(10)}))
    assert not differ(Counter({f"note {i}": 2 for i in range(40)}))
