"""Every check that scikit-learn has for an estimator, none expected to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from isthmus import (
    Autoencoder,
    Imputer,
    NetworkClassifier,
    NetworkRanker,
    NetworkRegressor,
    StackedAutoencoder,
    presets,
)

TINY: dict[str, Any] = {"encoder": (4,), "max_epochs": 3}
QUICK: dict[str, Any] = {"max_epochs": 3, "optimizer": "sgd", "stops": None}  # compiles faster
SMALL: dict[str, Any] = {"encoder": (4,), **QUICK}

# A convolutional autoencoder is not here: the checks try tables of many widths, and its images have one size.
ESTIMATORS = {
    "default": Autoencoder(),
    "top_k": Autoencoder("top_k(3, k=2)", **TINY, likelihood="bernoulli", scaling="minmax", corruption="masking(0.2)"),
    "lbfgs": Autoencoder(1, **TINY, optimizer="lbfgs(3)", n_starts=2, penalties="l1"),
    "sparse": presets.sparse(3, **SMALL),
    "denoising": presets.denoising(1, **SMALL),
    "contractive": presets.contractive(1, **QUICK),
    "k_sparse": presets.k_sparse(3, 1, **QUICK),
    "variational": presets.variational(1, **SMALL),
    "importance_weighted": presets.importance_weighted(1, draws=2, **SMALL),
    "adversarial": presets.adversarial(1, **SMALL),
    "generalized": presets.generalized(1, case="neighbors", **SMALL),
    "embedding": presets.embedding(1, pairs="laplacian", **SMALL),
    "classifier": NetworkClassifier((8,), max_epochs=60, optimizer="adam(0.02)"),
    "regressor": NetworkRegressor((8,), max_epochs=60, optimizer="adam(0.02)"),
    "ranker": NetworkRanker((4,), max_epochs=3, optimizer="sgd(1e-3)", stops=None),
    "imputer": Imputer(Autoencoder(2, **SMALL, corruption="varied_masking")),
    "stacked": StackedAutoencoder([Autoencoder(2, **SMALL), Autoencoder(1, **SMALL)], **QUICK),
}

# Arrays of other libraries than NumPy, and a method that no network has: these checks skip themselves.
NOT_OURS = {"check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"}


VARIANTS = {"top_k", "lbfgs", *(ESTIMATORS.keys() & vars(presets).keys())}
# They are autoencoders with other parts: what looks at tables, names and parameters is the same code for all,
# and tried on `default`. These look at what is computed.
COMPUTED = {
    *(
        "check_dict_unchanged",
        "check_dont_overwrite_attributes",
        "check_estimator_sparse_array",
        "check_fit_idempotent",
    ),
    *("check_estimators_dtypes", "check_estimators_pickle", "check_fit2d_1feature", "check_fit2d_1sample"),
    *("check_methods_sample_order_invariance", "check_methods_subset_invariance", "check_n_features_in"),
    *("check_pipeline_consistency", "check_sample_weight_equivalence_on_dense_data", "check_transformer_general"),
    *("check_estimators_nan_inf", "check_transformer_preserve_dtypes", "check_readonly_memmap_input"),
}


def name_of(check: Any) -> str:
    return getattr(check, "func", check).__name__


CHECKS = [
    pytest.param(estimator, check, id=f"{name}-{name_of(check)}-{number}")
    for name, made in ESTIMATORS.items()
    for number, (estimator, check) in enumerate(estimator_checks_generator(made))
    if name_of(check) not in NOT_OURS and (name not in VARIANTS or name_of(check) in COMPUTED)
]


@pytest.mark.filterwarnings("ignore:a code of . numbers for . columns leaves nothing to learn")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_it_passes_the_check_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_the_checks_are_there() -> None:
    """A list that came out empty would pass above unseen."""
    names = [name_of(check.values[1]) for check in CHECKS]
    assert len(names) > 45 * (len(ESTIMATORS) - len(VARIANTS)) + 14 * len(VARIANTS)
    due = ["check_estimator_sparse_array", "check_sample_weight_equivalence_on_dense_data", "check_n_features_in"]
    for name in [*due, "check_transformer_preserve_dtypes", "check_estimators_pickle", "check_fit_idempotent"]:
        assert names.count(name) >= len(ESTIMATORS)
    assert len(VARIANTS) == 11
