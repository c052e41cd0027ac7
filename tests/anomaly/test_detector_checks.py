"""Every check that scikit-learn has for an outlier detector, none expected to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from isthmus import AnomalyDetector, Autoencoder

SMALL = Autoencoder(1, encoder=(4,), max_epochs=3, optimizer="sgd", stops=None)
DETECTORS = {"near": AnomalyDetector(SMALL, neighbors=5), "error": AnomalyDetector(SMALL, neighbors=0)}
NOT_OURS = {"check_array_api_input"}  # arrays of other libraries than NumPy


def name_of(check: Any) -> str:
    return getattr(check, "func", check).__name__


CHECKS = [
    pytest.param(estimator, check, id=f"{name}-{name_of(check)}-{number}")
    for name, made in DETECTORS.items()
    for number, (estimator, check) in enumerate(estimator_checks_generator(made))
    if name_of(check) not in NOT_OURS
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_it_passes_the_check_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_the_checks_are_there() -> None:
    names = [name_of(check.values[1]) for check in CHECKS]
    assert len(names) > 45 * len(DETECTORS)
    for name in ("check_outliers_train", "check_outliers_fit_predict", "check_sample_weight_equivalence_on_dense_data"):
        assert names.count(name) >= len(DETECTORS)
