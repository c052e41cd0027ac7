"""Small files that are tables, or are none, and what is expected of each format of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder, InvalidData


def write(path: Path, content: bytes) -> Path:
    """Write a file, and return its path."""
    path.write_bytes(content)
    return path


def check_read_as_text_file(source: Any) -> None:
    """Check a table of three rows whose cells are texts, numbers, dates and truth values, some of them missing."""
    source = source.declare({})
    assert [str(kind) for kind in source.schema.types] == ["large_string", "int64", "double", "date32[day]", "bool"]
    frame = source.whole()
    assert frame["name"].tolist() == ["00501", "NA", "00502"]
    assert frame["n"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(frame["x"], [1.5, np.nan, -2.5])
    assert frame["day"].tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01"), pd.NaT]
    assert frame["ok"].tolist() == [True, False, True]


def check_refused(path: Path, message: str) -> None:
    """Check that a fit refuses a file in one line."""
    with pytest.raises(InvalidData, match=message) as caught:
        Autoencoder(1, encoder=(3,), max_epochs=1).fit(path)
    assert "\n" not in str(caught.value)
