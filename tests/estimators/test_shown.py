"""What a fitted model shows of itself: a summary in words, figures by their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import InvalidPart
from isthmus.cli import plot
from isthmus.plots import of_model
from tiny import NAMES, X, Y, autoencoder

FRAME = pd.DataFrame(X, columns=NAMES)


@pytest.fixture(scope="module")
def ae() -> isthmus.Autoencoder:
    return autoencoder(penalties="l2").fit(FRAME)


def test_a_summary_counts_the_weights_layer_by_layer(ae: isthmus.Autoencoder) -> None:
    summary = ae.summary()
    assert summary.title == "Autoencoder: 5 columns, a code of 2"
    assert summary.layers == (
        ("encoder.layers.0.affine", "5 × 4, 4", 24),
        ("neck.affine", "4 × 2, 2", 10),
        ("decoder.layers.0.affine", "2 × 4, 4", 12),
        ("head.affine", "4 × 5, 5", 25),
    )
    assert summary.n_weights == 71
    assert summary.parts["penalties"] == "l2"
    assert summary.terms.keys() == {"loss", "reconstruction", "l2"}
    assert "encoder.layers.0.affine   5 × 4, 4" in str(summary)
    assert str(summary).splitlines()[-1].startswith("training ended: all epochs")
    assert summary._repr_html_().count("<tr>") == len(summary.parts) + 6


def test_every_model_with_a_network_has_a_summary() -> None:
    detector = isthmus.AnomalyDetector(autoencoder()).fit(X)
    assert detector.summary().title == "AnomalyDetector: 5 columns, a code of 2"
    assert detector.plot(X).axes[0].get_ylabel() != ""
    assert isthmus.Imputer(autoencoder()).fit(X).summary().title == "Imputer: 5 columns, a code of 2"
    assert isthmus.NetworkClassifier((4,), max_epochs=1).fit(X, Y).summary().terms["target"] > 0


def test_figures_have_titles_and_codes_colours(ae: isthmus.Autoencoder) -> None:
    colored = ae.plot(FRAME, color=Y)
    assert colored._suptitle.get_text() == "Autoencoder: codes"
    assert len(colored.axes[0].collections) == 3
    by_column = ae.plot(FRAME, color="a", title="by a")
    assert by_column._suptitle.get_text() == "by a"
    assert ae.plot()._suptitle.get_text() == "Autoencoder: history"
    assert ae.plot(FRAME, "columns").axes[0].get_yticklabels()[0].get_text() in NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"figure": "code"}, "no figure is called 'code'. Did you mean 'codes'? There are: "),
        ({"figure": "codes"}, "the figure codes needs a table: call plot(X, 'codes')."),
        ({"X": FRAME, "figure": "worst", "color": "a"}, "the figure worst has no colours to choose: "),
        ({"X": FRAME, "color": "z"}, "color='z' names no column of X: pass a frame, or a class for each row."),
    ],
)
def test_what_cannot_be_drawn_is_refused(ae: isthmus.Autoencoder, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        ae.plot(**arguments)
    assert str(caught.value).startswith(message)


def test_codes_of_many_numbers_and_models_without_a_network_are_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^codes of 4 numbers cannot be drawn as points: train with bottleneck=2"):
        autoencoder(bottleneck=4, max_epochs=0).fit(X).plot(X, "codes")
    with pytest.raises(InvalidPart, match=r"^expected a model with a network to draw; got ndarray\.$"):
        of_model(np.zeros(3))


def test_the_command_line_knows_the_same_figures() -> None:
    assert tuple(of_model.__globals__["FIGURES"]) == plot.FIGURES
    assert of_model.__globals__["COLOURED"] == plot.COLOURED
