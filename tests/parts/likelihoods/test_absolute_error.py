"""The absolute error: minus the sum of distances, a Laplace distribution with scale 1."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error

from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble
from isthmus.parts.likelihoods import AbsoluteError

ROWS, COLUMNS, WIDTH = 3, 4, 5
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(ROWS, WIDTH))
MATRIX = RANDOM.normal(size=(WIDTH, COLUMNS))
BIAS = RANDOM.normal(size=COLUMNS)
X = RANDOM.normal(size=(ROWS, COLUMNS))


def outcome_of(features: np.ndarray) -> object:
    head = assemble(
        AbsoluteError().build(Row((COLUMNS,)), partial(affine, WIDTH)),
        jnp.array(np.concatenate([MATRIX.ravel(), BIAS])),
    )
    return head(jnp.array(features))


def test_the_log_probability_by_hand() -> None:
    with jax.enable_x64(True):
        outcome = outcome_of(FEATURES)
        center = FEATURES @ MATRIX + BIAS
        np.testing.assert_allclose(outcome.mean(), center, rtol=1e-12)
        np.testing.assert_allclose(outcome.log_prob_by_column(X), -np.abs(X - center), rtol=1e-12)
        np.testing.assert_allclose(outcome.log_prob(X), -np.abs(X - center).sum(axis=1), rtol=1e-12)


def test_one_row_by_mind() -> None:
    outcome = type(outcome_of(FEATURES))(jnp.array([[[1.0, 2.0]], [[4.5, 0.0]]]))
    np.testing.assert_array_equal(outcome.log_prob(jnp.array([[4.0, 2.0]])), [[-3], [-2.5]])


def test_it_is_a_laplace_distribution_up_to_a_constant() -> None:
    center = FEATURES @ MATRIX + BIAS
    with jax.enable_x64(True):
        log_prob_by_column = np.asarray(outcome_of(FEATURES).log_prob_by_column(X))
    np.testing.assert_allclose(
        log_prob_by_column, stats.laplace(loc=center).logpdf(X) + np.log(2), rtol=1e-12, atol=1e-15
    )


def test_a_sample_is_of_that_distribution() -> None:
    outcome = type(outcome_of(FEATURES))(jnp.full((1, 5000, 4), 3.0))
    sample = np.asarray(outcome.sample(jax.random.key(0)), np.float64)
    assert sample.shape == (1, 5000, 4)
    assert stats.kstest(sample.ravel(), stats.laplace(3.0).cdf).pvalue > 1e-3


def test_the_mean_over_rows_and_columns_is_scikit_learns() -> None:
    with jax.enable_x64(True):
        found = -np.asarray(outcome_of(FEATURES).log_prob(X)).mean() / COLUMNS
    assert found == pytest.approx(mean_absolute_error(X, FEATURES @ MATRIX + BIAS), rel=1e-12)
