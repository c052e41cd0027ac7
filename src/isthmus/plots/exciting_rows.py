"""The rows at which each unit is highest, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def exciting_rows(codes: Any, pictures: Any, count: int = 6, units: Any = None, title: str = "") -> Figure:
    """Return a figure: for each unit, a line of the pictures at which it is highest, the highest first.

    Parameters
    ----------
    codes : [n, units], as `transform` gives them.
    pictures : [n, height, width], the rows themselves.
    count : pictures a unit, at most n.
    units : places of the units to draw; None for the first 12.
    title : above the pictures.

    Examples
    --------
    >>> figure = exciting_rows(np.array([[1.0], [3.0], [2.0]]), np.arange(12.0).reshape(3, 2, 2), count=2)
    >>> [panel.images[0].get_array().min() for panel in figure.axes]
    [np.float64(4.0), np.float64(8.0)]
    """
    from isthmus.plots._figure import Figure

    array, images = np.asarray(codes, float), np.asarray(pictures, float)
    if images.ndim != 3 or array.ndim != 2 or len(images) != len(array):
        raise InvalidData(
            f"expected codes [n, units] and pictures [n, height, width]; got shapes {array.shape} and {images.shape}."
        )
    chosen = list(range(min(array.shape[1], 12))) if units is None else list(units)
    count = min(count, len(array))
    figure = Figure(figsize=(0.75 * count + 1.5, 0.75 * len(chosen) + 0.3), layout="constrained", dpi=150)
    for line, unit in zip(figure.subplots(len(chosen), count, squeeze=False), chosen, strict=True):
        best = np.argsort(-array[:, unit], kind="stable")[:count]
        for panel, row in zip(line, best, strict=True):
            panel.imshow(images[row], cmap="gray_r", vmin=images.min(), vmax=images.max())
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_color("0.85")
        line[0].set_ylabel(f"unit {unit}", rotation=0, ha="right", va="center")
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
