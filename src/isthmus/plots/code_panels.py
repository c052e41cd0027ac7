"""Codes of two numbers side by side, a panel each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData
from isthmus.plots.codes import scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ACROSS = 4  # panels


def code_panels(
    codes: Mapping[str, Any], labels: Any = None, captions: Mapping[str, str] | None = None, title: str = ""
) -> Figure:
    """Return a figure: a panel for each of several codes of the same rows, coloured by label.

    Parameters
    ----------
    codes : points [n, 2] by name.
    labels : a class or a number for each row, [n], None for a row without one; None for one colour.
    captions : what stands below the name of a panel.
    title : above the panels.

    Raises
    ------
    InvalidData
        If points are not of two numbers, or labels not one for each row.

    Examples
    --------
    >>> figure = code_panels({"PCA": np.zeros((4, 2)), "code": np.ones((4, 2))}, ["a", "b", "a", "b"])
    >>> [axes.get_title() for axes in figure.axes]
    ['PCA', 'code']
    """
    from isthmus.plots._figure import Figure

    arrays = {name: np.asarray(points, float) for name, points in codes.items()}
    n = len(next(iter(arrays.values()), ()))
    for name, array in arrays.items():
        if array.shape != (n, 2):
            raise InvalidData(
                f"expected points of 2 numbers for each row, [{n}, 2]; got {name} of shape {array.shape}."
            )
    if labels is not None and np.shape(labels) != (n,):
        raise InvalidData(f"expected one label for each of {n} points; got shape {np.shape(labels)}.")
    across = max(min(len(arrays), MOST_ACROSS), 1)
    down = max(-(-len(arrays) // across), 1)
    figure = Figure(figsize=(3.4 * across + 1, 3.6 * down), layout="constrained", dpi=150)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel in panels[len(arrays) :]:
        panel.remove()
    colors = None
    for panel, (name, array) in zip(panels, arrays.items(), strict=False):
        colors = scatter(panel, array, None if labels is None else np.asarray(labels))
        below = (captions or {}).get(name, "").replace(", ", "\n")
        panel.set_title("\n".join(filter(None, [name, below])), fontsize="medium")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_color("0.6")
    if colors is not None:
        figure.colorbar(colors, ax=list(panels[: len(arrays)]))
    elif labels is not None and arrays:
        handles = panels[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right center", frameon=False, markerscale=2)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
