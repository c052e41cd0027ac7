"""Columns of a file, chosen by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.errors import InvalidData, suggestion

if TYPE_CHECKING:
    import numpy as np


MOST_NAMED = 12  # columns in a message


def choose(
    path: Path, keep: Sequence[str], drop: Sequence[str], weight: str | None, label: str | None = None
) -> tuple[Any, np.ndarray | None, np.ndarray | None]:
    """Return a file with its columns chosen, and its columns of weights and labels [rows] where they are named.

    Parameters
    ----------
    keep : names of columns, several in one text where commas part them; none keeps all.
    drop : names of columns to leave out, in the same form.
    weight, label : the columns of weights and of labels; they are taken out of the others.

    Raises
    ------
    InvalidData
        If the file cannot be read, or has no names of columns, or not these columns.
    """
    if not keep and not drop and weight is None and label is None:
        return path, None, None
    import isthmus

    source = isthmus.open_table(path)
    known = source.names
    if not known:
        raise InvalidData(f"{path} has no names of columns to choose by: choose from a CSV or Parquet file.")
    weights = [] if weight is None else _split_names(path, [weight], known)
    labels = [] if label is None else _split_names(path, [label], known)
    left_out = {*_split_names(path, drop, known), *weights, *labels}
    chosen = [name for name in _split_names(path, keep, known) or known if name not in left_out]
    if not chosen:
        raise InvalidData(f"no column of {path} is left to learn from: leave out fewer.")
    weight_values = _column(source.select(weights)) if weights else None
    return source.select(chosen), weight_values, _labels(source.select(labels)) if labels else None


def parse_kinds(texts: Sequence[str]) -> dict[str, str | list[str]]:
    """Return what columns hold, as `Autoencoder` takes it, from texts `name=kind` or `name=first,second,…`.

    Raises
    ------
    InvalidData
        If a text is not of this form.

    Examples
    --------
    >>> parse_kinds(["zip=categorical", "size=S,M,L"])
    {'zip': 'categorical', 'size': ['S', 'M', 'L']}
    """
    kinds: dict[str, str | list[str]] = {}
    for text in texts:
        name, sign, kind = text.rpartition("=")
        if not sign or not name or not kind:
            raise InvalidData(f"--kind: expected NAME=KIND, as zip=categorical or size=S,M,L; got {text!r}.")
        kinds[name] = kind.split(",") if "," in kind else kind
    return kinds


def _split_names(path: Path, texts: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the names in texts: each is a name, or several with commas between."""
    names = []
    for text in texts:
        names += [text] if text in known else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            others = ", ".join(known[:MOST_NAMED]) + (", …" if len(known) > MOST_NAMED else "")
            raise InvalidData(f"{path} has no column {name!r}.{suggestion(name, known)} There are: {others}.")
    return list(dict.fromkeys(names))


def _column(source: Any) -> np.ndarray:
    """Return the numbers of a source of one column, [rows]."""
    import numpy as np

    return np.concatenate([np.empty(0), *(block[:, 0] for block in source.blocks(65_536))])


def _labels(source: Any) -> np.ndarray:
    """Return the labels in a source of one column, [rows]: numbers and truth values as they are, dates as texts."""
    import numpy as np

    column = source.whole().iloc[:, 0]
    if column.dtype.kind in "iufb":
        return column.to_numpy()
    missing, labels = column.isna(), np.empty(len(column), object)
    texts = column.astype(str) if column.dtype.kind == "M" else column  # without the time of day where it is midnight
    for row, label in enumerate(texts):
        labels[row] = None if missing[row] else label if isinstance(label, bool | int | float) else str(label)
    return labels
