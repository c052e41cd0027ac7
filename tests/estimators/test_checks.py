"""Every check that scikit-learn has for an estimator, but one that wants columns in another order to be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.base import clone
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

TINY: dict[str, Any] = {"encoder": (4,), "max_epochs": 3, "stops": None}
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
    "classifier": NetworkClassifier((8,), max_epochs=3, optimizer="adam(0.02)"),
    "regressor": NetworkRegressor((8,), max_epochs=3, optimizer="adam(0.02)", stops=None),
    "ranker": NetworkRanker((4,), max_epochs=3, optimizer="sgd(1e-3)", stops=None),
    "imputer": Imputer(Autoencoder(2, **SMALL, corruption="varied_masking")),
    "stacked": StackedAutoencoder([Autoencoder(2, **SMALL), Autoencoder(1, **SMALL)], **QUICK),
}

# Arrays of other libraries than NumPy, and a method that no network has: these checks skip themselves. Columns are
# found by their names here, in whatever order they stand.
NOT_OURS = {
    *("check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"),
    "check_dataframe_column_names_consistency",
}


VARIANTS = {"top_k", "lbfgs", *(ESTIMATORS.keys() & vars(presets).keys())}
# They are autoencoders with other parts: what looks at tables, names and parameters is the same code for all,
# and tried on `default`. These look at what is computed of rows and weights.
OF_ROWS = {
    *("check_methods_sample_order_invariance", "check_methods_subset_invariance", "check_fit_idempotent"),
    *("check_sample_weight_equivalence_on_dense_data", "check_estimators_nan_inf"),
}
# These, too, where the code itself is another one.
COMPUTED = OF_ROWS | {
    *("check_dict_unchanged", "check_dont_overwrite_attributes", "check_estimator_sparse_array"),
    *("check_estimators_dtypes", "check_estimators_pickle", "check_fit2d_1feature", "check_fit2d_1sample"),
    *("check_n_features_in", "check_pipeline_consistency", "check_transformer_general"),
    *("check_transformer_preserve_dtypes", "check_readonly_memmap_input"),
}
# They are `default` with a penalty or noise in training, or `top_k`: once fitted they answer by the code that these two
# try with all of `COMPUTED`, so only what depends on how rows and weights were trained is tried on each.
ALIKE = {"sparse", "denoising", "contractive", "k_sparse", "embedding"}
# What asks for accuracy needs more epochs.
ACCURATE = {
    *("check_classifiers_train", "check_classifiers_classes", "check_class_weight_classifiers"),
    *("check_regressors_train", "check_classifiers_one_label_sample_weights"),
}


def name_of(check: Any) -> str:
    return getattr(check, "func", check).__name__


def is_due(name: str, check: str) -> bool:
    if check in NOT_OURS:
        return False
    if name in ALIKE:
        return check in OF_ROWS
    return name not in VARIANTS or check in COMPUTED


def longer(estimator: Any, check: str) -> Any:
    return clone(estimator).set_params(max_epochs=60) if check in ACCURATE else estimator


CHECKS = [
    pytest.param(longer(estimator, name_of(check)), check, id=f"{name}-{name_of(check)}-{number}")
    for name, made in ESTIMATORS.items()
    for number, (estimator, check) in enumerate(estimator_checks_generator(made))
    if is_due(name, name_of(check))
]


@pytest.mark.filterwarnings("ignore:a code of . numbers for . columns leaves nothing to learn")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_it_passes_the_check_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_the_checks_are_there() -> None:
    """A list that came out empty would pass above unseen."""
    names = [name_of(check.values[1]) for check in CHECKS]
    others = VARIANTS - ALIKE
    assert len(names) > 45 * (len(ESTIMATORS) - len(VARIANTS)) + 14 * len(others) + 3 * len(ALIKE)
    for name in ("check_sample_weight_equivalence_on_dense_data", "check_fit_idempotent"):
        assert names.count(name) >= len(ESTIMATORS)
    due = ["check_estimator_sparse_array", "check_n_features_in", "check_transformer_preserve_dtypes"]
    for name in [*due, "check_estimators_pickle"]:
        assert names.count(name) >= len(ESTIMATORS) - len(ALIKE)
    assert (len(VARIANTS), len(ALIKE)) == (11, 5)
