"""A table whose rows are the steps of a series: its channels, what stands beside them, its odd stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import isthmus
from isthmus.cli import screen
from isthmus.errors import InvalidData, IsthmusError

if TYPE_CHECKING:
    import pandas as pd

    from isthmus import AnomalyDetector

SHOWN = 10  # stretches
REASONS = 3  # channels of each step
NAMED = 4  # channels in a message
AUTO = "auto"
WHY = tuple(f"{what}_{place}" for place in range(1, REASONS + 1) for what in ("column", "share", "value", "expected"))
OWN = ("step", "anomaly_score", "threshold", "is_odd", *WHY)  # columns of what is said of steps


@dataclass(frozen=True)
class Steps:
    """What a table says of the steps of a series, in its order."""

    channels: pd.DataFrame  # [steps, channels], numbers
    beside: pd.DataFrame  # what is not learned: times, numbers of steps, texts

    def describe(self) -> str:
        """Return what was read, a part of a sentence."""
        names = list(map(str, self.channels.columns))
        listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        beside = ", ".join(map(str, self.beside.columns))
        words = f"{len(self.channels):,} steps of {len(names):,} channel{'s' * (len(names) > 1)} ({listed})"
        return words + (f", not learned {beside}" if beside else "")


def read_steps(table: Any, further: dict[str, Any]) -> Steps:
    """Return the steps of a table, its path or its source; `further` columns [steps] stand beside its channels too.

    Raises
    ------
    InvalidData
        If there are no rows, or no column is a channel.
    """
    import numpy as np
    import pandas as pd

    source = isthmus.open_table(table)
    source.require_rows()
    whole = source.whole()
    if not isinstance(whole, pd.DataFrame):
        rows = np.reshape(np.asarray(whole), (source.n_rows, -1))
        whole = pd.DataFrame(rows, columns=[f"x{place}" for place in range(rows.shape[1])])
    whole = whole.reset_index(drop=True)
    is_channel = np.array([_is_channel(whole.iloc[:, place]) for place in range(whole.shape[1])], bool)
    if not is_channel.any():
        raise InvalidData(
            f"--window: expected a column of numbers that do not only count steps; {source.name} has none."
        )
    return Steps(whole.loc[:, is_channel].astype(float), whole.loc[:, ~is_channel].assign(**further))


def _is_channel(column: pd.Series) -> bool:
    """Say whether a column was measured: it holds numbers, and no whole ones that rise at every step."""
    if column.dtype.kind in "iu":
        values = column.to_numpy()
        return len(values) < 2 or not bool((values[1:] > values[:-1]).all())
    return column.dtype.kind in "fb"


def is_of_windows(detector: AnomalyDetector) -> bool:
    """Say whether a detector was fitted on windows of a series."""
    return bool(detector.models_[0].fitted_.row.is_sequence)


def refuse_rate(false_discovery_rate: float | None) -> None:
    """Refuse an option that needs p-values, which steps have none of: neighboring ones share windows."""
    if false_discovery_rate is not None:
        raise IsthmusError(
            "--false-discovery-rate is for rows of a table; steps of a series have no p-values: leave it out."
        )


def cut(steps: Steps, window: str | None, saved: AnomalyDetector | None) -> tuple[Any, str]:
    """Return windows of a series, those of a detector that was saved, and the words that say so.

    Raises
    ------
    IsthmusError
        If `window` is no number of steps.
    """
    size: Any
    if saved is not None:
        size = saved.models_[0].fitted_.row.shape[0]
    elif window == AUTO:
        size = AUTO
    elif window is not None and window.isascii() and window.isdigit():
        size = int(window)
    else:
        raise IsthmusError(f"--window: expected a number of steps, as 10, or auto; got {window!r}.")
    pieces = isthmus.windows(steps.channels, size)
    order = "" if saved is None else ", channels in the order of the training"
    return pieces, f"windows of {pieces.size:,} step{'s' * (pieces.size > 1)}{order}"


def report(detector: AnomalyDetector, steps: Steps, *, is_own: bool) -> pd.DataFrame:
    """Return what is said of each step, a frame.

    Its number, and what stands beside its channels; its score, the threshold, and whether it is above; and of the
    channels that add most to the score their names, shares, values and expected values.

    Parameters
    ----------
    is_own : whether the detector was fitted on this series: then the share that it flags of windows is one of steps.
    """
    import numpy as np
    import pandas as pd

    values = steps.channels.to_numpy()
    added = isthmus.series_error(detector, values, by_channel=True)
    expected = isthmus.expected_series(detector, values)
    score, threshold = added.sum(axis=1), -detector.offset_
    if is_own and detector.contamination != "auto":
        threshold = float(np.quantile(score, 1 - float(detector.contamination)))
    rows = pd.DataFrame({"step": np.arange(len(score))})
    for name in steps.beside.columns:
        rows[f"{name}_of_table" if name in OWN else name] = steps.beside[name]
    rows = rows.assign(anomaly_score=score, threshold=threshold, is_odd=score > threshold)
    share = added / np.where(score > 0, score, 1)[:, None]
    order = np.argsort(-added, axis=1, kind="stable")
    names = np.asarray(steps.channels.columns, dtype=object).astype(str)
    for place in range(min(REASONS, len(names))):
        chosen, number = order[:, [place]], place + 1
        rows[f"column_{number}"] = names[chosen[:, 0]]
        for what, cells in (("share", share), ("value", values), ("expected", expected)):
            rows[f"{what}_{number}"] = np.take_along_axis(cells, chosen, axis=1)[:, 0]
    return rows


def stretches(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the first and last step of each stretch of odd ones, and what is said of its most anomalous step.

    The most anomalous stretch stands first.
    """
    is_odd = rows["is_odd"]
    number = (is_odd & ~is_odd.shift(fill_value=False)).cumsum()[is_odd]
    rows = rows[[name for name in OWN if name in rows]]  # what stands beside is not shown, whatever it is called
    groups = rows[is_odd].groupby(number)
    ends = groups["step"].agg(["first", "last"]).reset_index(drop=True)
    highest = rows.loc[groups["anomaly_score"].idxmax()].reset_index(drop=True)
    return ends.join(highest).sort_values("anomaly_score", ascending=False, kind="stable")


def show_stretches(rows: pd.DataFrame, facts: dict[str, str]) -> None:
    """Write what was found to standard output, and the most anomalous stretches."""
    facts = facts | {"threshold": f"{rows['threshold'].iloc[0]:.4g}"}
    odd = stretches(rows)
    if odd.empty:
        screen.show(screen.facts(facts))
        return
    top = screen.plain()
    for name in ("steps", "score"):
        top.add_column(name, justify="right")
    top.add_column("because of", overflow="fold")
    for _, row in odd.head(SHOWN).iterrows():
        reasons = [_reason(row, place) for place in range(1, REASONS + 1) if f"column_{place}" in row]
        steps = f"{row['first']}" if row["first"] == row["last"] else f"{row['first']}-{row['last']}"
        top.add_row(steps, f"{row['anomaly_score']:.4g}", ", ".join(reasons))
    screen.show(screen.facts(facts), "\nthe most anomalous stretches, counted from 0, by their highest scores:", top)


def _reason(row: Any, place: int) -> str:
    """Return a channel that adds to a score: its share, its value, and what was expected."""
    share, value, expected = (row[f"{what}_{place}"] for what in ("share", "value", "expected"))
    return f"{row[f'column_{place}']} {share:.0%} ({value:.6g}; expected {expected:.6g})"
