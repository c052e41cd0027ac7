"""Learning curves: losses against epochs and against seconds, by optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STYLES: dict[str, Any] = {"loss": "-", "validation_loss": "--"}
STYLED = {"loss": "in training", "validation_loss": "in validation"}


def learning_curves(histories: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure: losses against epochs on the left, against seconds on the right, one colour an optimizer.

    Validation losses are dashed. Seconds are drawn on a logarithmic axis, losses where all of them are above 0.

    Parameters
    ----------
    histories : a row for each epoch of each optimizer: `optimizer`, `epoch`, `seconds`, `loss`, and `validation_loss`
        where there is one.
    title : above the panels.

    Examples
    --------
    >>> import pandas as pd
    >>> record = {"optimizer": "adam", "epoch": [1, 2], "seconds": [0.1, 0.2], "loss": [3.0, 2.0]}
    >>> [axes.get_xlabel() for axes in learning_curves(pd.DataFrame(record)).axes]
    ['epochs', 'seconds']
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    from isthmus.plots._figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained", dpi=150)
    panels = figure.subplots(1, 2, sharey=True)
    losses = [column for column in STYLES if column in histories]
    for i, (name, history) in enumerate(histories.groupby("optimizer", sort=False)):
        for panel, along in zip(panels, ("epoch", "seconds"), strict=True):
            for loss in losses:
                _draw(panel, history[along], history[loss], f"C{i % 10}", STYLES[loss], str(name))
    is_positive = bool((histories[losses] > 0).all(axis=None))
    for panel, along in zip(panels, ("epochs", "seconds"), strict=True):
        panel.set(xlabel=along, yscale="log" if is_positive else "linear")
        panel.set_xscale("log" if along == "seconds" else "linear")
        panel.grid(color="0.9")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("loss")
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    shown = [line for line in panels[0].lines if line.get_linestyle() == "-"]
    if len(losses) > 1:
        shown += [Line2D([], [], color="0.4", linestyle=STYLES[loss], label=STYLED[loss]) for loss in losses]
    figure.legend(handles=shown, loc="outside right center", frameon=False)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure


def _draw(panel: Any, along: Any, loss: Any, color: str, style: str, label: str) -> None:
    """Draw a curve; of one epoch, a point."""
    marker = "o" if len(along) == 1 else ""
    panel.plot(along, loss, color=color, linestyle=style, marker=marker, label=label, linewidth=1.6)
