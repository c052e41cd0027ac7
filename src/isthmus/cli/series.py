"""What a detector says of the steps of a series, and its odd stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import isthmus
from isthmus.cli import screen
from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from isthmus import AnomalyDetector
    from isthmus.cli.steps import Steps

SHOWN = 10  # stretches
HEIGHT = 0.5  # of the way from the threshold to its highest score, down to which a stretch reaches
REASONS = 3  # channels of each step
MOST_DECIMALS, NEARLY_ALL = 6, 0.98  # a channel has the fewest decimals that nearly all of its numbers do with
DIGITS = 6  # of what is expected of a channel that has more
AUTO = "auto"
WHY = tuple(f"{what}_{place}" for place in range(1, REASONS + 1) for what in ("column", "share", "value", "expected"))
OWN = ("step", "anomaly_score", "threshold", "is_odd", *WHY)  # columns of what is said of steps


def channels_of(detector: AnomalyDetector | None) -> tuple[str, ...] | None:
    """Return the names of the channels of a detector; None where it does not know them, or there is none."""
    names: tuple[str, ...] | None = None if detector is None else detector.models_[0].fitted_.row.channels
    return names


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
    is_unknown = saved is not None and channels_of(saved) is None
    order = ", channels in the order of the training" if is_unknown else ""
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

    values = steps.channels.to_numpy(copy=True)
    added = isthmus.series_error(detector, values, by_channel=True)
    expected = isthmus.expected_series(detector, values)
    score, threshold = added.sum(axis=1), -detector.offset_
    if is_own and detector.contamination != "auto":
        threshold = float(np.quantile(score, 1 - float(detector.contamination)))
    rows = pd.DataFrame({"step": np.arange(len(score))})
    for name in steps.beside.columns:
        rows[f"{name}_of_table" if name in OWN else name] = steps.beside[name]
    rows = rows.assign(anomaly_score=score, threshold=threshold, is_odd=score > threshold)
    for place in range(values.shape[1]):
        decimals = _decimals(values[steps.is_there[:, place], place])
        expected[:, place] = _rounded(expected[:, place], decimals)
        if decimals is not None:
            values[:, place] = np.round(values[:, place], decimals)
    values = np.where(steps.is_there, values, np.nan)
    share = added / np.where(score > 0, score, 1)[:, None]
    order = np.argsort(-added, axis=1, kind="stable")
    names = np.asarray(steps.channels.columns, dtype=object).astype(str)
    for place in range(min(REASONS, len(names))):
        chosen, number = order[:, [place]], place + 1
        rows[f"column_{number}"] = names[chosen[:, 0]]
        for what, cells in (("share", share), ("value", values), ("expected", expected)):
            rows[f"{what}_{number}"] = np.take_along_axis(cells, chosen, axis=1)[:, 0]
    return rows


def _decimals(values: np.ndarray) -> int | None:
    """Return how many decimals nearly all numbers [n] do with; None where these are more than six."""
    import numpy as np

    for decimals in range(MOST_DECIMALS + 1):
        if np.isclose(np.round(values, decimals), values, rtol=1e-9, atol=1e-12).mean() >= NEARLY_ALL:
            return decimals
    return None


def _rounded(values: np.ndarray, decimals: int | None) -> np.ndarray:
    """Return numbers [n] with so many decimals, or with six digits each."""
    import numpy as np

    if decimals is not None:
        return np.round(values, decimals)
    return np.array([float(f"{value:.{DIGITS}g}") for value in values])


def stretches(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the first and last step of each stretch of odd ones, and what is said of its most anomalous step.

    A stretch reaches as far as its steps are half as far above the threshold as that one: windows carry the score of an
    event to the steps around it. The most anomalous stretch stands first.
    """
    is_odd = rows["is_odd"]
    number = (is_odd & ~is_odd.shift(fill_value=False)).cumsum()[is_odd]
    rows = rows[[name for name in OWN if name in rows]]  # what stands beside is not shown, whatever it is called
    groups = rows[is_odd].groupby(number)
    over = rows.loc[is_odd, "anomaly_score"] - rows.loc[is_odd, "threshold"]
    is_event = over >= HEIGHT * over.groupby(number).transform("max")
    ends = rows[is_odd][is_event].groupby(number[is_event])["step"].agg(["first", "last"]).reset_index(drop=True)
    highest = rows.loc[groups["anomaly_score"].idxmax()].reset_index(drop=True)
    return ends.join(highest).sort_values("anomaly_score", ascending=False, kind="stable")


def show_stretches(rows: pd.DataFrame, facts: dict[str, str]) -> None:
    """Write what was found to standard output, and the most anomalous stretches."""
    facts = facts | {"threshold": f"{rows['threshold'].iloc[0]:.4g}"}
    odd = stretches(rows)
    if odd.empty:
        screen.show(screen.facts(facts))
        return
    times = next((rows[name] for name in rows if name not in OWN and rows[name].dtype.kind == "M"), None)
    top = screen.plain()
    for name in ("steps", "score"):
        top.add_column(name, justify="right")
    if times is not None:
        top.add_column(str(times.name))
    top.add_column("because of", overflow="fold")
    for _, row in odd.head(SHOWN).iterrows():
        reasons = [_reason(row, place) for place in range(1, REASONS + 1) if f"column_{place}" in row]
        steps = f"{row['first']}" if row["first"] == row["last"] else f"{row['first']}-{row['last']}"
        clock = [] if times is None else [_period(times[row["first"]], times[row["last"]])]
        top.add_row(steps, f"{row['anomaly_score']:.4g}", *clock, ", ".join(reasons))
    screen.show(screen.facts(facts), "\nthe most anomalous stretches, counted from 0, by their highest scores:", top)


def _period(first: Any, last: Any) -> str:
    """Return from when to when a stretch is; of one day, the day is said once."""
    if first == last:
        return f"{first}"
    is_same_day = str(first)[:10] == str(last)[:10]
    return f"{first} to {str(last)[11:] if is_same_day else last}"


def _reason(row: Any, place: int) -> str:
    """Return a channel that adds to a score: its share, its value, and what was expected."""
    share, value, expected = (row[f"{what}_{place}"] for what in ("share", "value", "expected"))
    shown = "missing" if value != value else f"{value:.6g}"
    return f"{row[f'column_{place}']} {share:.0%} ({shown}; expected {expected:.6g})"
