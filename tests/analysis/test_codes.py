"""Codes are compared by scikit-learn's own figures, on rows as the network sees them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import isthmus
from isthmus import InvalidData, InvalidPart, MissingExtra, compare_codes
from tiny import NAMES, X, Y, autoencoder

PLANE = X[:, :2]
SCALED = StandardScaler().fit_transform(X)


def accuracy(points: np.ndarray, labels: Any, neighbors: int) -> float:
    folds = KFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(KNeighborsClassifier(neighbors), points, labels, cv=folds).mean())


def test_figures_are_those_of_scikit_learn() -> None:
    scores = compare_codes({"plane": PLANE}, X, Y, methods=["pca"], neighbors=5).scores
    pca = PCA(2).fit_transform(SCALED)
    for name, points in (("plane", PLANE), ("PCA", pca)):
        assert scores.loc[name, "trustworthiness"] == pytest.approx(trustworthiness(SCALED, points, n_neighbors=5))
        assert scores.loc[name, "neighbor_accuracy"] == pytest.approx(accuracy(points, Y, 5))


def test_a_plane_is_told_by_itself() -> None:
    near = compare_codes(SCALED[:, :2], X[:, :2], Y, methods=[], neighbors=3)
    assert near.scores.loc["codes", "trustworthiness"] == 1
    apart = compare_codes(np.repeat(np.eye(2), 30, axis=0), X, np.repeat(["a", "b"], 30), methods=[]).scores
    assert apart.loc["codes", "neighbor_accuracy"] == 1


def test_rows_are_as_the_network_sees_them() -> None:
    frame = pd.DataFrame(X, columns=NAMES).assign(kind=pd.Categorical(np.where(Y == 0, "u", "v")))
    frame.loc[3, "a"] = np.nan
    model = autoencoder().fit(frame)
    scores = compare_codes(model, frame, methods=[], neighbors=5).scores
    numbers = StandardScaler().fit_transform(frame[NAMES].to_numpy())
    seen = np.column_stack([np.nan_to_num(numbers), Y == 0, Y != 0])
    due = trustworthiness(seen, model.transform(frame), n_neighbors=5)
    assert scores.loc["codes", "trustworthiness"] == pytest.approx(due, abs=1e-6)
    assert list(scores) == ["trustworthiness"]


def test_rows_are_drawn_by_the_seed() -> None:
    one, same, other = (compare_codes(PLANE, X, methods=["pca"], rows=30, random_state=seed) for seed in (0, 0, 1))
    assert len(one.rows) == 30 == len(set(one.rows))
    np.testing.assert_array_equal(one.codes["codes"], PLANE[one.rows])
    np.testing.assert_array_equal(one.rows, same.rows)
    assert (one.rows != other.rows).any()


def test_a_row_without_a_label_does_not_count() -> None:
    labels = np.where(np.arange(60) < 10, None, np.where(Y == 0, "u", "v"))
    found = compare_codes(PLANE, X, labels, methods=[], neighbors=5)
    due = accuracy(PLANE[10:], labels[10:].astype(str), 5)
    assert found.scores.loc["codes", "neighbor_accuracy"] == pytest.approx(due)
    assert found.labels is not None
    assert found.labels.tolist() == labels.tolist()


def test_the_picture_has_a_panel_each() -> None:
    found = compare_codes(PLANE, X, np.where(Y == 0, None, Y.astype(str)), methods=["pca", "tsne"], neighbors=5)
    figure = found.plot("Title")
    names = ["codes", "PCA", "t-SNE"]
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == names == list(found.scores.index)
    assert f"trustworthiness {found.scores.loc['PCA', 'trustworthiness']:.3f}" in figure.axes[1].get_title()
    drawn = np.concatenate([points.get_offsets() for points in figure.axes[2].collections])
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(found.codes["t-SNE"], axis=0))
    assert [points.get_label() for points in figure.axes[0].collections] == ["unlabelled", "1", "2"]
    assert "neighbor_accuracy" in str(found)


def test_umap_is_compared_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class First:
        def __init__(self, **settings: Any) -> None:
            self.settings = settings

        def fit_transform(self, x: np.ndarray) -> np.ndarray:
            assert self.settings == {"n_neighbors": 15, "n_jobs": 1, "random_state": 0}
            return x[:, :2]

    umap = ModuleType("umap")
    umap.UMAP = First  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "umap", umap)
    found = compare_codes(PLANE, X, methods=["umap"])
    np.testing.assert_allclose(found.codes["UMAP"], SCALED[:, :2], rtol=1e-5, atol=1e-6)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match=r"UMAP needs umap-learn: pip install umap-learn"):
        compare_codes(PLANE, X, methods=["umap"])


@pytest.mark.parametrize(
    ("codes", "settings", "error", "message"),
    [
        (X, {}, InvalidData, r"expected codes of 2 numbers for each of 60 rows, \[60, 2\]; got shape \(60, 5\)"),
        (PLANE * np.nan, {}, InvalidData, "expected finite codes; codes holds NaN or inf in row 0"),
        (PLANE, {"methods": ["isomap"]}, InvalidPart, "methods must be a list of some of pca, tsne, umap"),
        (PLANE, {"neighbors": 30}, InvalidData, "expected more than 60 rows for 30 neighbors; got 60"),
        (PLANE, {"y": np.where(np.arange(60) < 9, "u", None)}, InvalidData, "expected a label for more than 12 rows"),
        ({"PCA": PLANE}, {}, InvalidPart, "names other than those of the methods"),
        ({}, {}, InvalidPart, "a fitted network, codes"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(codes: Any, settings: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        compare_codes(codes, X, **{"methods": ["pca"]} | settings)


def test_points_and_labels_of_panels_are_checked() -> None:
    plots = pytest.importorskip("isthmus.plots")
    with pytest.raises(InvalidData, match=r"got b of shape \(3, 2\)"):
        plots.code_panels({"a": np.zeros((4, 2)), "b": np.zeros((3, 2))})
    with pytest.raises(InvalidData, match="one label for each of 4 points"):
        plots.code_panels({"a": np.zeros((4, 2))}, [1, 2])
    assert len(plots.code_panels({"a": np.zeros((30, 2))}, np.arange(30.0)).axes) == 2  # the panel and its colours
    assert "compare_codes" in isthmus.__all__
