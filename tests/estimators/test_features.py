"""Codes as features: in a Pipeline before every kind of model, their size chosen by a grid search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

from isthmus import Autoencoder, NetworkRanker
from tiny import header_of

ROWS, LABELS = load_digits(return_X_y=True)
ROWS = (ROWS / 16).astype(np.float32)
TRAIN, TEST = slice(0, 600), slice(600, 900)

SETTINGS: dict[str, Any] = {"encoder": (64,), "scaling": None, "optimizer": "adam(0.003)", "max_epochs": 100}
SETTINGS |= {"stops": None, "validation_fraction": 0}


def encoder(**settings: Any) -> Autoencoder:
    return Autoencoder(16, **(SETTINGS | settings))


@pytest.fixture(scope="module")
def plain() -> dict[str, float]:
    """Return what PCA of the same size reaches with each model."""
    models = {"logistic": LogisticRegression(max_iter=500), "svc": SVC()}
    return {
        name: make_pipeline(PCA(16), model).fit(ROWS[TRAIN], LABELS[TRAIN]).score(ROWS[TEST], LABELS[TEST])
        for name, model in models.items()
    }


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("logistic", LogisticRegression(max_iter=500)),
        ("svc", SVC()),
        ("boosting", GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=0)),
    ],
)
def test_classifiers_on_codes(name: str, model: Any, plain: dict[str, float]) -> None:
    pipe = make_pipeline(encoder(), model).fit(ROWS[TRAIN], LABELS[TRAIN])
    score = pipe.score(ROWS[TEST], LABELS[TEST])
    assert score > plain.get(name, 0.75) - 0.08
    np.testing.assert_array_equal(pipe.predict(ROWS[600:601]), pipe.predict(ROWS[TEST])[:1])


def test_a_regression_on_codes() -> None:
    """The sum of the pixels is a linear function of the row, and its codes hold more of it than components do."""
    target = ROWS.sum(axis=1)
    plain = make_pipeline(PCA(16), Ridge()).fit(ROWS[TRAIN], target[TRAIN]).score(ROWS[TEST], target[TEST])
    pipe = make_pipeline(encoder(), Ridge()).fit(ROWS[TRAIN], target[TRAIN])
    assert pipe.score(ROWS[TEST], target[TEST]) > plain
    assert "labels" not in header_of(pipe[0])["facts"]


def test_a_ranking_on_codes() -> None:
    grade, group = (LABELS % 5).astype(float), np.arange(len(LABELS)) // 20
    pipe = Pipeline([("codes", encoder()), ("ranker", NetworkRanker((16,), max_epochs=20, stops=None))])
    pipe.fit(ROWS[TRAIN], grade[TRAIN], ranker__groups=group[TRAIN])
    found = pipe.predict(ROWS[TRAIN])
    assert np.corrcoef(found, grade[TRAIN])[0, 1] > 0.5


def test_the_size_of_the_code_is_searched_for() -> None:
    pipe = Pipeline([("codes", encoder(max_epochs=20)), ("model", LogisticRegression(max_iter=500))])
    search = GridSearchCV(pipe, {"codes__bottleneck__size": [1, 12]}, cv=2).fit(ROWS[:300], LABELS[:300])
    assert search.best_params_ == {"codes__bottleneck__size": 12}
    assert search.best_estimator_[0].n_components_ == 12
    low, high = search.cv_results_["mean_test_score"]
    assert high > low + 0.2
    other = GridSearchCV(pipe, {"codes__bottleneck": [1, "nested(12)"]}, cv=2).fit(ROWS[:300], LABELS[:300])
    assert other.best_params_ == {"codes__bottleneck": "nested(12)"}


def test_codes_are_named_in_a_frame() -> None:
    frame = pd.DataFrame(ROWS[:100], columns=[f"pixel {i}" for i in range(64)])
    codes = encoder(max_epochs=1).set_output(transform="pandas").fit_transform(frame)
    assert codes.columns[:2].tolist() == ["autoencoder0", "autoencoder1"]
    assert codes.shape == (100, 16)
