"""A table with every kind of column, and codecs of it in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FIXTURES = Path(__file__).parent / "fixtures" / "codec"


def make_table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return a frame whose columns depend on each other, with missing and odd values among them."""
    random = np.random.Generator(np.random.Philox(seed))
    size = random.integers(0, 40, n)
    price = (size * 2.5 + random.integers(0, 8, n) / 4).round(2)
    price[:3] = np.nan, np.inf, -0.0
    return pd.DataFrame(
        {
            "size": size.astype(np.int32),
            "kind": pd.Categorical(np.where(size > 20, "large", "small"), ["small", "large", "none yet"]),
            "price": price,
            "noise": random.normal(size=n).astype(np.float32),
            "text": np.where(size % 7 == 0, None, np.where(size % 2 == 0, "even — чёт", "odd")),
            "day": pd.to_datetime("2024-02-28") + pd.to_timedelta(np.arange(n) % 5, unit="D"),
            "is_new": size % 3 == 0,
        }
    )
