"""The nearest points are those that a comparison with all of them finds."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core import nearest
from isthmus.core.nearest import NearestPoints


def all_squares(points: np.ndarray, seekers: np.ndarray) -> np.ndarray:
    return np.square(seekers[:, None].astype(np.float64) - points).sum(axis=2)


def drawn(kind: str, rows: int, columns: int) -> np.ndarray:
    """Return points of different shapes: spread evenly, in a plane, with heavy tails, equal, far away, in clusters.

    Clusters are so tight that products of float32 cannot tell their points apart.
    """
    generator = np.random.default_rng(rows + columns)
    if kind == "plane":
        x = generator.normal(size=(rows, 2)) @ generator.normal(size=(2, columns))
        x += 0.1 * generator.normal(size=x.shape)
    elif kind == "tails":
        x = generator.standard_cauchy(size=(rows, columns))
    elif kind == "equal":
        x = generator.integers(0, 3, size=(rows, columns))
    elif kind == "clusters":
        x = 10 * generator.normal(size=(rows, columns))[np.arange(rows) % 50]
        x += 1e-3 * generator.normal(size=x.shape)
    elif kind == "far":
        x = 1e6 + generator.normal(size=(rows, columns))
    else:
        x = generator.normal(size=(rows, columns))
    return x.astype(np.float32)


@pytest.mark.parametrize("kind", ["even", "plane", "tails", "equal", "far", "clusters"])
@pytest.mark.parametrize("columns", [1, 3, 9, 60])
@pytest.mark.parametrize("few", [1, 60])
def test_nearest_points_are_those_of_a_comparison_with_all(
    kind: str, columns: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "CELL", 20)  # so that there are many cells
    x = drawn(kind, 1500 + few, columns)
    points, seekers = x[few:], x[:few]
    place, square = NearestPoints(points, 7).search(seekers)
    right = np.sort(all_squares(points, seekers), axis=1)[:, :7]
    found = np.take_along_axis(all_squares(points, seekers), place, axis=1)
    assert all(len(set(row)) == 7 for row in place.tolist())
    assert found == pytest.approx(right, rel=1e-6)
    assert square == pytest.approx(right, rel=2e-6)
    assert (np.diff(square, axis=1) >= 0).all()


@pytest.mark.parametrize("count", [1, 4, 5])
def test_all_points_can_be_asked_for(count: int) -> None:
    points = np.array([[0, 0], [3, 4], [0, 1], [1, 0], [9, 9]], np.float32)
    place, square = NearestPoints(points, count).search(np.zeros((6, 2), np.float32))
    assert place[:, 0].tolist() == [0] * 6
    assert square[2].tolist() == [0, 1, 1, 25, 162][:count]


def test_cells_hold_more_points_than_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "CELL", 2)
    points = drawn("even", 300, 2)
    place, _ = NearestPoints(points, 90).search(points[:50])
    right = np.argsort(all_squares(points, points[:50]), axis=1)[:, :90]
    assert [set(row) for row in place.tolist()] == [set(row) for row in right.tolist()]


def test_of_blocks_each_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    points = drawn("plane", 400, 5)
    at_once = NearestPoints(points, 3).search(points)
    monkeypatch.setattr(nearest, "SEEKERS", 7)
    by_blocks = NearestPoints(points, 3).search(points)
    assert all((a == b).all() for a, b in zip(at_once, by_blocks, strict=True))


def test_numbers_whose_squares_float32_cannot_hold_count_as_the_last_that_it_can() -> None:
    points = np.array([[0.0], [1.0], [3e38]], np.float32)
    seekers = np.array([[-3e38], [3e38], [0.4]], np.float32)
    place, square = NearestPoints(points, 2).search(seekers)
    assert place[1, 0] == 2
    assert place[2].tolist() == [0, 1]
    assert np.isfinite(square).all()


def test_a_point_is_not_its_own_neighbor() -> None:
    points = np.array([[0.0], [0.0], [0.0], [2.0], [5.0]], np.float32)
    place, square = NearestPoints(points, 3).search_others()
    assert square.tolist() == [[0, 0], [0, 0], [0, 0], [4, 4], [9, 25]]
    assert not (place == np.arange(5)[:, None]).any()
    assert set(place[4].tolist()) < {0, 1, 2, 3}


def test_a_few_columns_of_a_distance_beyond_the_directions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "CELL", 8)
    points = np.zeros((200, 30), np.float32)
    points[np.arange(200), np.arange(200) % 30] = 1 + np.arange(200) // 30
    place, _ = NearestPoints(points, 1).search(points + np.float32(0.01))
    assert place[:, 0].tolist() == list(range(200))
