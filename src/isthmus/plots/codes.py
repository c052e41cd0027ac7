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
    from isthmus.plots._figure import Figure

    array = np.asarray(points, float)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise InvalidData(f"expected points of 2 or 3 numbers, [n, 2] or [n, 3]; got shape {array.shape}.")
    if labels is not None and np.shape(labels) != array.shape[:1]:
        raise InvalidData(f"expected one label for each of {len(array)} points; got shape {np.shape(labels)}.")
    is_space = array.shape[1] == 3
    figure = Figure(figsize=(7, 5.5), layout="constrained", dpi=150)
    panel = figure.subplots(subplot_kw={"projection": "3d"} if is_space else {})
    colors = scatter(panel, array, None if labels is None else np.asarray(labels))
    if colors is not None:
        figure.colorbar(colors, ax=panel)
    elif labels is not None:
        figure.legend(loc="outside right center", frameon=False, markerscale=2)
    names = list(getattr(points, "columns", ("first number", "second number", "third number")))
    panel.set(**dict(zip(("xlabel", "ylabel", "zlabel"), names[: array.shape[1]], strict=False)))
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure


def scatter(panel: Any, points: np.ndarray, labels: np.ndarray | None) -> Any:
    """Draw points [n, 2] or [n, 3] into a panel, coloured by label; return the scale of colours of numbers, or None.

    A label that is None has no colour, and is called unlabelled.
    """
    style: dict[str, Any] = {"s": 9, "alpha": 0.8, "linewidths": 0}
    if labels is None:
        panel.scatter(*points.T, color="C0", **style)
        return None
    is_none = np.array([label is None for label in labels], bool)
    known = np.array(labels[~is_none].tolist())
    if is_none.any():
        panel.scatter(*points[is_none].T, color="0.8", label="unlabelled", **style)
    points, classes = points[~is_none], np.unique(known)
    if len(classes) > MOST_CLASSES and known.dtype.kind in "fiu":
        return panel.scatter(*points.T, c=known.astype(float), cmap="viridis", **style)
    for i, label in enumerate(classes):
        chosen = points[known == label]
        color = f"C{i % 10}" if len(classes) <= 10 else f"#{_color(i, len(classes))}"
        panel.scatter(*chosen.T, color=color, label=str(label), **style)
    return None


def _color(i: int, count: int) -> str:
    """Return one of `count` hues, as hexadecimal digits."""
    from matplotlib.colors import hsv_to_rgb, to_hex

    rgb = hsv_to_rgb((i / count, 0.8 if i % 2 else 0.5, 0.85))
    return to_hex((float(rgb[0]), float(rgb[1]), float(rgb[2]))).removeprefix("#")
