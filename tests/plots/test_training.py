"""The history shows each loss and each term where it belongs."""

from __future__ import annotations

import numpy as np
from matplotlib.legend import Legend

from isthmus import Autoencoder
from isthmus.plots import history

RECORDS = [
    {
        "epoch": 1,
        "loss": 7.0,
        "reconstruction": 5.0,
        "kl": 2.0,
        "validation_loss": 8.0,
        "weight_change": 0.1,
        "seconds": 1,
    },
    {
        "epoch": 2,
        "loss": 4.0,
        "reconstruction": 3.0,
        "kl": 1.0,
        "validation_loss": 5.0,
        "weight_change": 0.2,
        "seconds": 2,
    }
    | {"stop": "max_epochs"},
]


def test_every_term_is_drawn_by_name() -> None:
    figure = history(RECORDS, "Title")
    (panel,) = figure.axes
    drawn = {line.get_label(): (line.get_linestyle(), line.get_xydata().tolist()) for line in panel.lines}
    assert drawn == {
        "loss": ("-", [[1, 7], [2, 4]]),
        "validation loss": ("--", [[1, 8], [2, 5]]),
        "reconstruction": ("-", [[1, 5], [2, 3]]),
        "kl": ("-", [[1, 2], [2, 1]]),
    }
    assert [line.get_color() for line in panel.lines][:2] == ["black", "black"]
    (legend,) = figure.findobj(Legend)
    assert [text.get_text() for text in legend.get_texts()] == list(drawn)
    assert (panel.get_yscale(), panel.get_xlabel(), figure.get_suptitle()) == ("log", "epochs", "Title")


def test_a_loss_of_one_term_is_drawn_once_and_losses_below_zero_on_a_plain_scale() -> None:
    records = [{"epoch": 1, "loss": -1.0, "reconstruction": -1.0, "seconds": 0.1}]
    (panel,) = history(records).axes
    assert [(line.get_label(), line.get_marker()) for line in panel.lines] == [("loss", "o")]
    assert panel.get_yscale() == "linear"
    assert len(history([]).axes[0].lines) == 0
    assert history(records)._repr_png_().startswith(b"\x89PNG")  # what a notebook asks a figure for


def test_a_model_shows_its_history() -> None:
    x = np.random.default_rng(0).normal(size=(40, 4))
    ae = Autoencoder("nested(2)", encoder=(), penalties="weight_decay", max_epochs=3).fit(x)
    lines = {line.get_label(): line.get_ydata().tolist() for line in history(ae.history_).axes[0].lines}
    assert set(lines) == {"loss", "reconstruction", "weight decay"}
    np.testing.assert_allclose(np.add(lines["reconstruction"], lines["weight decay"]), lines["loss"], rtol=1e-5)
