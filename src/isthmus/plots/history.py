"""The history of a training: the loss and its terms, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_TERMS = ("epoch", "loss", "validation_loss", "weight_change", "changed_links", "seconds", "stop", "kept")


def history(records: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Return a figure: the loss, the validation loss, and every term by name against epochs.

    The loss is black, the validation loss dashed; terms are coloured, and left out where the loss has but one. Losses
    are drawn on a logarithmic axis where all of them are above 0.

    Parameters
    ----------
    records : `history_` of a model, one record an epoch.
    title : above the panel.

    Examples
    --------
    >>> records = [{"epoch": 1, "loss": 3.0, "reconstruction": 2.0, "kl": 1.0}]
    >>> [line.get_label() for line in history(records).axes[0].lines]
    ['loss', 'reconstruction', 'kl']
    """
    from matplotlib.ticker import MaxNLocator

    from isthmus.plots._figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained", dpi=150)
    panel = figure.subplots()
    epochs = [record["epoch"] for record in records]
    terms = [name for name in records[0] if name not in NO_TERMS] if records else []
    losses = [name for name in ("loss", "validation_loss") if records and name in records[0]]
    drawn = losses + (terms if len(terms) > 1 else [])
    for name in drawn:
        is_loss = name in losses
        panel.plot(
            epochs,
            [record[name] for record in records],
            color="black" if is_loss else f"C{terms.index(name) % 10}",
            linestyle="--" if name == "validation_loss" else "-",
            marker="o" if len(epochs) == 1 else "",
            label=name.replace("_", " "),
        )
    is_positive = all(record[name] > 0 for record in records for name in drawn)
    panel.set(xlabel="epochs", ylabel="mean over rows", yscale="log" if drawn and is_positive else "linear")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(color="0.9")
    panel.spines[["top", "right"]].set_visible(False)
    if drawn:
        figure.legend(loc="outside right center", frameon=False)
    if title:
        figure.suptitle(title, fontweight="bold")
    return figure
