"""A histogram of scores, with the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def score_histogram(
    scores: Any, threshold: float | None = None, labels: Any = None, bins: int = 50, title: str = ""
) -> Figure:
    """Return a figure: how many rows have which score, by class where labels are given, and the threshold as a line.

    Counts are on a logarithmic axis, so that few outliers are seen beside many usual rows.

    Parameters
    ----------
    scores : [n], finite.
    threshold : a score, or None.
    labels : a class for each row, [n]; None for one kind.
    bins : how many.
    title : above the panel.

    Examples
    --------
    >>> figure = score_histogram([0.0, 1.0, 1.0], threshold=0.5, bins=2)
    >>> [int(bar.get_height()) for bar in figure.axes[0].patches]
    [1, 2]
    """
    from isthmus.plots._figure import Figure

    array = np.asarray(scores, float)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise InvalidData(f"expected finite scores, one for each row; got shape {array.shape}.")
    kinds = np.zeros(len(array), int) if labels is None else np.asarray(labels)
    if kinds.shape != array.shape:
        raise InvalidData(f"expected one label for each of {len(array)} scores; got shape {kinds.shape}.")
    figure = Figure(figsize=(7, 4), layout="constrained", dpi=150)
    panel = figure.subplots()
    edges = np.histogram_bin_edges(array, bins)
    for i, kind in enumerate(np.unique(kinds)):
        label = None if labels is None else str(kind)
        panel.hist(array[kinds == kind], edges.tolist(), color=f"C{i % 10}", alpha=0.6 if i else 0.8, label=label)
    if threshold is not None:
        share = float((array > threshold).mean())
        panel.axvline(threshold, color="black", linestyle="--", label=f"threshold: {share:.1%} above")
    panel.set(xlabel="score", ylabel="rows", yscale="log")
    panel.spines[["top", "right"]].set_visible(False)
    if labels is not None or threshold is not None:
        figure.legend(loc="outside right center", frameon=False)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
