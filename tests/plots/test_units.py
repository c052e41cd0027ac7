"""Figures of codes and units show the numbers they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.legend import Legend

from isthmus.errors import InvalidData
from isthmus.plots import activations, codes, exciting_rows, filters

RNG = np.random.default_rng(0)


def legend(figure: Any) -> list[str]:
    return [text.get_text() for each in figure.findobj(Legend) for text in each.get_texts()]


def test_codes_in_the_plane_by_class() -> None:
    points, labels = RNG.normal(size=(30, 2)), np.array(["a", "b", "c"] * 10)
    figure = codes(pd.DataFrame(points, columns=["u", "v"]), labels, "Title")
    (panel,) = figure.axes
    for label, drawn in zip("abc", panel.collections, strict=True):
        np.testing.assert_allclose(drawn.get_offsets(), points[labels == label])
    assert legend(figure) == ["a", "b", "c"]
    assert (panel.get_xlabel(), panel.get_ylabel(), figure.get_suptitle()) == ("u", "v", "Title")
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in panel.collections}) == 3


def test_codes_in_space() -> None:
    points = RNG.normal(size=(30, 3))
    (panel,) = codes(points).axes
    (drawn,) = panel.collections
    np.testing.assert_allclose(np.column_stack(drawn._offsets3d), points)
    assert panel.get_zlabel() == "third number"


def test_twenty_classes_have_colours_of_their_own_and_numbers_a_scale() -> None:
    figure = codes(RNG.normal(size=(40, 2)), np.arange(40) % 20)
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in figure.axes[0].collections}) == 20
    values = RNG.normal(size=40)
    figure = codes(RNG.normal(size=(40, 2)), values)
    np.testing.assert_array_equal(figure.axes[0].collections[0].get_array(), values)
    assert len(figure.axes) == 2  # the scale stands beside
    assert legend(figure) == []


def test_filters_are_drawn_each_on_a_scale_of_its_own() -> None:
    weights = RNG.normal(size=(5, 12)) * np.arange(5)[:, None]
    figure = filters(weights, shape=(3, 4))
    assert len(figure.axes) == 5
    for panel, unit in zip(figure.axes, weights, strict=True):
        (image,) = panel.images
        np.testing.assert_array_equal(image.get_array(), unit.reshape(3, 4))
        reach = max(np.abs(unit).max(), 1e-12)
        assert image.get_clim() == (-reach, reach)
    np.testing.assert_array_equal(
        filters(weights.reshape(5, 3, 4)).axes[2].images[0].get_array(), weights[2].reshape(3, 4)
    )
    assert filters(weights).axes[0].images[0].get_array().shape == (1, 12)


def test_activations_are_a_table() -> None:
    table = pd.DataFrame(RNG.normal(size=(8, 3)), columns=["one", "two", "three"], index=list("abcdefgh"))
    figure = activations(table)
    panel = figure.axes[0]
    np.testing.assert_array_equal(panel.images[0].get_array(), table)
    assert [text.get_text() for text in panel.texts] == [f"{value:.2f}" for value in table.to_numpy().ravel()]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["one", "two", "three"]
    assert [label.get_text() for label in panel.get_yticklabels()] == list("abcdefgh")
    assert not activations(RNG.normal(size=(300, 3))).axes[0].texts
    assert activations(np.eye(2), rows=["x", "y"]).axes[0].get_yticklabels()[1].get_text() == "y"


def test_the_rows_that_excite_a_unit_most_come_in_order() -> None:
    points, pictures = RNG.normal(size=(20, 4)), RNG.normal(size=(20, 3, 3))
    figure = exciting_rows(points, pictures, count=3, units=[2, 0])
    shown = [panel.images[0].get_array() for panel in figure.axes]
    due = [pictures[row] for unit in (2, 0) for row in sorted(range(20), key=lambda row: -points[row, unit])[:3]]
    np.testing.assert_array_equal(shown, due)
    assert [panel.get_ylabel() for panel in figure.axes if panel.get_ylabel()] == ["unit 2", "unit 0"]
    assert len(exciting_rows(points, pictures, count=99).axes) == 4 * 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: codes(np.zeros((3, 4))), "expected points of 2 or 3 numbers, [n, 2] or [n, 3]; got shape (3, 4)."),
        (lambda: codes(np.zeros((3, 2)), [1, 2]), "expected one label for each of 3 points; got shape (2,)."),
        (lambda: filters(np.zeros((3, 10)), (3, 3)), "expected pictures of 3 x 3; got weights of shape (3, 10)."),
        (lambda: activations(np.zeros(3)), "expected codes [n, units]; got shape (3,)."),
        (lambda: activations(np.zeros((3, 2)), ["a"]), "expected one name for each of 3 rows; got 1."),
        (lambda: exciting_rows(np.zeros((3, 2)), np.zeros((4, 2, 2))), "got shapes (3, 2) and (4, 2, 2)."),
    ],
)
def test_what_cannot_be_drawn_is_said(call: Any, message: str) -> None:
    with pytest.raises(InvalidData) as caught:
        call()
    assert message in str(caught.value)
