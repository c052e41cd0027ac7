"""What every likelihood keeps: shapes, a sum over columns, a finite value and a true gradient, samples of its mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.errors import InvalidPart
from isthmus.flow import Row
from isthmus.parts import find, names
from isthmus.weights import affine, assemble, draw

ROWS, COLUMNS, WIDTH, STEP = 6, 3, 4, 1e-6
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(ROWS, WIDTH))
SHARES = 0.1 + 0.8 * RANDOM.random(size=(ROWS, COLUMNS))
"""Within [0.1, 0.9]: such rows every likelihood explains."""
CODES = Row((COLUMNS,), codes=(2,) * COLUMNS)
NAMES = {"codes"}  # of these the expected row is the most probable one: codes have no mean

every = pytest.mark.parametrize("name", names("likelihoods"))


@pytest.fixture
def head(name: str, example: Callable[[Any], Any]) -> Any:
    part, outlet = example(find("likelihoods", name)), partial(affine, WIDTH)
    try:
        skeleton = part.build(Row((COLUMNS,)), outlet)
    except InvalidPart:
        skeleton = part.build(CODES, outlet)
    return assemble(skeleton, draw(skeleton, 0))


@every
def test_shapes_and_sums(head: Any) -> None:
    outcome = jax.tree.map(lambda array: array[None], head(jnp.array(FEATURES, jnp.float32)))
    x = jnp.array(SHARES, jnp.float32)
    by_column, log_prob = outcome.by_column(x), outcome.log_prob(x)
    assert by_column.shape == outcome.mean().shape == (1, ROWS, COLUMNS)
    np.testing.assert_allclose(log_prob, np.asarray(by_column, np.float64).sum(axis=-1), rtol=1e-5)


@every
def test_the_gradient_is_the_slope(head: Any) -> None:
    with jax.enable_x64(True):
        x = jnp.array(SHARES)

        @jax.jit
        def total(features: Any) -> Any:
            return jnp.sum(head(features).log_prob(x))

        gradient = jax.jit(jax.grad(total))(jnp.array(FEATURES))
        nudges = STEP * np.eye(FEATURES.size).reshape(-1, *FEATURES.shape)
        ends = np.asarray(jax.vmap(total)(jnp.array(np.concatenate([FEATURES + nudges, FEATURES - nudges]))))
    slope = (ends[: FEATURES.size] - ends[FEATURES.size :]) / (2 * STEP)
    np.testing.assert_allclose(gradient, slope.reshape(FEATURES.shape), rtol=1e-6, atol=1e-7)


@every
def test_value_and_gradient_are_finite_for_absurd_features(head: Any) -> None:
    features = np.array([[1e4] * WIDTH, [-1e4] * WIDTH, [0.0] * WIDTH, [1e4, -1e4] * (WIDTH // 2)], np.float32)
    x = jnp.array(SHARES[:4], jnp.float32)
    value, gradient = jax.jit(jax.value_and_grad(lambda z: jnp.sum(head(z).log_prob(x))))(features)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", [name for name in names("likelihoods") if name not in NAMES])
def test_a_sample_has_the_mean_of_the_outcome(head: Any) -> None:
    count = 4000
    outcome = head(jnp.array(np.repeat(FEATURES[:1], count, axis=0), jnp.float32))
    sample = np.asarray(outcome.sample(jax.random.key(0)))
    mean = np.asarray(outcome.mean())
    assert sample.shape == mean.shape == (count, COLUMNS)
    error = sample.std(axis=0) / np.sqrt(count)
    assert (np.abs(sample.mean(axis=0) - mean[0]) < 4.5 * error).all()
    np.testing.assert_array_equal(sample, outcome.sample(jax.random.key(0)))
    assert (sample != np.asarray(outcome.sample(jax.random.key(1)))).any()


@every
def test_the_support_is_a_range(name: str, example: Callable[[Any], Any]) -> None:
    low, high = example(find("likelihoods", name)).support
    assert low <= 0.1 < 0.9 <= high
