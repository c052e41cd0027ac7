"""A classifier on an encoder: its three stages, its classes, its heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, NetworkClassifier, StackedAutoencoder
from tiny import weights_of

pytestmark = pytest.mark.filterwarnings("ignore:y holds -1 in")  # which is what they ask for

X, Y = load_digits(return_X_y=True)
TRAIN, TEST = slice(0, 1200), slice(1200, None)
FLOWERS = X[:300, 10:20], np.array(["rose", "tulip", "lily"])[Y[:300] % 3]


def layer(size: int, epochs: int, seed: int, **settings: Any) -> Autoencoder:
    own = {"encoder": "mlp(())", "max_epochs": epochs, "stops": None, "random_state": seed, "corruption": "masking"}
    return Autoencoder(f"deterministic({size}, activation=sigmoid)", **(own | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["categorical", "bernoulli", "hinge"])
def test_each_head_learns_the_classes(target: str, tmp_path: Path) -> None:
    model = NetworkClassifier((64,), target=target, max_epochs=30).fit(X[TRAIN], Y[TRAIN])
    assert model.score(X[TEST], Y[TEST]) > 0.88
    share = model.predict_proba(X[TEST])
    assert share.shape == (len(X[TEST]), 10)
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X[TEST]), share.argmax(axis=1))
    model.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X[TEST]), share)


def test_a_linear_encoder_with_softmax_is_logistic_regression() -> None:
    x, y = X[:300, ::4] / 16, Y[:300]
    settings = {"scaling": None, "optimizer": "lbfgs", "penalties": "weight_decay(0.001)", "stops": None}
    ours = NetworkClassifier("mlp(())", **settings, validation_fraction=0).fit(x, y)  # type: ignore[arg-type]
    # scikit-learn minimises Σ log-loss + ‖W‖² / 2C, we the mean log-loss + λ ‖W‖².
    theirs = LogisticRegression(C=1 / (2 * 0.001 * len(x)), tol=1e-8, max_iter=5000).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=2e-3)


def test_the_pretrained_layers_are_copied_and_kept_while_frozen() -> None:
    stack = StackedAutoencoder([layer(32, 3, 0), layer(16, 3, 0)], max_epochs=2).fit(X[TRAIN])
    frozen = stack.to_classifier(frozen_epochs=5, max_epochs=0).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(frozen.transform(X), stack.transform(X))
    assert frozen.pretrained_ is stack
    assert [record["epoch"] for record in frozen.history_] == [1, 2, 3, 4, 5]
    tuned = stack.to_classifier(frozen_epochs=5, max_epochs=5, stops=None).fit(X[TRAIN], Y[TRAIN])
    assert (tuned.transform(X) != stack.transform(X)).any()
    assert tuned.n_iter_ == len(tuned.history_) == 10
    ends = [record.get("stop") for record in tuned.history_]
    assert ends == [None] * 4 + ["max_epochs"] + [None] * 4 + ["max_epochs"]  # each stage has its own
    losses = [record["target"] for record in tuned.history_]
    assert losses[-1] < losses[4] < losses[0]


def test_a_clone_trains_its_autoencoder_anew_and_leaks_no_weights() -> None:
    fitted = StackedAutoencoder([layer(8, 2, 0)], max_epochs=0).fit(X[TRAIN])
    model = clone(fitted.to_classifier(frozen_epochs=1, max_epochs=1))
    assert not model.pretrained.__sklearn_is_fitted__()
    model.fit(X[:300], Y[:300])
    assert (weights_of(model.pretrained_) != weights_of(fitted)).any()


def test_unlabelled_rows_teach_the_autoencoder_only() -> None:
    labels = np.where(np.arange(1000) < 60, Y[:1000], -1)
    stack = StackedAutoencoder([layer(16, 2, 0)], max_epochs=0)
    model = stack.to_classifier(frozen_epochs=2, max_epochs=2).fit(X[:1000], labels)
    assert model.classes_.tolist() == list(range(10))
    assert model.pretrained_.n_samples_ == 1000
    base = clone(stack).fit(X[:1000])
    np.testing.assert_array_equal(weights_of(model.pretrained_), weights_of(base))
    few = base.to_classifier(frozen_epochs=2, max_epochs=2).fit(X[:60], Y[:60])
    np.testing.assert_array_equal(weights_of(model), weights_of(few))


def test_pretraining_beats_random_initialisation_with_100_labels() -> None:
    """Over 6 seeds of weights and labels; two sigmoid layers of 60."""
    margins = []
    for seed in range(6):
        labels = np.full(1200, -1)
        chosen = np.random.default_rng(seed).permutation(1200)[:100]
        labels[chosen] = Y[chosen]
        settings: dict[str, Any] = {"corruption": "gaussian(0.3)", "optimizer": "adam(0.01)", "batch_size": 120}
        scores = []
        for epochs in (15, 0):
            layers = [layer(60, epochs, seed, scaling=scaling, **settings) for scaling in ("minmax", None)]
            stack = StackedAutoencoder(layers, max_epochs=0)
            model = stack.to_classifier(frozen_epochs=20, max_epochs=40, random_state=seed, stops=None)
            scores.append(model.fit(X[TRAIN], labels).score(X[TEST], Y[TEST]))
        margins.append(scores[0] - scores[1])
    error = np.std(margins, ddof=1) / np.sqrt(6)
    assert np.mean(margins) > 2 * error
    assert np.mean(margins) > 0.005


def test_classes_may_be_texts_or_bools_or_minus_one_and_one(tmp_path: Path) -> None:
    x, names = FLOWERS
    for y in (names, Y[:300] > 4, np.where(Y[:300] > 4, 1, -1), names.astype(object)):
        model = NetworkClassifier((8,), max_epochs=2).fit(x, y)
        assert set(model.predict(x).tolist()) <= set(np.unique(y).tolist())
        model.save(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").predict(x), model.predict(x))


def test_weight_two_is_the_row_twice() -> None:
    x, y = X[:60, 20:30], Y[:60] % 2
    weighted = NetworkClassifier((6,), max_epochs=3).fit(x, y, np.where(np.arange(60) < 20, 2.0, 1.0))
    repeated = NetworkClassifier((6,), max_epochs=3).fit(np.vstack([x, x[:20]]), np.concatenate([y, y[:20]]))
    np.testing.assert_array_equal(weights_of(weighted), weights_of(repeated))


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (None, r"NetworkClassifier needs labels: call fit\(X, y\)"),
        (np.zeros(300), r"y: expected at least two classes; got one class, 0\.0\."),
        (np.full(300, None), "y: expected labels, which NetworkClassifier needs; got none"),
        (
            np.where(np.arange(300) % 99 == 17, np.nan, 1.0),
            r"y holds NaN \(missing\) in 3 rows \(first: 17\): drop them, or",
        ),
        (
            pd.array([True, False, None] * 100, "boolean"),
            r"y holds NaN \(missing\) in 100 rows \(first: 2\): drop them",
        ),
        (np.linspace(0, 1, 300), r"y holds 0\.00334\d* \(Unknown label type: continuous\)"),
        (np.full(300, np.inf), "y holds inf: NetworkClassifier needs classes"),
        (np.zeros(7), r"y has shape \(7,\), expected \(300,\): one label for each row\."),
        (np.zeros((300, 2, 2)), r"y has shape \(300, 2, 2\), expected \(300,\)"),
        (np.array([1, "a"] * 150, dtype=object), "y mixes labels of several types"),
    ],
)
def test_labels_that_are_none_are_refused(y: Any, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        NetworkClassifier((4,), max_epochs=1).fit(FLOWERS[0], y)


CLASSES: dict[str, tuple[Any, str]] = {
    "dates": (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), r"datetime64\[D\]"),
    "nanoseconds": (np.array(["2020-01-01", "2020-01-02"], "M8[ns]"), r"datetime64\[ns\]"),
    "times": (np.array([1, 2], "m8[s]"), r"timedelta64\[s\]"),
    "bytes": (np.array([b"a", b"b"]), r"\|S1"),
    "objects of bytes": (np.array([b"a", b"b"], dtype=object), "bytes"),
    "timestamps": (np.array([pd.Timestamp("2020"), pd.Timestamp("2021")], dtype=object), "Timestamp"),
    "complex numbers": (np.array([1j, 2]), "complex128"),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_that_no_file_can_hold_are_refused(case: str) -> None:
    two, kind = CLASSES[case]
    told = f"^y: expected classes that a model file can hold, numbers or texts; got type {kind}. Pass np.asarray"
    with pytest.raises(InvalidData, match=told):
        NetworkClassifier((4,), max_epochs=1).fit(FLOWERS[0], np.resize(two, 300))


@pytest.mark.parametrize("two", [[np.int64(3), np.int64(5)], [np.str_("a"), np.str_("b")], [np.True_, np.False_]])
def test_classes_of_numpy_among_objects_are_saved(two: list[Any], tmp_path: Path) -> None:
    y = np.resize(np.array(two, dtype=object), 300)
    model = NetworkClassifier((4,), max_epochs=0).fit(FLOWERS[0], y)
    model.save(tmp_path / "m.safetensors")
    loaded = isthmus.load(tmp_path / "m.safetensors")
    assert loaded.classes_.tolist() == sorted(two)
    assert loaded.predict(FLOWERS[0]).tolist() == model.predict(FLOWERS[0]).tolist()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pretrained": 3}, r"pretrained must be an autoencoder, or None\. Got 3\."),
        ({"frozen_epochs": -1}, r"frozen_epochs must be a whole number of at least 0\. Got -1\."),
        ({"frozen_epochs": True}, r"frozen_epochs must be a whole number of at least 0\. Got True\."),
        ({"target": "categoric"}, "Did you mean 'categorical'"),
        ({"target": None}, r"target must be Likelihood, or its spelling\. Got None\."),
    ],
)
def test_settings_that_are_none_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidPart, match=sentence):
        NetworkClassifier(**settings).fit(*FLOWERS)


def test_a_pretrained_autoencoder_of_other_columns_is_refused() -> None:
    base = Autoencoder(2, max_epochs=1).fit(X[:50, :5])
    with pytest.raises(ValueError, match="X has 10 features, but Autoencoder is expecting 5 features"):
        NetworkClassifier(pretrained=base).fit(*FLOWERS)


@pytest.mark.parametrize("scaling", ["minmax", None, "center", "quantile"])
def test_the_scaling_of_the_pretrained_is_saved_with_it(scaling: str | None, tmp_path: Path) -> None:
    x, y = FLOWERS
    model = NetworkClassifier(pretrained=Autoencoder(3, encoder=(4,), scaling=scaling, max_epochs=1), max_epochs=1)
    model.fit(x, y).save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").predict_proba(x), model.predict_proba(x))


def test_a_pretrained_that_needs_labels_is_given_them() -> None:
    x, y = FLOWERS
    model = NetworkClassifier(pretrained=isthmus.generalized(3, case="class", max_epochs=1), max_epochs=1).fit(x, y)
    assert "changed_links" in model.pretrained_.history_[0]


def test_rows_without_a_label_do_not_count_in_the_score() -> None:
    x, y = X[:300, 10:20], np.where(np.arange(300) < 200, Y[:300] % 3, -1)
    model = NetworkClassifier((8,), max_epochs=5).fit(x, y)
    assert model.n_labelled_ == 200
    right = model.predict(x)[:200] == y[:200]
    assert model.score(x, y) == pytest.approx(right.mean())
    weight = np.linspace(0, 1, 300)
    assert model.score(x, y, weight) == pytest.approx(np.average(right, weights=weight[:200]))


@pytest.mark.parametrize("target", ["squared_error", "gaussian", "absolute_error"])
def test_a_likelihood_that_is_not_over_classes_is_refused(target: str) -> None:
    with pytest.raises(InvalidPart, match=r"target must be .categorical., .*hinge.\. Got"):
        NetworkClassifier(target=target).fit(*FLOWERS)
