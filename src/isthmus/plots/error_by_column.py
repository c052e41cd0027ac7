"""The mean reconstruction error of each column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def error_by_column(errors: Any, names: Any = None, count: int = 30, title: str = "") -> Figure:
    """Return a figure: the mean error of each column over rows, the largest above, with the middle half of rows marked.

    Parameters
    ----------
    errors : [n, d], at least 0, as `reconstruction_error(X, per_feature=True)` gives them.
    names : of the columns, [d]; None numbers them, or takes those of a frame.
    count : columns to draw, the worst ones.
    title : above the bars.

    Examples
    --------
    >>> figure = error_by_column(np.array([[1.0, 0.0], [3.0, 9.0]]), names=["height", "weight"])
    >>> [bar.get_width() for bar in figure.axes[0].patches]
    [np.float64(4.5), np.float64(2.0)]
    """
    from isthmus.plots._figure import Figure

    array = np.asarray(errors, float)
    if array.ndim != 2:
        raise InvalidData(f"expected errors by column, [n, d]; got shape {array.shape}.")
    columns = [str(name) for name in (getattr(errors, "columns", range(array.shape[1])) if names is None else names)]
    if len(columns) != array.shape[1]:
        raise InvalidData(f"expected one name for each of {array.shape[1]} columns; got {len(columns)}.")
    mean = array.mean(axis=0)
    worst = np.argsort(-mean, kind="stable")[:count]
    low, high = np.quantile(array[:, worst], [0.25, 0.75], axis=0)
    figure = Figure(figsize=(7, 1.3 + 0.25 * len(worst)), layout="constrained", dpi=150)
    panel = figure.subplots()
    panel.barh(range(len(worst)), mean[worst], color="C0")
    panel.hlines(range(len(worst)), low, high, color="black", linewidth=1.5)
    panel.set_yticks(range(len(worst)), [columns[column] for column in worst])
    panel.invert_yaxis()
    panel.set(xlabel="mean error, and the middle half of rows")
    panel.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
