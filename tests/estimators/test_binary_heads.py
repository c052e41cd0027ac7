"""Two classes as one output: p = σ(g) of the second, one loss a row; and support vector machines with ‖w‖²."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import isthmus
from isthmus import Autoencoder, InvalidPart, NetworkClassifier, StackedAutoencoder
from tiny import X, autoencoder, header_of, weight_arrays

Y = np.where(X[:, 0] + 0.3 * X[:, 1] > 0, "yes", "no")
LINEAR: dict[str, Any] = {"encoder": (), "scaling": None, "validation_fraction": 0}
STILL = LINEAR | {"optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": 60}


def score_of(model: NetworkClassifier) -> np.ndarray:
    """Return the one output of an affine network, [n]."""
    arrays = weight_arrays(model)
    assert {name: array.shape for name, array in arrays.items()} == {
        "target.affine.matrix": (5, 1),
        "target.affine.bias": (1,),
    }
    found: np.ndarray = (X @ arrays["target.affine.matrix"] + arrays["target.affine.bias"])[:, 0]
    return found


def test_a_logistic_regression_has_one_output() -> None:
    model = NetworkClassifier(target="bernoulli", **STILL).fit(X, Y)
    g, is_yes = score_of(model), Y == "yes"
    p = 1 / (1 + np.exp(-g))
    np.testing.assert_allclose(model.predict_proba(X), np.column_stack([1 - p, p]), rtol=1e-4)
    due = -np.where(is_yes, np.log(p), np.log(1 - p)).mean()
    assert model.history_[0]["target"] == pytest.approx(due, rel=1e-5)
    assert (model.predict(X) == np.where(g > 0, "yes", "no")).all()


@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_a_binary_hinge_has_one_output(margin: float) -> None:
    model = NetworkClassifier(target=f"binary_hinge({margin})", **STILL).fit(X, Y)
    g, y = score_of(model), np.where(Y == "yes", 1, -1)
    assert model.history_[0]["target"] == pytest.approx(np.maximum(margin - y * g, 0).mean(), rel=1e-5)
    assert (model.predict(X) == np.where(g > 0, "yes", "no")).all()


def test_it_learns_what_scikit_learn_does() -> None:
    model = NetworkClassifier(target="bernoulli", penalties="l2(0.0)", optimizer="lbfgs(50)", max_epochs=6, **LINEAR)
    noisy = np.where(np.random.default_rng(1).random(60) < 0.2, "no", Y)
    model.fit(X, noisy)
    reference = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(X, noisy)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=2e-3)


def test_more_classes_have_an_output_each() -> None:
    three = np.arange(60) % 3
    model = NetworkClassifier(target="bernoulli", **STILL).fit(X, three)
    assert weight_arrays(model)["target.affine.matrix"].shape == (5, 3)
    assert weight_arrays(NetworkClassifier(**STILL).fit(X, Y))["target.affine.matrix"].shape == (5, 2)  # a softmax
    several = np.column_stack([Y == "yes", three])
    both = NetworkClassifier(target="bernoulli", **STILL).fit(X, several)
    shares = both.predict_proba(X)
    assert [share.shape for share in shares] == [(60, 2), (60, 3)]
    np.testing.assert_allclose([share.sum(axis=1) for share in shares], 1, rtol=1e-6)
    assert both.predict(X).shape == (60, 2)


def test_a_file_keeps_it_and_training_goes_on(tmp_path: Path) -> None:
    model = NetworkClassifier(target="bernoulli", **STILL).fit(X, Y)
    assert header_of(model)["facts"]["is_single"] is True
    model.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    again.set_params(warm_start=True).fit(X, Y)
    assert weight_arrays(again)["target.affine.matrix"].shape == (5, 1)


def test_two_outputs_of_a_former_file_go_on_as_two() -> None:
    folder = Path(__file__).parents[1] / "fixtures" / "format_1"
    model = isthmus.load(folder / "classifier_binary_hinge.safetensors")
    before = header_of(model)["facts"]
    assert "is_single" not in before


def test_a_support_vector_machine_has_its_weight_decay() -> None:
    stack = StackedAutoencoder([Autoencoder(4), Autoencoder(2)])
    assert stack.to_classifier("svm").penalties == "weight_decay(0.001, on=target)"
    assert stack.to_classifier("svm", penalties="l1").penalties == "l1"
    assert stack.to_classifier("softmax").penalties == ()


def test_weight_decay_of_the_target_is_that_of_its_head() -> None:
    settings = STILL | {"encoder": (4,)}
    model = NetworkClassifier(penalties="weight_decay(2.0, on=target)", **settings).fit(X, Y)
    due = 2 * np.square(weight_arrays(model)["target.affine.matrix"]).sum()
    assert model.history_[0]["weight_decay"] == pytest.approx(due, rel=1e-5)
    with pytest.raises(InvalidPart) as caught:
        autoencoder(penalties="weight_decay(on=target)").fit(X)
    assert str(caught.value) == (
        "weight_decay(on='target') needs a target, as that of NetworkClassifier: use on='all'."
    )


def test_hinge_and_weight_decay_are_the_machine_of_scikit_learn() -> None:
    """‖w‖² / 2 + C Σ loss over n rows has the minimum of mean loss + ‖w‖² / (2 n C)."""
    noisy = np.where(np.random.default_rng(1).random(60) < 0.2, "no", Y)
    c, n = 0.5, 60
    penalty = f"weight_decay({1 / (2 * n * c)}, on=target)"
    settings = LINEAR | {"optimizer": "sgd(linear(0.3, 0.0, steps=600))", "max_epochs": 600, "batch_size": 60}
    model = NetworkClassifier(target="binary_hinge", penalties=penalty, stops=None, **settings).fit(X, noisy)
    reference = SVC(kernel="linear", C=c, tol=1e-6).fit(X, noisy)
    ours = weight_arrays(model)["target.affine.matrix"][:, 0]
    np.testing.assert_allclose(ours, reference.coef_[0], atol=0.05)
