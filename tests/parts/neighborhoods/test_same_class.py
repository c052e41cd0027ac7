"""The rows of the same class, each explained as 1/n_c; of large classes a draw that is right on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isthmus.errors import InvalidData, InvalidPart
from isthmus.parts.neighborhoods import SameClass

LABEL = np.array([1, 0, 1, -1, 1, 0, 2], np.int32)
POINTS = np.zeros((7, 3), np.float32)


def table(links: Any, rows: int) -> np.ndarray:
    """Return the strengths as a table, s_ij in row i and column j."""
    found = np.zeros((rows, rows))
    for i in range(rows):
        np.add.at(found[i], links.index[i], links.strength[i])
    return found


def test_each_row_explains_its_class_and_an_unlabelled_one_itself() -> None:
    expected = np.zeros((7, 7))
    for rows in ([0, 2, 4], [1, 5], [6], [3]):
        expected[np.ix_(rows, rows)] = 1 / len(rows)
    links = SameClass()(POINTS, LABEL, 0)
    assert links.index.shape == (7, 3)
    np.testing.assert_allclose(table(links, 7), expected, rtol=1e-6)
    for members in (3, 4):
        np.testing.assert_allclose(table(SameClass(members)(POINTS, LABEL, 5), 7), expected, rtol=1e-6)


def test_of_a_large_class_each_row_explains_so_many_others_at_each_search() -> None:
    label = np.array([0] * 20 + [1] * 3 + [-1], np.int32)
    found = [SameClass(4)(np.zeros((24, 2)), label, seed) for seed in range(2)]
    for links in found:
        assert links.index.shape == (24, 4)
        assert (links.strength[:20] == 0.25).all()
        assert all(len(set(row)) == 4 and max(row) < 20 for row in links.index[:20].tolist())
        np.testing.assert_allclose(links.strength[20:].sum(axis=1), 1, rtol=1e-6)
        # No row is asked for more often than another.
        np.testing.assert_array_equal(np.bincount(links.index[:20].ravel()), 4)
    assert (found[0].index[:20] != found[1].index[:20]).mean() > 0.5


def test_the_draw_is_right_on_average() -> None:
    """Each of 1,500 draws gives a pair with chance 3/7; its mean strength is 1/7 within 4.5 standard errors."""
    label = np.zeros(7, np.int32)
    draws = [table(SameClass(3)(np.zeros((7, 2)), label, seed), 7) for seed in range(1500)]
    error = np.sqrt(3 / 7 * 4 / 7 / 1500) / 3
    np.testing.assert_allclose(np.mean(draws, axis=0), 1 / 7, atol=4.5 * error)


def test_without_labels_it_is_refused() -> None:
    with pytest.raises(InvalidData) as caught:
        SameClass()(POINTS, None, 0)
    assert str(caught.value) == "the neighborhood same_class needs labels: call fit(X, y)."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": 0}, "SameClass.members must be at least 1. Got 0."),
        ({"every": -1}, "SameClass.every must be at least 0. Got -1."),
        ({"tolerance": 1.0}, "SameClass.tolerance must be in [0, 1). Got 1.0."),
    ],
)
def test_what_is_not_allowed_is_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        SameClass(**settings)
    assert str(caught.value) == message
