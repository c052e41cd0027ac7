"""The nearest rows, against distances by SciPy and the heat kernel by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from isthmus.errors import InvalidPart
from isthmus.parts.neighborhoods import Nearest

POINTS = np.random.default_rng(0).normal(size=(40, 3))
SQUARE = squareform(pdist(POINTS, "sqeuclidean"))
RANK = np.argsort(SQUARE, axis=1)  # of each row, itself first


def test_a_row_on_a_line_by_hand() -> None:
    links = Nearest(3, temperature=2.0)(np.array([[0.0], [1.0], [3.0], [7.0]]), None, 0)
    np.testing.assert_array_equal(links.index, [[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 2, 1]])
    squares = np.array([[0, 1, 9], [0, 1, 4], [0, 4, 9], [0, 16, 36]])
    np.testing.assert_allclose(links.strength, np.exp(-squares / 2), rtol=1e-6)


def test_the_defaults_are_the_row_itself_and_nine_others_with_their_mean_as_temperature() -> None:
    links = Nearest()(POINTS, None, 0)
    np.testing.assert_array_equal(links.index, RANK[:, :10])
    near = np.take_along_axis(SQUARE, RANK[:, :10], axis=1)
    np.testing.assert_allclose(links.strength, np.exp(-near / near[:, 1:].mean()), rtol=1e-5)
    assert (links.strength[:, 0] == 1).all()


def test_a_row_may_leave_itself_out() -> None:
    links = Nearest(4, itself=False)(POINTS, None, 0)
    np.testing.assert_array_equal(links.index, RANK[:, 1:5])
    near = np.take_along_axis(SQUARE, RANK[:, 1:5], axis=1)
    np.testing.assert_allclose(links.strength, np.exp(-near / near.mean()), rtol=1e-5)


def test_the_scale_of_the_points_does_not_matter() -> None:
    one, other = Nearest(5)(POINTS, None, 0), Nearest(5)(1000 * POINTS, None, 0)
    np.testing.assert_array_equal(one.index, other.index)
    np.testing.assert_allclose(one.strength, other.strength, rtol=1e-5)


def test_the_one_nearest_is_the_row_itself() -> None:
    links = Nearest(1)(POINTS, None, 0)
    np.testing.assert_array_equal(links.index, np.arange(40)[:, None])
    np.testing.assert_array_equal(links.strength, np.ones((40, 1)))


def test_a_row_finds_itself_among_equal_rows() -> None:
    for itself in (True, False):
        links = Nearest(3, itself=itself)(np.ones((12, 2)), None, 0)
        assert ((links.index == np.arange(12)[:, None]).sum(axis=1) == itself).all()
        assert all(len(set(row)) == 3 for row in links.index.tolist())
        np.testing.assert_array_equal(links.strength, 1)


def test_of_few_rows_all_are_taken() -> None:
    assert Nearest(10)(POINTS[:4], None, 0).index.shape == (4, 4)
    assert Nearest(10, itself=False)(POINTS[:4], None, 0).index.shape == (4, 3)
    alone = Nearest(10, itself=False)(POINTS[:1], None, 0)
    assert (alone.index.tolist(), alone.strength.tolist()) == ([[0]], [[1.0]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "Nearest.k must be at least 1. Got 0."),
        ({"temperature": 0.0}, "Nearest.temperature must be above 0, or None. Got 0.0."),
        ({"every": -1}, "Nearest.every must be at least 0. Got -1."),
        ({"tolerance": -0.1}, "Nearest.tolerance must be in [0, 1). Got -0.1."),
    ],
)
def test_what_is_not_allowed_is_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Nearest(**settings)
    assert str(caught.value) == message
