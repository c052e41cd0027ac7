"""Latent codes of two or three numbers, as points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 20  # numbers of more values are drawn on a scale of colours


def codes(points: Any, labels: Any = None, title: str = "") -> Figure:
    """Return a figure: codes in the plane or in space, coloured by label.

    Classes have a colour each, and a legend; numbers of more than 20 values a scale of colours.

    Parameters
    ----------
    points : codes [n, 2] or [n, 3], as `transform` gives them, an array or a frame; choose some of more numbers.
    labels : a class or a number for each, [n]; None for one colour.
    title : above the panel.

    Examples
    --------
    >>> figure = codes(np.zeros((4, 3)), ["a", "b", "a", "b"])
    >>> figure.axes[0].name, len(figure.axes[0].collections)
    ('3d', 2)
    """
    from matplotlib.figure import Figure

    array = np.asarray(points, float)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise InvalidData(f"expected points of 2 or 3 numbers, [n, 2] or [n, 3]; got shape {array.shape}.")
    if labels is not None and np.shape(labels) != array.shape[:1]:
        raise InvalidData(f"expected one label for each of {len(array)} points; got shape {np.shape(labels)}.")
    is_space = array.shape[1] == 3
    figure = Figure(figsize=(7, 5.5), layout="constrained", dpi=150)
    panel = figure.subplots(subplot_kw={"projection": "3d"} if is_space else {})
    _scatter(figure, panel, array, None if labels is None else np.asarray(labels))
    names = list(getattr(points, "columns", ("first number", "second number", "third number")))
    panel.set(**dict(zip(("xlabel", "ylabel", "zlabel"), names[: array.shape[1]], strict=False)))
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure


def _scatter(figure: Any, panel: Any, points: np.ndarray, labels: np.ndarray | None) -> None:
    """Draw the points, and say what their colours mean."""
    style: dict[str, Any] = {"s": 9, "alpha": 0.8, "linewidths": 0}
    if labels is None:
        panel.scatter(*points.T, color="C0", **style)
        return
    classes = np.unique(labels)
    if len(classes) > MOST_CLASSES and labels.dtype.kind in "fiu":
        figure.colorbar(panel.scatter(*points.T, c=labels.astype(float), cmap="viridis", **style), ax=panel)
        return
    for i, label in enumerate(classes):
        chosen = points[labels == label]
        color = f"C{i % 10}" if len(classes) <= 10 else f"#{_color(i, len(classes))}"
        panel.scatter(*chosen.T, color=color, label=str(label), **style)
    figure.legend(loc="outside right center", frameon=False, markerscale=2)


def _color(i: int, count: int) -> str:
    """Return one of `count` hues, as hexadecimal digits."""
    from matplotlib.colors import hsv_to_rgb, to_hex

    rgb = hsv_to_rgb((i / count, 0.8 if i % 2 else 0.5, 0.85))
    return to_hex((float(rgb[0]), float(rgb[1]), float(rgb[2]))).removeprefix("#")
