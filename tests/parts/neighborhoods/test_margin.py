"""Near rows of the class attract, near rows of others repel, against ranks by SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from isthmus.errors import InvalidData, InvalidPart
from isthmus.parts.neighborhoods import Margin

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(30, 3))
LABEL = np.repeat([0, 1, 2, -1], [12, 9, 5, 4]).astype(np.int32)
SQUARE = cdist(POINTS, POINTS)


def table(links: Any) -> np.ndarray:
    """Return the strengths as a table, s_ij in row i and column j."""
    found = np.zeros((len(links.index),) * 2)
    for i in range(len(found)):
        np.add.at(found[i], links.index[i], links.strength[i])
    return found


@pytest.mark.parametrize(("attract", "repel"), [(4, 2), (3, 0), (8, 4), (10, 3)])
def test_the_strengths_are_those_of_the_ranks(attract: int, repel: int) -> None:
    expected = np.zeros((30, 30))
    for i in range(30):
        if LABEL[i] < 0:
            expected[i, i] = 1
            continue
        order = np.argsort(SQUARE[i])
        own = [j for j in order if LABEL[j] == LABEL[i]][:attract]
        others = [j for j in order if LABEL[j] not in (-1, LABEL[i])][:repel]
        expected[i, own], expected[i, others] = 1, -1
    links = Margin(attract, repel)(POINTS, LABEL, 0)
    assert links.index.shape == (30, attract + repel)
    np.testing.assert_array_equal(table(links), expected)
    assert (table(links).sum(axis=1) > 0).all()


def test_its_defaults() -> None:
    label = np.repeat([0, 1], 15).astype(np.int32)
    np.testing.assert_array_equal(table(Margin()(POINTS, label, 0)).sum(axis=1), 7)
    assert Margin().repels
    assert Margin().needs_labels


def test_of_one_class_there_is_nothing_to_evade() -> None:
    links = Margin(3, 2)(POINTS, np.zeros(30, np.int32), 0)
    np.testing.assert_array_equal(np.sort(links.strength, axis=1), [[0, 0, 1, 1, 1]] * 30)


def test_fewer_rows_of_other_classes_are_all_evaded() -> None:
    label = np.array([0] * 28 + [1, 1], np.int32)
    with pytest.raises(InvalidData):
        Margin(10, 3)(POINTS, label, 0)
    label[28:] = -1
    label[:4] = 1
    found = table(Margin(6, 3)(POINTS, label, 0))
    np.testing.assert_array_equal(found[:4].sum(axis=1), 1)  # 4 of its class, 3 of the other
    np.testing.assert_array_equal(found[4:28].sum(axis=1), 3)


def test_a_class_too_small_for_a_lower_bound_is_named() -> None:
    with pytest.raises(InvalidData) as caught:
        Margin(10, 5)(POINTS, LABEL, 0)
    assert str(caught.value) == (
        "class 2 has 5 rows, and the neighborhood margin(repel=5) needs at least 6 in each class: use a smaller repel."
    )


def test_without_labels_it_is_refused() -> None:
    with pytest.raises(InvalidData) as caught:
        Margin()(POINTS, None, 0)
    assert str(caught.value) == "the neighborhood margin needs labels: call fit(X, y)."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attract": 0}, "Margin.attract must be at least 1. Got 0."),
        (
            {"attract": 3, "repel": 3},
            "Margin.repel must be at least 0 and below attract=3, or the loss has no lower bound. Got 3.",
        ),
        (
            {"repel": -1},
            "Margin.repel must be at least 0 and below attract=10, or the loss has no lower bound. Got -1.",
        ),
        ({"every": -1}, "Margin.every must be at least 0. Got -1."),
        ({"tolerance": 2.0}, "Margin.tolerance must be in [0, 1). Got 2.0."),
    ],
)
def test_what_is_not_allowed_is_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Margin(**settings)
    assert str(caught.value) == message
