"""Where no gradient comes through an activation: refused where layers below it should learn, else computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isthmus import Autoencoder, InvalidPart, NetworkClassifier, StackedAutoencoder

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
CODE = "deterministic(40, activation=threshold)"
SENTENCE = (
    "no gradient comes through the activation threshold, so the layers below it cannot learn: use 'sigmoid' or 'relu', "
    "or max_epochs=0 for a network that is not trained."
)


def untrained(**settings: Any) -> Autoencoder:
    return Autoencoder(CODE, encoder=(), corruption="gaussian", **{"max_epochs": 0} | settings)


@pytest.mark.parametrize(
    "estimator",
    [
        untrained(max_epochs=1),
        NetworkClassifier("mlp((4,), activation=threshold)"),
        NetworkClassifier(pretrained=untrained(), max_epochs=1),
        StackedAutoencoder([untrained(), Autoencoder(2, max_epochs=0)], max_epochs=1),
        Autoencoder("adversarial(2, hidden=(4,))", encoder="mlp((4,), activation=threshold)"),
        NetworkClassifier("hyper('mlp((4,), activation=threshold)')"),
        NetworkClassifier("hyper('mlp((4,))', activation=threshold)"),
    ],
    ids=["autoencoder", "classifier", "pretrained", "stacked", "adversarial", "in a hypernetwork", "of a hypernetwork"],
)
def test_training_through_it_is_refused(estimator: Any) -> None:
    with pytest.raises(InvalidPart) as caught:
        estimator.fit(X, Y)
    assert str(caught.value) == SENTENCE


def test_so_is_one_more_epoch() -> None:
    for ae in (untrained(), untrained().fit(X)):
        with pytest.raises(InvalidPart) as caught:
            ae.partial_fit(X)
        assert str(caught.value) == SENTENCE


def test_untrained_it_computes() -> None:
    ae = untrained().fit(X)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    before = scaled @ np.asarray(ae.model_.neck.affine.matrix) + np.asarray(ae.model_.neck.affine.bias)
    is_clear = np.abs(before) > 1e-5
    np.testing.assert_array_equal(ae.transform(X)[is_clear], (before >= 0)[is_clear])
    assert is_clear.mean() > 0.99


def test_a_head_learns_on_thresholds_at_random() -> None:
    """Nothing below the head is to learn there. The sign of x y is no half-plane; of 40 random ones it can be read."""
    classifier = NetworkClassifier(
        pretrained=untrained(), frozen_epochs=300, max_epochs=0, stops=(), optimizer="adam(0.03)"
    )
    assert classifier.fit(X, Y).score(X, Y) > 0.9
    line = NetworkClassifier((), max_epochs=300, stops=(), optimizer="adam(0.03)").fit(X, Y)
    assert line.score(X, Y) < 0.8
