"""What a table says of the steps of a series: its channels, cells that hold no number, its time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import isthmus
from isthmus.errors import InvalidData

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NAMED = 4  # channels in a message
NUMBERS = 0.9  # of the cells of a column that is a channel in spite of the others
SOME = 0.5  # of the cells of a column of which it is said why it is none
MOSTLY = 0.95  # of the steps at which a column that counts them rises, and of its different values
GAP = 1.5  # times as long as usual is a gap
SHORT = 30  # characters of a cell in a message


@dataclass(frozen=True)
class Steps:
    """What a table says of the steps of a series, in its order."""

    channels: pd.DataFrame  # [steps, channels], numbers; what is missing is between its neighbors
    is_there: np.ndarray  # [steps, channels], where the table holds a number
    beside: pd.DataFrame  # what is not learned: times, numbers of steps, texts

    def describe(self) -> str:
        """Return what was read, a part of a sentence."""
        names = list(map(str, self.channels.columns))
        listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        beside = ", ".join(map(str, self.beside.columns))
        words = f"{len(self.channels):,} steps of {len(names):,} channel{'s' * (len(names) > 1)} ({listed})"
        return words + (f", not learned {beside}" if beside else "")


def read_steps(table: Any, further: dict[str, Any], channels: Sequence[str] | None = None) -> Steps:
    """Return the steps of a table, its path or its source; `further` columns [steps] stand beside its channels too.

    Warn of cells that hold no number, which are taken to be between their neighbors, and of gaps and disorder in time.

    Parameters
    ----------
    channels : the names of those of a detector that was saved; None where it does not know them, or there is none.

    Raises
    ------
    InvalidData
        If there are no rows, no column is a channel, or one of a detector is missing.
    """
    import numpy as np
    import pandas as pd

    source = isthmus.open_table(table)
    source.require_rows()
    whole = source.whole()
    if not isinstance(whole, pd.DataFrame):
        rows = np.reshape(np.asarray(whole), (source.n_rows, -1))
        whole = pd.DataFrame(rows, columns=[f"x{place}" for place in range(rows.shape[1])])
        channels = None  # it names none
    whole = whole.reset_index(drop=True)
    if missing := [name for name in channels or () if name not in whole]:
        raise InvalidData(
            f"{source.name} has no channel {missing[0]!r}, and the detector was trained on {', '.join(channels or ())}."
        )
    numbers, is_there = {}, []
    for name in whole.columns if channels is None else channels:
        column = _numbers(whole[name], is_channel=channels is not None)
        if column is not None:
            numbers[name] = column.interpolate(limit_direction="both")
            is_there.append(column.notna().to_numpy())
    if not numbers:
        raise InvalidData(
            f"--window: expected a column of numbers that do not only count steps; {source.name} has none."
        )
    beside = whole.drop(columns=list(numbers))
    _warn_of_time(beside)
    return Steps(pd.DataFrame(numbers), np.stack(is_there, axis=1), beside.assign(**further))


def _numbers(column: pd.Series, *, is_channel: bool) -> pd.Series | None:
    """Return the numbers of a column, NaN where a cell holds none; None where it is no channel.

    One is that holds numbers, but for few cells, and no whole ones that rise at nearly every step, unless it is known
    to be one, `is_channel`.
    """
    import pandas as pd

    if not is_channel and (column.dtype.kind == "M" or _counts_steps(column)):
        return None
    if column.dtype.kind in "iufb":
        numbers = column.astype(float)
    else:
        numbers = pd.to_numeric(column.astype(object).astype(str).where(column.notna()), errors="coerce")
    count, cells = int(numbers.notna().sum()), int(column.notna().sum())
    bad = numbers.index[numbers.isna()]
    what = f"{len(bad):,} cell{'s' * (len(bad) > 1)} without a number"
    if len(bad):
        cell = column[bad[0]]
        what += f", the first at step {bad[0]}" + ("" if pd.isna(cell) else f": {str(cell)[:SHORT]!r}")
    if count == 0 or (count < NUMBERS * cells and not is_channel):
        if count >= SOME * cells and cells:
            warnings.warn(f"{column.name} is not learned: it has {what}.", stacklevel=2)
        return None
    if len(bad):
        stands = "it is" if len(bad) == 1 else "they are"
        warnings.warn(f"{column.name} has {what}; {stands} taken to be between the neighboring steps.", stacklevel=2)
    return numbers


def _counts_steps(column: pd.Series) -> bool:
    """Say whether a column holds whole numbers that rise at every step, or at nearly every one and hardly repeat."""
    if column.dtype.kind not in "iu" or len(column) < 2:
        return False
    values = column.to_numpy()
    rises = values[1:] > values[:-1]
    return bool(rises.all()) or (rises.mean() >= MOSTLY and column.nunique() >= MOSTLY * len(column))


def _warn_of_time(beside: pd.DataFrame) -> None:
    """Warn where the first column of times, else of numbers of steps, goes back, stands still, or leaves steps out."""
    import numpy as np

    times = [name for name in beside if beside[name].dtype.kind == "M" and beside[name].notna().all()]
    name = next(iter([*times, *(name for name in beside if _counts_steps(beside[name]))]), None)
    if name is None or len(beside) < 2:
        return
    column = beside[name]
    steps = np.diff(column.to_numpy()).astype(np.int64) if name in times else np.diff(column.to_numpy().astype(float))
    if (back := np.flatnonzero(steps < 0)).size:
        place = int(back[0]) + 1
        warnings.warn(
            f"{name} goes back at {len(back):,} step{'s' * (len(back) > 1)}, the first {place} ({column[place]} after "
            f"{column[place - 1]}): rows are taken in the order of the table. Sort them by {name}.",
            stacklevel=3,
        )
        return
    if (still := np.flatnonzero(steps == 0)).size:
        warnings.warn(
            f"{name} stands still at {len(still):,} step{'s' * (len(still) > 1)}, the first {int(still[0]) + 1}.",
            stacklevel=3,
        )
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else np.inf
    gaps = np.flatnonzero(steps > GAP * usual)
    if gaps.size and gaps.size < len(steps) / 2:
        longest = int(gaps[steps[gaps].argmax()])
        warnings.warn(
            f"{name} has {len(gaps):,} gap{'s' * (len(gaps) > 1)}, the longest between {column[longest]} and "
            f"{column[longest + 1]} (steps {longest} and {longest + 1}): windows go across as if none were there.",
            stacklevel=3,
        )
