"""The names of columns as their frame has them: texts, numbers, dates, tuples; and how a model file holds them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    Labels = list[Any] | pd.Index[Any]  # texts and whole numbers in a list, or an Index where it holds more
else:
    Labels = list


def labels_of(index: pd.Index) -> Labels:
    """Return the names of the columns of a DataFrame: a list where texts and whole numbers are all that there is."""
    values = list(index)
    is_plain = set(index.names) == {None} and all(type(value) in (str, int) for value in values)
    return values if is_plain else index


def index_of(labels: Labels) -> pd.Index:
    """Return names as the columns of a DataFrame are named."""
    import pandas as pd

    return pd.Index(labels) if isinstance(labels, list) else labels


def labels_to_json(labels: Labels) -> dict[str, Any] | None:
    """Return what a file holds of names beside their texts; None where these tell all."""
    if isinstance(labels, list):
        return None
    return {"values": [_to_json(value) for value in labels], "names": [_to_json(name) for name in labels.names]}


def labels_from_json(data: Any) -> pd.Index:
    """Return the names that `labels_to_json` wrote; what comes from a file may be anything.

    Raises
    ------
    ValueError, TypeError, KeyError, OverflowError
        If it is nothing of the kind.
    """
    import pandas as pd

    values, names = ([_from_json(value) for value in data[key]] for key in ("values", "names"))
    if values and all(isinstance(value, tuple) for value in values):
        return pd.MultiIndex.from_tuples(values, names=names)
    return pd.Index(values, name=names[0])


def _to_json(label: Any) -> Any:
    """Return a name as a plain JSON value: what is neither text nor number as its kind and what makes it."""
    import pandas as pd

    label = label.item() if isinstance(label, np.generic) else label
    if isinstance(label, tuple):
        return {"tuple": [_to_json(value) for value in label]}
    if isinstance(label, pd.Timestamp):
        zone = None if label.tz is None else str(label.tz)
        return {"timestamp": label.tz_localize(None).isoformat(), "zone": zone, "unit": label.unit}
    if isinstance(label, pd.Period):
        return {"period": str(label), "frequency": label.freqstr}
    if isinstance(label, pd.Interval):
        return {"interval": [_to_json(label.left), _to_json(label.right)], "closed": label.closed}
    if isinstance(label, datetime.date) and not isinstance(label, datetime.datetime):
        return {"date": label.isoformat()}
    is_plain = label is None or type(label) in (str, int, bool) or (type(label) is float and np.isfinite(label))
    return label if is_plain else str(label)


def _from_json(data: Any) -> Any:
    import pandas as pd

    if not isinstance(data, dict):
        return data
    if "tuple" in data:
        return tuple(_from_json(value) for value in data["tuple"])
    if "timestamp" in data:
        return pd.Timestamp(data["timestamp"], tz=data["zone"]).as_unit(data["unit"])
    if "period" in data:
        return pd.Period(data["period"], data["frequency"])
    if "interval" in data:
        left, right = (_from_json(end) for end in data["interval"])
        return pd.Interval(left, right, data["closed"])
    return datetime.date.fromisoformat(data["date"])
