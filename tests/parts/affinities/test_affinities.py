"""Affinities, each worked out by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from isthmus.errors import InvalidData, InvalidPart
from isthmus.parts.affinities import Ball, HeatKernel, SameLabel, SquaredDistance

X = np.random.default_rng(0).normal(size=(9, 4)) + 100
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 0.25, 0.0, 0.0])  # the last two only fill up
REAL = 7
SQUARE = squareform(pdist(X, "sqeuclidean"))
COUNTS = np.outer(WEIGHT, WEIGHT) * (1 - np.eye(9))


@jax.jit
def compiled(part: Any, x: Any, weight: Any, label: Any) -> Any:
    return part(x, weight, label)


def affinity(part: Any, x: np.ndarray = X, weight: np.ndarray = WEIGHT, label: Any = None) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(compiled(part, x, weight, label))


def test_the_squared_distance_is_that_of_scipy() -> None:
    np.testing.assert_allclose(affinity(SquaredDistance()), SQUARE, rtol=1e-9, atol=1e-9)


def test_rows_that_rounding_cannot_tell_apart_are_at_one_place() -> None:
    x = X.astype(np.float32)
    x[3] = x[0]
    found = np.asarray(SquaredDistance()(jnp.array(x), jnp.ones(9), None))
    assert found[3, 0] == found[0, 3] == 0
    np.testing.assert_array_equal(np.diag(found), 0)
    np.testing.assert_allclose(found, squareform(pdist(x.astype(float), "sqeuclidean")), rtol=2e-5)


def test_the_heat_kernel_of_a_given_temperature() -> None:
    np.testing.assert_allclose(affinity(HeatKernel(3.0)), np.exp(-SQUARE / 3), rtol=1e-9)


def test_by_default_the_heat_kernel_takes_the_mean_over_the_pairs_that_count() -> None:
    mean = (COUNTS * SQUARE).sum() / COUNTS.sum()
    np.testing.assert_allclose(affinity(HeatKernel()), np.exp(-SQUARE / mean), rtol=1e-9)
    np.testing.assert_allclose(affinity(HeatKernel(), 1000 * X), affinity(HeatKernel()), rtol=1e-6)


def test_the_heat_kernel_of_equal_rows_is_one() -> None:
    np.testing.assert_array_equal(affinity(HeatKernel(), np.ones((9, 4))), 1)


def test_the_ball_of_a_given_radius() -> None:
    found = affinity(Ball(2.5))
    np.testing.assert_array_equal(found, np.sqrt(SQUARE) <= 2.5)
    assert 9 < found.sum() < 81
    np.testing.assert_array_equal(affinity(Ball(5.0), np.array([[0.0, 0.0], [3.0, 4.0]]), np.ones(2)), 1)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.77, 1.0])
def test_by_default_the_ball_holds_the_share_of_the_pairs_that_count(share: float) -> None:
    distances = np.sort(pdist(X[:REAL]))
    radius = distances[int(np.ceil(share * len(distances) - 1e-9)) - 1]
    found = affinity(Ball(share=share), weight=(WEIGHT > 0).astype(float))
    np.testing.assert_array_equal(found, np.sqrt(SQUARE) <= radius + 1e-6)


def test_a_share_that_is_a_whole_number_of_pairs_is_not_exceeded() -> None:
    weight = (np.arange(9) < 5).astype(float)  # 10 pairs
    found = affinity(Ball(share=0.5), weight=weight)[:5, :5]
    assert (found.sum() - 5) / 2 == 5


def test_the_share_of_the_ball_counts_by_the_weights() -> None:
    weight = np.ones(9)
    weight[[0, 1]] = 100.0  # their pair alone is more than half of all
    found = affinity(Ball(share=0.5), weight=weight)
    np.testing.assert_array_equal(found, np.sqrt(SQUARE) <= np.sqrt(SQUARE[0, 1]) + 1e-6)


def test_the_ball_of_equal_rows_holds_them_and_no_more() -> None:
    x = np.zeros((9, 4))
    x[-1] = 1e6
    found = affinity(Ball(share=0.5), x, np.ones(9))
    np.testing.assert_array_equal(found[:8, :8], 1)
    np.testing.assert_array_equal(found[8], np.arange(9) == 8)


def test_the_same_label() -> None:
    label = np.array([2, 0, 2, 1, 0], np.int32)
    found = affinity(SameLabel(), X[:5], WEIGHT[:5], label)
    np.testing.assert_array_equal(found, [[a == b for b in label] for a in label])


def test_without_labels_the_same_label_is_refused() -> None:
    with pytest.raises(InvalidData) as caught:
        SameLabel()(jnp.array(X), jnp.array(WEIGHT), None)
    assert str(caught.value) == "the affinity same_label needs labels: call fit(X, y)."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HeatKernel(0.0), "HeatKernel.temperature must be above 0, or None. Got 0.0."),
        (lambda: Ball(-1.0), "Ball.radius must be above 0, or None. Got -1.0."),
        (lambda: Ball(share=0.0), "Ball.share must be in (0, 1]. Got 0.0."),
        (lambda: Ball(share=1.5), "Ball.share must be in (0, 1]. Got 1.5."),
    ],
)
def test_what_is_not_allowed_is_said(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message
