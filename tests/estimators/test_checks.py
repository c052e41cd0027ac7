"""Every check that scikit-learn has for an estimator, none expected to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from isthmus import Autoencoder

TINY: dict[str, Any] = {"encoder": (4,), "max_epochs": 3}

AUTOENCODERS = {
    "default": Autoencoder(),
    "top_k": Autoencoder("top_k(3, k=2)", **TINY, likelihood="bernoulli", scaling="minmax", corruption="masking(0.2)"),
    "lbfgs": Autoencoder(1, **TINY, optimizer="lbfgs(3)", n_starts=2, penalties="l1"),
}

NOT_OURS = {"check_array_api_input"}  # arrays of other libraries than NumPy; it skips itself


def name_of(check: Any) -> str:
    return getattr(check, "func", check).__name__


CHECKS = [
    pytest.param(estimator, check, id=f"{name}-{name_of(check)}-{number}")
    for name, autoencoder in AUTOENCODERS.items()
    for number, (estimator, check) in enumerate(estimator_checks_generator(autoencoder))
    if name_of(check) not in NOT_OURS
]


@pytest.mark.filterwarnings("ignore:a code of . numbers for . columns leaves nothing to learn")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_it_passes_the_check_of_scikit_learn(estimator: Autoencoder, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_the_checks_are_there() -> None:
    """A list that came out empty would pass above unseen."""
    names = [name_of(check.values[1]) for check in CHECKS]
    assert len(names) > 45 * len(AUTOENCODERS)
    due = ["check_estimator_sparse_array", "check_sample_weight_equivalence_on_dense_data", "check_n_features_in"]
    for name in [*due, "check_transformer_preserve_dtypes", "check_estimators_pickle", "check_fit_idempotent"]:
        assert names.count(name) >= len(AUTOENCODERS)
