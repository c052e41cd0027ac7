"""What a masked array hides is missing; no label and no weight vanishes unasked."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus import AnomalyDetector, Imputer, InvalidData, NetworkClassifier, NetworkRanker, NetworkRegressor
from tiny import X, Y, autoencoder

MASK = np.random.default_rng(1).random(X.shape) < 0.2
MASKED = np.ma.masked_array(np.where(MASK, -9999.0, X), MASK)
LACKING = np.where(MASK, np.nan, X)
SMALL = {"encoder": (4,), "max_epochs": 1}
ROWS = np.arange(60)


def test_masked_cells_are_missing_cells() -> None:
    imputer = Imputer(autoencoder()).fit(MASKED)
    np.testing.assert_array_equal(imputer.missing(MASKED), MASK)
    np.testing.assert_array_equal(imputer.transform(MASKED), Imputer(autoencoder()).fit_transform(LACKING))
    np.testing.assert_array_equal(
        autoencoder().fit(MASKED).transform(MASKED), autoencoder().fit(LACKING).transform(LACKING)
    )
    detector = AnomalyDetector(autoencoder()).fit(MASKED)
    np.testing.assert_array_equal(detector.anomaly_score(MASKED), detector.anomaly_score(LACKING))
    whole = np.ma.masked_array(np.arange(180).reshape(60, 3) % 7, ROWS[:, None] % 9 == np.arange(3))
    filled = Imputer(autoencoder()).fit_transform(whole)
    np.testing.assert_array_equal(filled[~whole.mask], whole.data[~whole.mask])
    np.testing.assert_array_equal(
        autoencoder().fit(np.ma.masked_array(X)).transform(X), autoencoder().fit(X).transform(X)
    )


def test_masked_steps_of_series_are_missing() -> None:
    series = np.ma.masked_array(np.arange(20.0), np.arange(20) == 5)
    with pytest.raises(InvalidData, match=r"^column 0 holds NaN \(missing\) in 1 row \(first: 5\)"):
        isthmus.windows(series, 4)
    with pytest.raises(InvalidData, match=r"^sequence 0 holds nan at step 5"):
        autoencoder(encoder="recurrent((3,))").fit([series, series[:4]] * 20)


def test_a_masked_label_is_none() -> None:
    labels = np.ma.masked_array(np.where(ROWS < 9, 99, Y), ROWS < 9)
    model = NetworkClassifier(**SMALL).fit(X, labels)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_labelled_ == 51
    texts = np.ma.masked_array(np.where(ROWS < 9, "none", Y.astype(str)), ROWS < 9)
    assert NetworkClassifier(**SMALL).fit(X, texts).classes_.tolist() == ["0", "1", "2"]


@pytest.mark.parametrize("model", [NetworkRegressor(**SMALL), NetworkRanker(**SMALL)], ids=lambda m: type(m).__name__)
def test_a_masked_answer_is_none(model: NetworkRegressor | NetworkRanker) -> None:
    answers = np.ma.masked_array(np.where(ROWS == 7, -9999.0, Y), ROWS == 7)
    groups = {"groups": ROWS // 10} if isinstance(model, NetworkRanker) else {}
    with pytest.raises(InvalidData, match=r"^y holds NaN \(missing\) in 1 row \(first: 7\): drop them"):
        model.fit(X, answers, **groups)


def test_of_several_answers_some_may_be_masked() -> None:
    answers = np.column_stack([Y, X[:, 0]])
    mask = np.column_stack([ROWS % 5 == 0, ROWS % 5 == 1])
    masked = np.ma.masked_array(np.where(mask, 1e6, answers), mask)
    model, same = (NetworkRegressor(**SMALL).fit(X, y) for y in (masked, np.where(mask, np.nan, answers)))
    np.testing.assert_array_equal(model.predict(X), same.predict(X))
    assert model.score(X, masked) == same.score(X, np.where(mask, np.nan, answers))


def test_masked_weights_are_refused() -> None:
    weight = np.ma.masked_array(np.ones(60), (ROWS > 2) & (ROWS < 6))
    message = (
        r"^sample_weight: expected a number for each row; got 3 that are masked \(first: row 3\)\. Give such a row"
    )
    with pytest.raises(InvalidData, match=message):
        autoencoder().fit(X, sample_weight=weight)
    autoencoder().fit(X, sample_weight=np.ma.masked_array(np.ones(60)))


@pytest.mark.parametrize("weight", [1e-46, 1e39])
def test_only_how_weights_compare_counts(weight: float) -> None:
    model, same = (autoencoder().fit(X, sample_weight=np.full(60, each)) for each in (weight, 1.0))
    np.testing.assert_array_equal(model.transform(X), same.transform(X))


def test_it_is_said_that_minus_one_is_no_class() -> None:
    message = r"^y holds -1 in 20 rows: read as rows without a label\. Where -1 is a class, pass the classes as texts"
    with pytest.warns(UserWarning, match=message):
        model = NetworkClassifier(**SMALL).fit(X, Y - 1 + (Y == 2))
    assert model.classes_.tolist() == [0, 2]
    with pytest.warns(UserWarning, match=message):
        autoencoder().fit(X, np.where(Y == 0, -1, Y))
    assert NetworkClassifier(**SMALL).fit(X, (Y - 1).astype(str)).classes_.tolist() == ["-1", "0", "1"]
    assert NetworkClassifier(**SMALL).fit(X, np.where(Y == 0, -1, 1)).classes_.tolist() == [-1, 1]


def test_balanced_classes_are_so_by_their_weights() -> None:
    """Weight 2 is the row twice, and weight 0 no row, to the bit."""
    labels = (X[:, 0] > 0.5).astype(int)
    settings = {**SMALL, "class_weight": "balanced", "validation_fraction": 0.0, "batch_size": 128}
    twice = np.r_[ROWS, ROWS[:20]]
    weighted = NetworkClassifier(**settings).fit(X, labels, sample_weight=np.where(ROWS < 20, 2.0, 1.0))
    repeated = NetworkClassifier(**settings).fit(X[twice], labels[twice])
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))
    some = NetworkClassifier(**settings).fit(X, labels, sample_weight=(ROWS < 40) * 1.0)
    np.testing.assert_array_equal(
        some.predict_proba(X), NetworkClassifier(**settings).fit(X[:40], labels[:40]).predict_proba(X)
    )
