"""Tables made up for what is measured by time alone: numbers, and numbers beside categories."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cases import made_up


def numbers(rows: int, columns: int) -> np.ndarray:
    """Return rows of numbers bent out of three hidden ones, [rows, columns] float64."""
    return made_up(rows, columns).astype(np.float64)


def mixed(rows: int, numeric: int = 8, categorical: int = 3) -> pd.DataFrame:
    """Return a frame of columns of numbers and of five categories each, which go together."""
    x = numbers(rows, numeric + categorical)
    frame = pd.DataFrame({f"number {place}": x[:, place] for place in range(numeric)})
    for place in range(categorical):
        ranks = np.searchsorted(np.quantile(x[:, numeric + place], [0.2, 0.4, 0.6, 0.8]), x[:, numeric + place])
        frame[f"category {place}"] = np.array(list("abcde"))[ranks]
    return frame
