"""Figures of a report: drawn by `isthmus.plots`, in the words of the reader, as pictures inside the page."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.reports.findings import Findings, spelled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 4000
MOST_BARS = 25
LONGEST = 24  # characters of a name
MOST_STEPS = 4000  # of the line of scores
STYLE: dict[Any, Any] = {"text.parse_math": False, "svg.hashsalt": "isthmus", "svg.fonttype": "none", "font.size": 9.5}
"""Texts of a table are no formulas, and are drawn by the reader's own fonts, which know more scripts."""


def draw(findings: Findings, words: Mapping[str, str]) -> dict[str, str | None]:
    """Return the figures by section, each as an address that holds the picture itself; None where there is none."""
    import matplotlib as mpl

    figures = {"history": _history, "errors": _errors, "codes": _codes, "scores": _scores, "order": _order}
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        drawn = {name: function(findings, words) for name, function in figures.items()}
        for figure in filter(None, drawn.values()):
            _plain_ticks(figure)
        return {name: None if figure is None else _address(figure) for name, figure in drawn.items()}


def _plain_ticks(figure: Figure) -> None:
    """Let logarithmic axes write their numbers without formulas."""
    from matplotlib.ticker import LogFormatter

    for panel in figure.axes:
        for axis, scale in ((panel.xaxis, panel.get_xscale()), (panel.yaxis, panel.get_yscale())):
            if scale == "log":
                axis.set_major_formatter(LogFormatter())
                axis.set_minor_formatter(LogFormatter())


def _address(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"


def _history(findings: Findings, words: Mapping[str, str]) -> Figure | None:
    from isthmus import plots

    if not findings.history:
        return None
    figure = plots.history(findings.history)
    figure.axes[0].set(xlabel=words["epochs"], ylabel=words["mean over rows"])
    return figure


def _errors(findings: Findings, words: Mapping[str, str]) -> Figure | None:
    from isthmus import plots

    if findings.errors is None:
        return None
    figure = plots.error_by_column(findings.errors.rename(columns=_short), count=MOST_BARS)
    figure.axes[0].set(xlabel=words["mean error"])
    return figure


def _codes(findings: Findings, words: Mapping[str, str]) -> Figure | None:
    from isthmus import plots

    if findings.codes is None:
        return None
    chosen = _spaced(len(findings.codes), MOST_POINTS)
    labels = None if findings.labels is None else _labels(findings.labels[chosen])
    figure = plots.codes(findings.codes[chosen], labels)
    for points in figure.axes[0].collections:
        points.set_rasterized(True)
    names = ("first component", "second component") if findings.code_size > 2 else ("first number", "second number")
    names = ("row", "code") if findings.code_size == 1 else names
    figure.axes[0].set(xlabel=words[names[0]], ylabel=words[names[1]])
    return figure


def _labels(labels: np.ndarray) -> np.ndarray:
    """Return labels as they are shown: texts short, numbers as they are."""
    if labels.dtype.kind in "biuf":
        return labels
    return np.array([None if label is None else _short(str(label)) for label in labels], object)


def _scores(findings: Findings, words: Mapping[str, str]) -> Figure | None:
    from isthmus import plots

    if findings.scores is None:
        return None
    figure = plots.score_histogram(findings.scores)
    if findings.threshold is not None:
        figure.axes[0].axvline(findings.threshold, color="black", linestyle="--")
    figure.axes[0].set(xlabel=words["score"], ylabel=words["rows"])
    return figure


def _order(findings: Findings, words: Mapping[str, str]) -> Figure | None:
    """Return the largest score of every few rows in their order: what comes in stretches is seen."""
    if findings.scores is None:
        return None
    from matplotlib.figure import Figure

    edges = np.unique(np.linspace(0, len(findings.scores), min(len(findings.scores), MOST_STEPS) + 1).astype(int))
    most = np.maximum.reduceat(findings.scores, edges[:-1])
    figure = Figure(figsize=(7, 2.6), layout="constrained", dpi=150)
    panel: Any = figure.subplots()
    panel.plot(edges[:-1], most, linewidth=0.7, color="C0", rasterized=True)
    if findings.threshold is not None:
        panel.axhline(findings.threshold, color="black", linestyle="--", linewidth=0.8)
    panel.set(xlabel=words["row"], ylabel=words["score"])
    panel.spines[["top", "right"]].set_visible(False)
    return figure


def _spaced(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def _short(name: str) -> str:
    shown = spelled(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
