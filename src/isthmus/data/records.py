"""Rows as Python and pandas hold them: a dict, a list of dicts, a Series of one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.core.extras import is_made_by
from isthmus.data.labels import Labels


def frame_of_records(data: Any) -> Any:
    """Return a frame for a dict of columns or of the values of one row, or for a list of such rows; else the data.

    Examples
    --------
    >>> frame_of_records({"age": 33, "job": "nurse"}).shape
    (1, 2)
    >>> frame_of_records([{"age": 33}, {"age": 41}])["age"].tolist()
    [33, 41]
    """
    if isinstance(data, Mapping) and not is_made_by(data, "scipy"):  # a sparse matrix by its cells is a dict too
        has_columns = any(np.ndim(value) > 0 for value in data.values())
        records: Any = dict(data) if has_columns else [dict(data)]
    elif isinstance(data, list | tuple) and data and all(isinstance(row, Mapping) for row in data):
        records = list(data)
    else:
        return data
    import pandas as pd

    return pd.DataFrame(records)


def row_of_series(data: Any, names: Labels | None) -> Any:
    """Return a frame of one row for a Series of pandas that holds a value for each of `names`; else the data."""
    if names is None or not is_made_by(data, "pandas", "Series") or not set(names) <= set(data.index):
        return data
    return data.to_frame().T.infer_objects()
