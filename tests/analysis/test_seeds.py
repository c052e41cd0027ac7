"""One estimator by several seeds: each the fit that it would be alone, its mean and deviation those of statistics."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest

from isthmus import AnomalyDetector, InvalidPart, compare_seeds
from tiny import X, autoencoder, weights_of


def test_each_is_the_fit_that_it_would_be_alone() -> None:
    result = compare_seeds(autoencoder(random_state=7), X, seeds=[3, 1], scoring=lambda model: model.score(X))
    assert list(result.scores.index) == list(result.models) == [3, 1]
    for seed, model in result.models.items():
        alone = autoencoder(random_state=seed).fit(X)
        np.testing.assert_array_equal(weights_of(model), weights_of(alone))
        assert result.scores.loc[seed, "score"] == alone.score(X)
        kept = alone.history_[alone.history_[-1]["kept"] - 1]
        assert result.scores.loc[seed, "loss"] == kept["loss"]


def test_the_summary_is_mean_and_deviation_of_a_sample() -> None:
    values = iter([1.0, 2.0, 4.5])
    result = compare_seeds(autoencoder(), X, seeds=3, scoring=lambda model: {"accuracy": next(values)})
    row = result.summary.loc["accuracy"]
    numbers = [1.0, 2.0, 4.5]
    assert row["mean"] == pytest.approx(statistics.mean(numbers))
    assert row["std"] == pytest.approx(statistics.stdev(numbers))
    assert (row["min"], row["max"]) == (1.0, 4.5)
    assert "accuracy  2.5 ± 1.8" in str(result)


@pytest.mark.parametrize(
    ("estimator", "settings", "message"),
    [
        (autoencoder(), {"seeds": 0}, r"^seeds must be how many, from 1 to 1,000, or a list .*\. Got 0\.$"),
        (autoencoder(), {"seeds": [1, 1]}, "^seeds must be"),
        (autoencoder(), {"seeds": "three"}, "^seeds must be"),
        (autoencoder(), {"seeds": 2, "checkpoint": "x"}, "^checkpoint must be None: each seed"),
        (3, {}, "^estimator must be an estimator of isthmus with a random_state"),
    ],
)
def test_what_cannot_be_compared_is_refused(estimator: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart, match=message):
        compare_seeds(estimator, X, **settings)


def test_an_estimator_without_a_loss_needs_a_score() -> None:
    detector = AnomalyDetector(autoencoder(), neighbors=0)
    with pytest.raises(InvalidPart, match=r"^scoring must be a function .* AnomalyDetector has no loss of its own\."):
        compare_seeds(detector, X, seeds=1)
    result = compare_seeds(detector, X, seeds=2, scoring=lambda model: -model.offset_)
    assert list(result.scores.columns) == ["score"]
