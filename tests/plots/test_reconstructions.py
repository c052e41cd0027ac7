"""The figure shows what it is given, where it belongs."""

import numpy as np
import pytest
from matplotlib.legend import Legend

from isthmus.plots import reconstructions


@pytest.fixture
def figure():
    rng = np.random.default_rng(0)
    pictures = {"digits": rng.uniform(size=(4, 8, 8)), "again": 2 * rng.uniform(size=(4, 8, 8))}
    codes = {"one": rng.normal(size=(30, 2)), "other": rng.normal(size=(30, 2))}
    return reconstructions(pictures, codes, np.arange(30) % 3, "Title"), pictures, codes


def test_every_picture_has_its_place_and_one_scale_of_greys(figure):
    drawn, pictures, _ = figure
    panels = [axes for axes in drawn.axes if axes.images]
    shown = [axes.images[0].get_array() for axes in panels]
    np.testing.assert_array_equal(shown, np.concatenate(list(pictures.values())))
    limits = {axes.images[0].get_clim() for axes in panels}
    assert limits == {(pictures["digits"].min(), pictures["digits"].max())}
    assert [axes.get_ylabel() for axes in panels if axes.get_ylabel()] == ["digits", "again"]


def test_codes_are_coloured_by_label_alike_in_every_panel(figure):
    drawn, _, codes = figure
    panels = [axes for axes in drawn.axes if axes.collections]
    assert [axes.get_title() for axes in panels] == ["one", "other"]
    for axes, code in zip(panels, codes.values(), strict=True):
        for label, points in enumerate(axes.collections):
            np.testing.assert_allclose(points.get_offsets(), code[np.arange(30) % 3 == label])
    colours = [[tuple(points.get_facecolor()[0]) for points in axes.collections] for axes in panels]
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 3


def test_a_legend_names_the_labels_once(figure):
    drawn, _, _ = figure
    legends = drawn.findobj(Legend)
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [["0", "1", "2"]]


def test_nothing_overlaps(figure):
    drawn, _, _ = figure
    drawn.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in drawn.axes]
    overlapping = [(i, j) for i in range(len(boxes)) for j in range(i) if boxes[i].overlaps(boxes[j])]
    assert overlapping == []
