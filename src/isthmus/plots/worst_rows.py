"""The rows of the largest reconstruction error, by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def worst_rows(errors: Any, count: int = 12, names: Any = None, rows: Any = None, title: str = "") -> Figure:
    """Return a figure: the rows of the largest error, the worst above, each bar divided by the columns that make it.

    The six columns of the largest share in these rows have a colour each, all others are grey.

    Parameters
    ----------
    errors : [n, d], at least 0, as `reconstruction_error(X, per_feature=True)` gives them.
    count : rows to draw, at most n.
    names : of the columns, [d]; None numbers them, or takes those of a frame.
    rows : names of the rows, [n]; None numbers them, or takes the index of a frame.
    title : above the bars.

    Examples
    --------
    >>> figure = worst_rows(np.array([[1.0, 0.0], [0.0, 5.0]]), names=["height", "weight"])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['1', '0']
    """
    from isthmus.plots._figure import Figure

    array = np.asarray(errors, float)
    if array.ndim != 2:
        raise InvalidData(f"expected errors by column, [n, d]; got shape {array.shape}.")
    columns = [str(name) for name in (getattr(errors, "columns", range(array.shape[1])) if names is None else names)]
    labels = [str(name) for name in (getattr(errors, "index", range(len(array))) if rows is None else rows)]
    if len(columns) != array.shape[1] or len(labels) != len(array):
        raise InvalidData(
            f"expected names of {array.shape[1]} columns and {len(array)} rows; got {len(columns)} and {len(labels)}."
        )
    worst = np.argsort(-array.sum(axis=1), kind="stable")[:count]
    chosen = array[worst]
    most = np.argsort(-chosen.sum(axis=0), kind="stable")[:6]
    figure = Figure(figsize=(8, 1.3 + 0.3 * len(worst)), layout="constrained", dpi=150)
    panel = figure.subplots()
    start = np.zeros(len(worst))
    for i, column in enumerate(most):
        panel.barh(range(len(worst)), chosen[:, column], left=start, color=f"C{i}", label=columns[column])
        start = start + chosen[:, column]
    if len(columns) > len(most):
        rest = chosen.sum(axis=1) - start
        panel.barh(range(len(worst)), rest, left=start, color="0.8", label=f"{len(columns) - len(most)} others")
    panel.set_yticks(range(len(worst)), [labels[row] for row in worst])
    panel.invert_yaxis()
    panel.set(xlabel="error", ylabel="row")
    panel.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
