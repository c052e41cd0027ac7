"""Pictures beside their reconstructions, and their codes of two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reconstructions(
    pictures: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray], labels: np.ndarray, title: str = ""
) -> Figure:
    """Return a figure: above, pictures row by row; below, codes of two numbers, coloured by label.

    Parameters
    ----------
    pictures : arrays [n, height, width] of equal shape by name, one row each; the first sets the scale of greys.
    codes : arrays [rows, 2] by name, one panel each.
    labels : [rows], a class of each code; ten colours, then they come again.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> drawn = {"rows": rng.normal(size=(5, 8, 8)), "again": rng.normal(size=(5, 8, 8))}
    >>> figure = reconstructions(drawn, {"code": rng.normal(size=(9, 2))}, np.arange(9) % 3)
    >>> len(figure.axes)
    11
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from isthmus.plots._figure import Figure

    count = len(next(iter(pictures.values())))
    height = 0.75 * len(pictures) + 0.5
    width = max(0.75 * count + 1.5, 8.0)
    figure = Figure(
        figsize=(width, height + 0.55 * width), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06), dpi=150
    )
    above, below = figure.subfigures(2, 1, height_ratios=[height, 0.55 * width], squeeze=False).ravel()
    _pictures(above, pictures, count)
    _codes(below, codes, labels)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure


def _pictures(figure: Any, pictures: Mapping[str, np.ndarray], count: int) -> None:
    first = next(iter(pictures.values()))
    axes = figure.subplots(len(pictures), count, squeeze=False)
    for row, (name, drawn) in zip(axes, pictures.items(), strict=True):
        for panel, picture in zip(row, drawn, strict=True):
            panel.imshow(picture, cmap="gray_r", vmin=first.min(), vmax=first.max())
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_color("0.85")
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")


def _codes(figure: Any, codes: Mapping[str, np.ndarray], labels: np.ndarray) -> None:
    panels = figure.subplots(1, len(codes), squeeze=False)[0]
    for panel, (name, code) in zip(panels, codes.items(), strict=True):
        for i, label in enumerate(np.unique(labels)):
            chosen = code[labels == label]
            panel.scatter(*chosen.T, s=9, color=f"C{i % 10}", alpha=0.8, linewidths=0, label=str(label))
        panel.spines[:].set_color("0.6")
        panel.set(title=name, xticks=[], yticks=[], xlabel="first number", ylabel="second number")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, markerscale=2)
