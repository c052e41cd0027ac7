"""The filters of units, as pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def filters(weights: Any, shape: tuple[int, int] | None = None, title: str = "") -> Figure:
    """Return a figure: one small picture for each unit, white at 0, red above it, blue below.

    Each picture has a scale of its own, as far down as up.

    Parameters
    ----------
    weights : [units, height, width], or [units, d], as `isthmus.exciting_inputs` gives them.
    shape : (height, width) of a picture where rows are flat; None takes the columns as one line.
    title : above the pictures.

    Examples
    --------
    >>> figure = filters(np.arange(32.0).reshape(2, 16), shape=(4, 4))
    >>> len(figure.axes), figure.axes[0].images[0].get_array().shape
    (2, (4, 4))
    """
    from isthmus.plots._figure import Figure

    array = np.asarray(weights, float)
    if shape is None:
        shape = array.shape[1:] if array.ndim == 3 else (1, int(np.prod(array.shape[1:])))
    assert shape is not None  # noqa: S101
    if array.ndim < 2 or int(np.prod(array.shape[1:])) != shape[0] * shape[1]:
        raise InvalidData(f"expected pictures of {shape[0]} x {shape[1]}; got weights of shape {array.shape}.")
    pictures = array.reshape(len(array), *shape)
    across = math.ceil(math.sqrt(len(pictures) * (1 if shape[0] > 1 else 0.25)))
    down = math.ceil(len(pictures) / across)
    figure = Figure(figsize=(max(0.7 * across, 3), max(0.7 * down, 1.5)), layout="constrained", dpi=150)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel, picture in zip(panels, pictures, strict=False):
        reach = max(float(np.abs(picture).max()), 1e-12)
        panel.imshow(picture, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="equal" if shape[0] > 1 else "auto")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_color("0.85")
    for panel in panels[len(pictures) :]:
        panel.remove()
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
