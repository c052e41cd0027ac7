"""The number of a category is never a distance: pairs, neighbors and variances see categories as encoders do."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder, InvalidPart
from isthmus.layers.points import row_points
from tiny import progress_of, weight_arrays

RANDOM = np.random.default_rng(0)
N = 40
LEVELS = np.array(list("abcdefgh"))
PLACE = np.sort(np.arange(N) % 8)  # of the levels, all equally often: then they are numbered in the order of the rows
FRAME = pd.DataFrame({"x": RANDOM.normal(size=N), "c": LEVELS[PLACE], "y": RANDOM.normal(size=N)})
NUMBERS = FRAME[["x", "y"]].to_numpy()
POINTS = np.column_stack([NUMBERS, np.eye(8)[PLACE]])
STILL: dict[str, Any] = {"encoder": (), "scaling": None, "optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": N}


def square(points: np.ndarray, i: int, j: int) -> float:
    return float(np.square(points[i] - points[j]).sum())


def mean_over_pairs(points: np.ndarray, codes: np.ndarray) -> float:
    """Return the mean of exp(−‖p_i − p_j‖² / 2) ‖h_i − h_j‖² over pairs."""
    each = [np.exp(-square(points, i, j) / 2) * square(codes, i, j) for i, j in combinations(range(N), 2)]
    return float(np.mean(each))


def test_pairs_are_compared_by_one_hot_categories() -> None:
    ae = Autoencoder(2, penalties="laplacian(1.0, heat_kernel(2.0))", **STILL).fit(FRAME)
    codes = ae.transform(FRAME)
    due = mean_over_pairs(POINTS, codes)
    assert ae.history_[0]["laplacian"] == pytest.approx(due, rel=1e-3)
    assert due > 1.2 * mean_over_pairs(np.column_stack([NUMBERS, PLACE]), codes)


def test_missing_cells_stand_at_the_mean_of_their_column() -> None:
    frame = FRAME.copy()
    frame.loc[[3, 17], "x"], frame.loc[[5, 30], "c"] = np.nan, None
    points = POINTS.copy()
    points[[3, 17], 0] = np.delete(NUMBERS[:, 0], [3, 17]).mean()
    points[[5, 30], 2:] = np.delete(POINTS[:, 2:], [5, 30], axis=0).mean(axis=0)
    ae = Autoencoder(2, penalties="laplacian(1.0, heat_kernel(2.0))", **STILL).fit(frame)
    assert ae.history_[0]["laplacian"] == pytest.approx(mean_over_pairs(points, ae.transform(frame)), rel=1e-3)


def test_other_losses_over_pairs_see_the_same_points() -> None:
    penalties = ["distances(1.0)", "margin(1.0, affinity=ball(1.5))"]
    ae = Autoencoder(2, penalties=penalties, **STILL).fit(FRAME)
    pairs, codes = list(combinations(range(N), 2)), ae.transform(FRAME)
    apart, away = (np.array([square(points, i, j) for i, j in pairs]) for points in (POINTS, codes))
    assert ae.history_[0]["distances"] == pytest.approx(np.square(np.sqrt(away) - np.sqrt(apart)).mean(), rel=1e-3)
    margin = np.where(apart <= 1.5**2, away, np.maximum(1 - away, 0)).mean()
    assert ae.history_[0]["margin"] == pytest.approx(margin, rel=1e-3)


def test_neighbors_are_searched_among_one_hot_categories() -> None:
    frame = FRAME.assign(x=0.3 * FRAME["x"], y=0.3 * FRAME["y"])  # a number of a category would be all there is
    ae = Autoencoder(2, neighborhood="nearest(3, every=0)", **STILL).fit(frame)
    points = np.column_stack([0.3 * NUMBERS, np.eye(8)[PLACE]])
    apart = np.square(points[:, None] - points[None]).sum(axis=2)
    links = np.asarray(progress_of(ae).state.links.index)[0, :N]
    rows = rows_of(ae)
    due = np.argsort(apart, axis=1)[:, :3]
    np.testing.assert_array_equal(rows[links], due[rows])


def rows_of(ae: Autoencoder) -> np.ndarray:
    """Return which row of the frame each row of the training table is: a small one is sorted as it is folded."""
    return np.lexsort(ae.scaled_rows(FRAME).T[::-1])


def test_the_task_of_a_hypernetwork_is_no_distance() -> None:
    table = np.column_stack([NUMBERS, np.arange(N) % 3])
    ae = Autoencoder(2, penalties="laplacian(1.0, heat_kernel(2.0))", **STILL | {"encoder": "hyper(mlp(()), tasks=3)"})
    ae.fit(table)
    codes = ae.transform(table)[:, :2]  # the task follows them
    points = np.column_stack([NUMBERS, np.eye(3)[np.arange(N) % 3]])
    assert ae.history_[0]["laplacian"] == pytest.approx(mean_over_pairs(points, codes), rel=1e-3)


@pytest.mark.parametrize("settings", [{"penalties": "laplacian"}, {"neighborhood": "nearest"}], ids=str)
def test_tokens_have_no_distances(settings: dict[str, Any]) -> None:
    texts = ["a b", "b a", "a a", "b b"]
    with pytest.raises(InvalidPart) as caught:
        Autoencoder(2, encoder="text", likelihood="codes", max_epochs=1, **settings).fit(texts)
    assert str(caught.value) == "texts read as tokens have no distances from each other: use text='tfidf'."


def test_labels_alone_compare_tokens() -> None:
    texts = ["a b", "b a", "a a", "b b"]
    for settings in ({"penalties": "laplacian(0.1, same_label)"}, {"neighborhood": "same_class"}):
        ae = Autoencoder(2, encoder="text", likelihood="codes", max_epochs=1, **settings).fit(texts, [0, 1, 0, 1])
        assert np.isfinite(ae.history_[0]["loss"])


def test_curvature_moves_numbers_and_no_category() -> None:
    """An affine code of one-hot categories has no curvature; a category that is moved would be none."""
    ae = Autoencoder("deterministic(2, sigmoid)", penalties="curvature(1.0, 0.001)", **STILL).fit(FRAME)
    assert 0 < ae.history_[0]["curvature"] < 1e-4


def test_the_jacobian_of_a_missing_cell_is_that_of_a_row_without_it() -> None:
    """The code of a sigmoid: Σ_j (h_j (1 − h_j))² Σ W_dj² over the numbers that are there; categories have no slope."""
    frame = FRAME.copy()
    frame.loc[::3, "x"] = np.nan
    ae = Autoencoder("deterministic(2, sigmoid)", penalties="contractive(1.0, exact)", **STILL).fit(frame)
    h = ae.transform(frame)
    matrix = weight_arrays(ae)["neck.affine.matrix"][:2]  # of x and y; indicators and categories follow
    there = ~np.isnan(frame[["x", "y"]].to_numpy())
    due = (np.square(h * (1 - h)) * (there @ np.square(matrix))).sum(axis=1).mean()
    assert ae.history_[0]["contractive"] == pytest.approx(due, rel=1e-4)


def test_categories_have_no_share_of_the_variance() -> None:
    ae = Autoencoder("nested(2)", **STILL).fit(FRAME)
    made = ae.reconstruct(FRAME)[["x", "y"]].to_numpy()
    whole = 1 - np.square(NUMBERS - made).sum() / np.square(NUMBERS - NUMBERS.mean(axis=0)).sum()
    assert ae.explained_variance_ratio_.sum() == pytest.approx(whole, rel=1e-4)


def test_points_by_hand() -> None:
    x = np.array([[2.0, 1.0, np.nan], [4.0, np.nan, 0.0], [np.nan, 0.0, 0.0]])
    weight = np.array([1.0, 3.0, 4.0])
    found = row_points(x, (0, 2, 2), weight, xp=np)
    due = [
        [2.0, 0, 1, 1, 0],  # of the third column all that are there have the first category
        [4.0, 0.8, 0.2, 1, 0],  # of the second, four of five by weight
        [3.5, 1, 0, 1, 0],  # (2 + 3 · 4) / 4
    ]
    np.testing.assert_allclose(found, due)
    np.testing.assert_allclose(row_points(x[:, :1], None, weight, xp=np), [[2.0], [4.0], [3.5]])
