"""The curves are those of the table, each where it belongs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.legend import Legend

from isthmus.plots import learning_curves

HISTORIES = pd.DataFrame(
    {
        "optimizer": ["sgd"] * 3 + ["adam"] * 2,
        "epoch": [1, 2, 3, 1, 2],
        "seconds": [0.1, 0.2, 0.4, 0.3, 0.7],
        "loss": [5.0, 3.0, 2.0, 4.0, 1.0],
        "validation_loss": [6.0, 4.0, 3.0, 5.0, 2.0],
    }
)


def test_both_panels_show_every_loss_of_every_optimizer() -> None:
    figure = learning_curves(HISTORIES, "Title")
    for panel, along in zip(figure.axes, ("epoch", "seconds"), strict=True):
        drawn = [(line.get_label(), line.get_linestyle(), line.get_xydata().tolist()) for line in panel.lines]
        due = [
            (name, style, history[[along, loss]].to_numpy().tolist())
            for name, history in HISTORIES.groupby("optimizer", sort=False)
            for loss, style in (("loss", "-"), ("validation_loss", "--"))
        ]
        assert drawn == due
        colors = [line.get_color() for line in panel.lines]
        assert colors[0] == colors[1] != colors[2] == colors[3]
    assert [panel.get_xlabel() for panel in figure.axes] == ["epochs", "seconds"]
    assert figure.get_suptitle() == "Title"


def test_the_legend_names_each_optimizer_once() -> None:
    (legend,) = learning_curves(HISTORIES).findobj(Legend)
    assert [text.get_text() for text in legend.get_texts()] == ["sgd", "adam", "in training", "in validation"]
    (legend,) = learning_curves(HISTORIES.drop(columns="validation_loss")).findobj(Legend)
    assert [text.get_text() for text in legend.get_texts()] == ["sgd", "adam"]


@pytest.mark.parametrize(("shift", "scale"), [(0.0, "log"), (-2.0, "linear")])
def test_losses_of_any_sign_can_be_drawn(shift: float, scale: str) -> None:
    figure = learning_curves(HISTORIES.assign(loss=HISTORIES["loss"] + shift))
    assert [panel.get_yscale() for panel in figure.axes] == [scale, scale]
    assert [panel.get_xscale() for panel in figure.axes] == ["linear", "log"]


def test_one_epoch_is_a_point() -> None:
    figure = learning_curves(HISTORIES.drop(index=[4]))
    assert [line.get_marker() != "" for line in figure.axes[0].lines] == [False, False, True, True]


def test_nothing_overlaps() -> None:
    figure = learning_curves(HISTORIES)
    figure.draw_without_rendering()
    (legend,) = figure.findobj(Legend)
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [legend.get_tightbbox()]
    assert not any(boxes[i].overlaps(boxes[j]) for i in range(3) for j in range(i))
    assert np.isfinite(boxes[0].extents).all()
