"""The squared error: minus the squared distance, a normal distribution with variance 1/2."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_squared_error

from isthmus import Autoencoder, InvalidData
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble
from isthmus.parts.likelihoods import SquaredError

DRAWS, ROWS, COLUMNS, WIDTH = 2, 3, 4, 5
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(ROWS, WIDTH))
MATRIX = RANDOM.normal(size=(WIDTH, COLUMNS))
BIAS = RANDOM.normal(size=COLUMNS)
X = RANDOM.normal(size=(ROWS, COLUMNS))


def outcome_of(features: np.ndarray) -> object:
    head = assemble(
        SquaredError().build(Row((COLUMNS,)), partial(affine, WIDTH)), jnp.array(np.concatenate([MATRIX.ravel(), BIAS]))
    )
    return head(jnp.array(features))


def test_the_log_probability_by_hand() -> None:
    with jax.enable_x64(True):
        outcome = outcome_of(FEATURES)
        center = FEATURES @ MATRIX + BIAS
        np.testing.assert_allclose(outcome.mean(), center, rtol=1e-12)
        np.testing.assert_allclose(outcome.log_prob_by_column(X), -((X - center) ** 2), rtol=1e-12)
        np.testing.assert_allclose(outcome.log_prob(X), -((X - center) ** 2).sum(axis=1), rtol=1e-12)


def test_one_row_by_mind() -> None:
    outcome = type(outcome_of(FEATURES))(jnp.array([[[1.0, 2.0], [0.0, 0.0]], [[4.0, 0.0], [0.5, 0.5]]]))
    x = jnp.array([[4.0, 2.0], [0.0, 1.0]])
    np.testing.assert_array_equal(outcome.log_prob_by_column(x), [[[-9, 0], [0, -1]], [[0, -4], [-0.25, -0.25]]])
    np.testing.assert_array_equal(outcome.log_prob(x), [[-9, -1], [-4, -0.5]])


def test_it_is_a_normal_distribution_up_to_a_constant() -> None:
    center = FEATURES @ MATRIX + BIAS
    density = stats.norm(loc=center, scale=np.sqrt(0.5)).logpdf(X)
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            outcome_of(FEATURES).log_prob_by_column(X), density + 0.5 * np.log(np.pi), rtol=1e-12
        )


def test_a_sample_is_of_that_distribution() -> None:
    outcome = type(outcome_of(FEATURES))(jnp.full((1, 5000, 4), 3.0))
    sample = np.asarray(outcome.sample(jax.random.key(0)), np.float64)
    assert sample.shape == (1, 5000, 4)
    assert stats.kstest(sample.ravel(), stats.norm(3.0, np.sqrt(0.5)).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("likelihood", "bad", "low", "high"),
    [
        ("squared_error(sigmoid)", 1.5, "0", "1"),
        ("absolute_error(output=sigmoid)", -0.1, "0", "1"),
        ("squared_error(output=tanh)", -1.5, "-1", "1"),
        ("squared_error(output=relu)", -0.5, "0", "inf"),
        ("squared_error(output=softplus)", -0.5, "0", "inf"),
    ],
)
def test_an_output_with_a_range_refuses_what_leaves_it(likelihood: str, bad: float, low: str, high: str) -> None:
    x = np.random.default_rng(0).random((30, 3))
    ae = Autoencoder(2, encoder=(4,), likelihood=likelihood, scaling=None, max_epochs=2).fit(x)
    rows = ae.reconstruct(x)
    assert float(low) <= rows.min()
    assert rows.max() <= float(high)
    x[7, 1] = bad
    sentence = (
        rf"column 1 holds {bad:g}, and the likelihood \w+ needs values in \[{low}, {high}\]: use scaling='minmax'"
    )
    with pytest.raises(InvalidData, match=sentence):
        ae.fit(x)


def test_the_mean_over_rows_and_columns_is_scikit_learns() -> None:
    with jax.enable_x64(True):
        found = -np.asarray(outcome_of(FEATURES).log_prob(X)).mean() / COLUMNS
    assert found == pytest.approx(mean_squared_error(X, FEATURES @ MATRIX + BIAS), rel=1e-12)
