"""Validation rows that a fit is given as a table of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import InvalidData, InvalidPart
from tiny import NAMES, X, Y, autoencoder, weights_of

APART = np.random.default_rng(5).normal(size=(30, 5))


def test_the_validation_loss_is_that_of_these_rows() -> None:
    """Of the one epoch taken, by hand: the mean of the squared errors, in the units of the network."""
    ae = autoencoder(max_epochs=1).fit(X, validation_data=APART)
    assert ae.history_[0]["validation_loss"] == pytest.approx(-ae.score(APART), rel=1e-5)
    assert ae.n_samples_ == 60
    weight = np.arange(30.0)
    weighed = autoencoder(max_epochs=1).fit(X, validation_data=(APART, None, weight))
    mean = -np.average(weighed.score_samples(APART), weights=weight)
    assert weighed.history_[0]["validation_loss"] == pytest.approx(mean, rel=1e-5)


def test_all_rows_of_the_table_are_learned() -> None:
    with_data, without = (autoencoder().fit(X, validation_data=data) for data in (APART, None))
    assert [record["loss"] for record in with_data.history_] == [record["loss"] for record in without.history_]


def test_they_say_when_to_stop_and_which_epoch_is_kept() -> None:
    settings = {"optimizer": "sgd(0.3)", "stops": "patience(2)", "max_epochs": 60}
    ae = autoencoder(**settings).fit(X, validation_data=APART)
    losses = [record["validation_loss"] for record in ae.history_]
    assert ae.history_[-1]["kept"] == np.argmin(losses) + 1
    assert -ae.score(APART) == pytest.approx(min(losses), rel=1e-4)


def test_columns_are_taken_by_name_and_labels_are_those_of_the_fit() -> None:
    frame = pd.DataFrame(APART, columns=NAMES)
    settings: dict[str, Any] = {"penalties": "laplacian(0.1, affinity=same_label)"}
    one = autoencoder(**settings).fit(pd.DataFrame(X, columns=NAMES), Y, validation_data=(frame, Y[:30]))
    other = autoencoder(**settings).fit(pd.DataFrame(X, columns=NAMES), Y, validation_data=(frame[NAMES[::-1]], Y[:30]))
    assert one.history_[-1]["validation_loss"] == other.history_[-1]["validation_loss"]
    with pytest.raises(InvalidData, match=r"^validation_data has no labels, and a part needs them: pass \(X, y\)\.$"):
        autoencoder(**settings).fit(X, Y, validation_data=APART)


def test_supervised_networks_are_judged_by_their_targets() -> None:
    names = np.array(["a", "b", "c"])
    model = isthmus.NetworkClassifier((4,), max_epochs=2)
    model.fit(X, names[Y], validation_data=(APART, names[Y[:30]]))
    share = model.predict_proba(APART)[np.arange(30), Y[:30]]
    assert model.history_[-1]["validation_loss"] == pytest.approx(-np.log(share).mean(), rel=1e-4)
    regressor = isthmus.NetworkRegressor((4,), max_epochs=1).fit(X, 9 * X[:, 0], validation_data=(APART, APART[:, 1]))
    error = ((regressor.predict(APART) - APART[:, 1]) / (9 * X[:, 0]).std()) ** 2
    assert regressor.history_[0]["validation_loss"] == pytest.approx(error.mean(), rel=1e-4)
    ranker = isthmus.NetworkRanker((4,), max_epochs=1)
    ranker.fit(X, Y, np.arange(60) // 6, validation_data=(APART, Y[:30], np.arange(30) // 6))
    assert np.isfinite(ranker.history_[0]["validation_loss"])


def test_of_a_stack_each_layer_and_the_whole_are_judged() -> None:
    stack = isthmus.StackedAutoencoder([autoencoder(bottleneck=3), autoencoder()], max_epochs=1)
    stack.fit(X, validation_data=APART)
    assert all("validation_loss" in fitted.history_[-1] for fitted in (*stack.layers_, stack))
    assert stack.history_[0]["validation_loss"] == pytest.approx(-stack.score(APART), rel=1e-5)


def test_weights_are_those_of_the_epoch_that_is_best_on_them() -> None:
    ae = autoencoder(max_epochs=3)
    kept = ae.fit(X, validation_data=(APART,)).history_[-1]["kept"]
    np.testing.assert_array_equal(weights_of(ae), weights_of(autoencoder(max_epochs=kept).fit(X)))


@pytest.mark.parametrize(
    ("settings", "data", "message"),
    [
        (
            {"validation_fraction": 0.2},
            APART,
            (
                "validation_fraction=0.2 keeps rows of X for validation, and validation_data gives others: leave out "
                "one of them."
            ),
        ),
        ({}, APART[:, :4], "validation_data has 4 columns, and X has 5."),
        ({}, APART[:0], "validation_data holds no rows."),
        (
            {},
            (APART, None, None, 1),
            "validation_data: expected a table, (X, y), or (X, y, sample_weight); got a tuple of 4.",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(settings: Any, data: Any, message: str) -> None:
    with pytest.raises((InvalidData, InvalidPart)) as caught:
        autoencoder(**settings).fit(X, validation_data=data)
    assert str(caught.value) == message


def test_targets_that_are_missing_are_named() -> None:
    with pytest.raises(InvalidData, match=r"^validation_data has no targets: pass \(X, y\)\.$"):
        isthmus.NetworkRegressor(max_epochs=1).fit(X, X[:, 0], validation_data=APART)
    model = isthmus.NetworkClassifier(class_weight={0: 1.0, 1: 1.0, 2: 0.0})
    with pytest.raises(InvalidData, match=r"^validation_data: no row has a label whose class counts\.$"):
        model.fit(X, Y, validation_data=(APART, np.full(30, 2)))


def test_beside_a_neighborhood_they_are_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^validation_data must be None or 0 with a neighborhood"):
        autoencoder(neighborhood="nearest").fit(X, validation_data=APART)
