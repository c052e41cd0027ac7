"""Activations: a table of rows by units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_WRITTEN = 200  # cells with their numbers in them


def activations(codes: Any, rows: Any = None, title: str = "") -> Figure:
    """Return a figure: a table of codes, rows down, units across, each cell coloured by its value.

    Of small tables the values are written too: the table of the eight codes of an 8-3-8 network.

    Parameters
    ----------
    codes : [n, units], an array or a frame, whose columns name the units and whose index the rows.
    rows : names of the rows, [n]; None numbers them, or takes the index of the frame.
    title : above the table.

    Examples
    --------
    >>> figure = activations(np.array([[0.0, 1.0], [1.0, 0.0]]), rows=["a", "b"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.00', '1.00', '1.00', '0.00']
    """
    from isthmus.plots._figure import Figure

    array = np.asarray(codes, float)
    if array.ndim != 2:
        raise InvalidData(f"expected codes [n, units]; got shape {array.shape}.")
    names = [str(name) for name in (getattr(codes, "index", range(len(array))) if rows is None else rows)]
    if len(names) != len(array):
        raise InvalidData(f"expected one name for each of {len(array)} rows; got {len(names)}.")
    units = [str(name) for name in getattr(codes, "columns", range(array.shape[1]))]
    figure = Figure(
        figsize=(min(2 + 0.6 * array.shape[1], 14), min(1.5 + 0.3 * len(array), 12)), layout="constrained", dpi=150
    )
    panel = figure.subplots()
    image = panel.imshow(array, aspect="auto", cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=panel)
    few = array.size <= MOST_WRITTEN
    panel.set(xlabel="unit", ylabel="row")
    if array.shape[1] <= 30:
        panel.set_xticks(range(array.shape[1]), units, rotation=0 if max(map(len, units)) < 5 else 90)
    if len(array) <= 60:
        panel.set_yticks(range(len(array)), names)
    middle = (array.min() + array.max()) / 2
    for (row, unit), value in np.ndenumerate(array) if few else ():
        panel.text(unit, row, f"{value:.2f}", ha="center", va="center", color="white" if value < middle else "black")
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
