"""What supervised networks share: weights of classes, several outputs, rows explained beside, starts, going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, NetworkClassifier, NetworkRegressor, StackedAutoencoder
from tiny import scaled, tensors_of, weights_of, with_flat_weights

pytestmark = pytest.mark.filterwarnings("ignore:y holds -1 in")  # which is what they ask for

X, Y = load_digits(return_X_y=True)
X, Y = X[:300, 10:20], Y[:300]
QUICK: dict[str, Any] = {"encoder": (6,), "max_epochs": 3, "stops": None, "validation_fraction": 0}


def test_class_weights_are_sample_weights() -> None:
    y = Y % 3
    weights = {0: 3.0, 1: 1.0, 2: 0.5}
    by_class = NetworkClassifier(**QUICK, class_weight=weights).fit(X, y)
    by_row = NetworkClassifier(**QUICK).fit(X, y, np.array([weights[c] for c in y]))
    np.testing.assert_array_equal(weights_of(by_class), weights_of(by_row))
    balanced = NetworkClassifier(**QUICK, class_weight="balanced").fit(X, y)
    by_count = NetworkClassifier(**QUICK).fit(X, y, (300 / (3 * np.bincount(y)))[y])
    np.testing.assert_array_equal(weights_of(balanced), weights_of(by_count))


def test_a_rare_class_is_found_more_often_where_it_weighs_more() -> None:
    y = (Y == 3).astype(int)
    found = [
        NetworkClassifier((16,), class_weight=weight, max_epochs=30, stops=None).fit(X, y).predict(X)[y == 1].mean()
        for weight in (None, "balanced")
    ]
    assert found[1] > found[0]


def test_several_outputs_are_classified_side_by_side(tmp_path: Path) -> None:
    y = np.stack([Y % 2, Y // 4], axis=1)
    model = NetworkClassifier((64,), max_epochs=40, optimizer="adam(0.01)", validation_fraction=0).fit(X, y)
    assert [classes.tolist() for classes in model.classes_] == [[0, 1], [0, 1, 2]]
    share = model.predict_proba(X)
    assert [each.shape for each in share] == [(300, 2), (300, 3)]
    for each in share:
        np.testing.assert_allclose(each.sum(axis=1), 1, rtol=1e-6)
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted[:, 1], share[1].argmax(axis=1))
    assert model.score(X, y) == pytest.approx((predicted == y).all(axis=1).mean())
    assert model.score(X, y) > 0.8
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").predict(X), predicted)


def test_the_loss_of_several_outputs_is_the_sum() -> None:
    y = np.stack([Y % 2, Y % 3], axis=1)
    settings = QUICK | {"max_epochs": 1, "optimizer": "sgd(1e-12)", "batch_size": 300}
    model = NetworkClassifier(**settings).fit(X, y)
    share = model.predict_proba(X)
    losses = [-np.log(each[np.arange(300), column]) for each, column in zip(share, y.T, strict=True)]
    assert model.history_[0]["target"] == pytest.approx(np.sum(losses, axis=0).mean(), rel=1e-5)


def test_a_class_that_fit_has_not_seen_is_refused() -> None:
    model = NetworkClassifier(**QUICK).fit(X, np.array(["a", "b"])[Y % 2])
    with pytest.raises(InvalidData, match=r"^y: expected classes of the fit \(.*\); got 'c' \(row 2\)\.$"):
        model.score(X[:4], ["a", "b", "c", "a"])


@pytest.mark.parametrize("layers", [[], [3]])
def test_a_stack_that_cannot_be_is_named_before_any_work(layers: list[Any]) -> None:
    with pytest.raises(InvalidPart, match=r"^layers must be a list of at least one Autoencoder\. Got \["):
        NetworkClassifier(pretrained=StackedAutoencoder(layers)).fit(np.eye(4), [0, 1, 0, 1])


def test_rows_are_explained_beside_the_class() -> None:
    labels = np.where(np.arange(300) < 60, Y % 3, -1)
    settings = QUICK | {"optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": 300, "random_state": 1}
    both = NetworkClassifier(**settings, reconstruction=0.5).fit(X, labels)
    alone = NetworkClassifier(**settings).fit(X[:60], labels[:60])
    record = both.history_[0]
    assert record["loss"] == pytest.approx(record["target"] + record["reconstruction"], rel=1e-6)
    # The class is a mean over labelled rows, by the scaling of all rows here, of these there.
    share = both.predict_proba(X[:60])
    assert record["target"] == pytest.approx(-np.log(share[np.arange(60), labels[:60]]).mean(), rel=1e-4)
    assert alone.model_.head is None
    assert both.model_.head is not None
    rows = both.model_.decode(both.model_.encode(scaled(both, X)).draws).mean()[0]
    error = np.square(scaled(both, X) - np.asarray(rows)).sum(axis=1).mean()
    assert record["reconstruction"] == pytest.approx(0.5 * error, rel=1e-4)


def test_a_pretrained_decoder_explains_rows_too() -> None:
    base = Autoencoder(3, encoder=(6,), likelihood="bernoulli", scaling="minmax", max_epochs=2).fit(X)
    settings: dict[str, Any] = {"reconstruction": 1.0, "validation_fraction": 0}
    model = NetworkClassifier(pretrained=base, max_epochs=0, frozen_epochs=1, **settings).fit(X, Y)
    assert model.history_[0]["reconstruction"] == pytest.approx(-base.score(X), rel=1e-4)
    np.testing.assert_array_equal(model.transform(X), base.transform(X))


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_an_autoencoder_that_is_not_fitted_yet_explains_rows_too(kind: Any) -> None:
    model = kind(pretrained=isthmus.denoising(2, max_epochs=1), reconstruction=0.1, max_epochs=1).fit(X, Y)
    assert {"reconstruction"} <= set(model.history_[0])
    assert model.pretrained_.n_iter_ == 1


def test_averaged_starts_give_the_mean_of_their_answers(tmp_path: Path) -> None:
    y = X[:, 0] + np.sin(X[:, 1])
    average = NetworkRegressor(**QUICK, n_starts=3, combine="average").fit(X, y)
    seeds = np.random.SeedSequence(0).generate_state(3)
    others = tensors_of(average)["others"]
    assert len(others) == len(seeds) - 1
    best = NetworkRegressor(**QUICK, n_starts=3).fit(X, y)
    means = [each.predict(X) for each in (best, *(with_flat_weights(best, flat) for flat in others))]
    np.testing.assert_allclose(average.predict(X), np.mean(means, axis=0), rtol=1e-5)
    assert np.ptp(means, axis=0).max() > 0.01
    average.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").predict(X), average.predict(X))


def test_a_warm_start_goes_on_from_the_weights_and_keeps_the_scaling() -> None:
    y = Y % 3
    model = NetworkClassifier(**QUICK, warm_start=True).fit(X, y)
    first = model.predict_proba(X)
    model.set_params(max_epochs=0).fit(X[:50] + 100, y[:50])
    np.testing.assert_array_equal(model.predict_proba(X), first)
    model.set_params(max_epochs=20).fit(X, y)
    assert model.score(X, y) > (first.argmax(axis=1) == y).mean()
    with pytest.raises(InvalidData, match=r"^y: expected classes of the fit \(.*\); got 7 \(row "):
        model.fit(X, np.where(y == 2, 7, y))
    with pytest.raises(InvalidPart, match="the network has another shape than that of the last fit"):
        model.set_params(encoder=(7,)).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"reconstruction": -1}, r"^reconstruction must be a number of at least 0\. Got -1\.$"),
        ({"reconstruction": True}, r"^reconstruction must be a number of at least 0\. Got True\.$"),
        ({"combine": "mean"}, r"^combine must be 'best' or 'average'\. Got 'mean'\.$"),
        ({"warm_start": 1}, r"^warm_start must be True or False\. Got 1\.$"),
        ({"class_weight": 3}, r"^class_weight must be None, 'balanced', or a dictionary .*\. Got 3\.$"),
    ],
)
def test_settings_that_are_none_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidPart, match=sentence):
        NetworkClassifier(**QUICK | settings).fit(X, Y)


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        ({"a": 1, "b": 2}, r"^class_weight: expected classes of y \(0, 1\); got 'a'\.$"),
        ({1: -2}, r"^class_weight: expected a number from 0 on for 1; got -2\.$"),
        ([{0: 1}, {0: 2}], r"^class_weight does not fit the classes: "),
    ],
)
def test_class_weights_that_fit_no_class_are_refused(weight: Any, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        NetworkClassifier(**QUICK, class_weight=weight).fit(X, Y % 2)


def test_class_weights_and_numbers_of_numpy_are_saved(tmp_path: Path) -> None:
    settings = QUICK | {"max_epochs": np.int64(1), "reconstruction": np.float64(0.1), "batch_size": np.int64(50)}
    for weight in ({0: 1.0, 1: 5.0}, "balanced", None):
        NetworkClassifier(**settings, class_weight=weight).fit(X, Y % 2).save(tmp_path / "m.safetensors")
        again = isthmus.load(tmp_path / "m.safetensors")
        assert again.class_weight == weight
        assert (again.max_epochs, again.reconstruction, again.batch_size) == (1, 0.1, 50)
    y = np.stack([Y % 2, Y % 3], axis=1)
    weights: Any = [{0: 1.0, 1: 2.0}, {0: 1.0, 1: 1.0, 2: 3.0}]
    NetworkClassifier(**settings, class_weight=weights).fit(X, y).save(tmp_path / "m.safetensors")
    assert isthmus.load(tmp_path / "m.safetensors").class_weight == weights


def test_outputs_of_differing_types_keep_them(tmp_path: Path) -> None:
    y = np.stack([np.array(["even", "odd"], object)[Y % 2], (Y % 3).astype(object)], axis=1)
    model = NetworkClassifier(**QUICK).fit(X, y)
    model.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    assert again.predict(X).tolist() == model.predict(X).tolist()
    assert {type(each) for each in again.predict(X)[:, 1]} == {int}
    assert again.score(X, y) == model.score(X, y)


def test_every_start_goes_its_own_way_after_the_head_alone() -> None:
    base = Autoencoder(3, encoder=(6,), max_epochs=1).fit(X)
    settings: dict[str, Any] = {"pretrained": base, "frozen_epochs": 2, "n_starts": 3, "combine": "average"}
    model = NetworkClassifier(**settings, max_epochs=1, validation_fraction=0).fit(X, Y)
    assert np.abs(tensors_of(model)["others"] - weights_of(model)).max(axis=1).min() > 0.01


def test_averaged_solutions_all_go_on() -> None:
    model = NetworkRegressor(**QUICK, n_starts=2, combine="average", warm_start=True).fit(X, X[:, 0])
    before = model.predict(X)
    np.testing.assert_array_equal(model.set_params(max_epochs=0).fit(X, X[:, 0]).predict(X), before)
    model.set_params(combine="best").fit(X, X[:, 0])
    assert "others" not in tensors_of(model)


def test_a_label_of_minus_one_is_none_where_the_classes_are_known() -> None:
    labels = np.where(np.arange(300) < 200, Y % 2, -1)
    model = NetworkClassifier(**QUICK).fit(X, np.where(labels < 0, -1, labels))
    some = np.flatnonzero(labels != 1)  # of the classes only 0 is there
    right = model.predict(X[some])[labels[some] == 0] == 0
    assert model.score(X[some], labels[some]) == pytest.approx(right.mean())


def test_the_held_out_rows_have_labels_where_rows_are_explained_too() -> None:
    labels = np.where(np.arange(300) < 40, Y % 2, -1)
    few = np.where(np.arange(300) < 4, Y % 2, -1)
    settings = QUICK | {"validation_fraction": 0.1, "reconstruction": 1e-9}
    record = NetworkClassifier(**settings).fit(X, labels).history_[0]
    assert record["validation_loss"] > 0.1  # a log-loss of the class
    assert "validation_loss" not in NetworkClassifier(**settings).fit(X, few).history_[0]


def test_several_outputs_need_every_class() -> None:
    y = np.stack([Y % 2, np.where(np.arange(300) < 5, -1, Y % 3)], axis=1)
    with pytest.raises(InvalidData, match=r"rows without a label \(-1\): every output needs its class"):
        NetworkClassifier(**QUICK).fit(X, y)
