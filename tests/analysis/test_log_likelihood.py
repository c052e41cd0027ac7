"""The evidence of rows, on a model where it is known: x = z W + b + noise is N(b, WᵀW + σ²)."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from isthmus import Autoencoder
from isthmus.analysis.log_likelihood import log_likelihood
from isthmus.contracts import Batch
from isthmus.errors import InvalidPart
from isthmus.parts.optimizers import Sgd
from isthmus.training.objective import Plan, loss
from tiny import weight_arrays, with_weights

RANDOM = np.random.default_rng(0)
ROWS, COLUMNS, SIZE = 16, 4, 2
LOADINGS, CENTER, DEVIATION = RANDOM.normal(size=(SIZE, COLUMNS)), RANDOM.normal(size=COLUMNS), 0.7
COVARIANCE = LOADINGS.T @ LOADINGS + DEVIATION**2 * np.eye(COLUMNS)
MODEL = stats.multivariate_normal(CENTER, COVARIANCE)
X = MODEL.rvs(ROWS, random_state=1)
EXACT = MODEL.logpdf(X)

POSTERIOR_COVARIANCE = np.linalg.inv(np.eye(SIZE) + LOADINGS @ LOADINGS.T / DEVIATION**2)
TO_MEAN = LOADINGS.T @ POSTERIOR_COVARIANCE / DEVIATION**2
"""The posterior of a row is N((x − b) TO_MEAN, POSTERIOR_COVARIANCE)."""
SHARE, VARIANCE = 0.8, 2.0 * np.diag(POSTERIOR_COVARIANCE)
"""That of the model is another: its mean is too small, its variance too large and without correlation."""


@functools.cache
def autoencoder(bottleneck: str) -> Autoencoder:
    """Return the model with its weights put in by hand."""
    ae = Autoencoder(bottleneck, encoder=(), likelihood="gaussian", scaling=None, max_epochs=0).fit(X)
    spread = np.log(np.expm1(DEVIATION - 1e-3)) - np.log(np.e - 1)
    matrix = SHARE * TO_MEAN
    values = {
        "neck.mean.matrix": matrix,
        "neck.mean.bias": -CENTER @ matrix,
        "neck.log_variance.matrix": np.zeros((COLUMNS, SIZE)),
        "neck.log_variance.bias": 20 * np.arctanh(np.log(VARIANCE) / 20),
        "head.mean.matrix": LOADINGS,
        "head.mean.bias": CENTER,
        "head.spread": np.full(COLUMNS, spread),
    }
    assert {name: array.shape for name, array in weight_arrays(ae).items()} == {k: v.shape for k, v in values.items()}
    model: Autoencoder = with_weights(ae, values)
    return model


def bound(bottleneck: str, seeds: int) -> tuple[float, float]:
    """Return the mean over seeds of the bound that is maximised in training, a mean over rows, and its error."""
    ae = autoencoder(bottleneck)
    batch = Batch(jnp.array(X, jnp.float32), jnp.ones(ROWS))

    @jax.jit
    @jax.vmap
    def one(key: Any) -> Any:
        return loss(ae.model_, Plan(None, (), Sgd()), batch, jnp.int32(0), key)[0]

    found = -np.asarray(one(jax.random.split(jax.random.key(0), seeds)), np.float64)
    return found.mean(), found.std() / np.sqrt(seeds)


def importance_error(draws: int) -> np.ndarray:
    """Return the standard error of each row's estimate from so many draws, from NumPy's own."""
    mean, deviation = SHARE * (X - CENTER) @ TO_MEAN, np.sqrt(VARIANCE)
    z = mean + deviation * RANDOM.normal(size=(draws, ROWS, SIZE))
    log_p = stats.norm(z @ LOADINGS + CENTER, DEVIATION).logpdf(X).sum(axis=-1) + stats.norm.logpdf(z).sum(axis=-1)
    weights = np.exp(log_p - stats.norm(mean, deviation).logpdf(z).sum(axis=-1))
    return weights.std(axis=0) / weights.mean(axis=0) / np.sqrt(draws)


def test_bounds_rise_with_the_draws_to_the_exact_evidence() -> None:
    mean, exact_mean = SHARE * (X - CENTER) @ TO_MEAN, (X - CENTER) @ TO_MEAN
    precision = np.linalg.inv(POSTERIOR_COVARIANCE)
    gap = np.einsum("ni,ij,nj->n", exact_mean - mean, precision, exact_mean - mean) + np.diag(precision) @ VARIANCE
    gap += np.log(np.linalg.det(POSTERIOR_COVARIANCE) / VARIANCE.prod()) - SIZE
    elbo = EXACT.mean() - 0.5 * gap.mean()  # the KL to the exact posterior is what the bound lacks

    variational, variational_error = bound("variational(2)", 4000)
    assert variational == pytest.approx(elbo, abs=4.5 * variational_error)
    one, one_error = bound("importance_weighted(2, draws=1)", 4000)
    assert one == pytest.approx(elbo, abs=4.5 * one_error)
    five, five_error = bound("importance_weighted(2, draws=5)", 2000)
    fifty, fifty_error = bound("importance_weighted(2, draws=50)", 500)
    assert elbo < five - 4.5 * five_error
    assert five + 4.5 * five_error < fifty - 4.5 * fifty_error
    assert fifty + 4.5 * fifty_error < EXACT.mean()
    assert EXACT.mean() - fifty < 0.1 * (EXACT.mean() - elbo)


@pytest.mark.parametrize("bottleneck", ["variational(2)", "importance_weighted(2)"])
def test_many_draws_come_to_the_exact_evidence_of_every_row(bottleneck: str) -> None:
    found = log_likelihood(autoencoder(bottleneck), X)
    error = importance_error(5000)
    assert error.max() < 0.05
    assert (np.abs(found - EXACT) < 4.5 * error + 1e-4).all()
    assert found.mean() == pytest.approx(EXACT.mean(), abs=4.5 * np.sqrt((error**2).sum()) / ROWS + 1e-4)


def test_few_draws_are_just_so_many() -> None:
    """The mean over seeds is the bound of 11 draws, where 8 and then 3 are decoded at once."""
    ae = autoencoder("importance_weighted(2, draws=11)")
    rows = np.tile(X, (75, 1))  # 1,200 rows in blocks of 512, each with noise of its own
    found = log_likelihood(ae, rows, draws=11).reshape(75, ROWS).astype(np.float64)
    assert np.unique(found[:, 0]).size > 70
    expected, error = bound("importance_weighted(2, draws=11)", 1000)
    own = found.mean(axis=1).std() / np.sqrt(75)
    assert max(own, error) < 0.02
    assert found.mean() == pytest.approx(expected, abs=4.5 * np.hypot(own, error))


def test_the_same_seed_gives_the_same_numbers() -> None:
    ae = autoencoder("variational(2)")
    first, again, other = (log_likelihood(ae, X, draws=500, random_state=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert first.shape == (ROWS,)


def test_improbable_rows_have_a_finite_evidence() -> None:
    found = log_likelihood(autoencoder("variational(2)"), 1e4 * X, draws=500)
    assert np.isfinite(found).all()
    assert (found < -1e6).all()


def test_a_code_that_is_a_point_is_refused() -> None:
    ae = Autoencoder(2, encoder=(), max_epochs=0).fit(X)
    with pytest.raises(InvalidPart) as caught:
        log_likelihood(ae, X)
    assert str(caught.value) == (
        "log_likelihood needs a code that is a distribution, and that of this model is a point: use "
        "bottleneck='variational(…)' or 'importance_weighted(…)'."
    )


@pytest.mark.parametrize("draws", [0, 2.5, True, "many"])
def test_draws_that_cannot_be_are_refused(draws: Any) -> None:
    with pytest.raises(InvalidPart) as caught:
        log_likelihood(autoencoder("variational(2)"), X, draws=draws)
    assert str(caught.value) == f"draws must be a whole number of at least 1. Got {draws!r}."
