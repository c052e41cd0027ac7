"""What every likelihood keeps: shapes, a sum over columns, a finite value and a true gradient, samples of its mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import InvalidPart, NetworkClassifier, NetworkRanker, NetworkRegressor
from isthmus.contracts import Likelihood, Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs, with_values
from isthmus.core.registry import find_part, part_names
from isthmus.core.spelling import resolve
from tiny import Compiled

ROWS, COLUMNS, WIDTH, STEP = 6, 3, 4, 1e-6
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(ROWS, WIDTH))
SHARES = 0.1 + 0.8 * RANDOM.random(size=(ROWS, COLUMNS))
"""Within [0.1, 0.9]: such rows every likelihood but a ranking explains."""
ORDERS = np.stack([SHARES[:, 0], [0, 0, 0, 1, 1, -1], SHARES[:, 2]], axis=1)
"""Relevance, group and weight: what a ranking explains by one score."""
CODES = Row((COLUMNS,), categories=(2,) * COLUMNS)
NAMES = {"codes"}  # of these the expected row is the most probable one: codes have no mean
TAKES: dict[Any, tuple[str, ...]] = {
    NetworkClassifier: ("bits", "classes"),
    NetworkRegressor: ("numbers", "bits"),
    NetworkRanker: ("order",),
}

every = pytest.mark.parametrize("name", part_names("likelihoods"))


@pytest.fixture
def part(name: str, example: Callable[[Any], Any]) -> Any:
    return example(find_part("likelihoods", name))


@pytest.fixture
def rows(part: Any) -> np.ndarray:
    return ORDERS if part.explains == "order" else SHARES


@pytest.fixture
def given(part: Any) -> int:
    """Return how many numbers explain a row."""
    return 1 if part.explains == "order" else COLUMNS


@pytest.fixture
def head(part: Any, rows: np.ndarray) -> Any:
    row = CODES if part.name in NAMES else Row((COLUMNS,))
    skeleton = part.build(row, partial(affine, WIDTH))
    return assemble(skeleton, with_values(skeleton, draw_weights(skeleton, 0), part.start(row, rows, np.ones(ROWS))))


@every
def test_shapes_and_sums(head: Any, rows: np.ndarray, given: int) -> None:
    @jax.jit
    def explained(features: Any, x: Any) -> Any:
        outcome = jax.tree.map(lambda array: array[None], head(features))
        return outcome.log_prob_by_column(x), outcome.log_prob(x), outcome.mean()

    log_prob_by_column, log_prob, mean = explained(np.float32(FEATURES), np.float32(rows))
    assert log_prob_by_column.shape == mean.shape == (1, ROWS, given)
    np.testing.assert_allclose(log_prob, np.asarray(log_prob_by_column, np.float64).sum(axis=-1), rtol=1e-5)


@every
def test_entries_that_are_not_observed_neither_give_nor_take(head: Any, rows: np.ndarray, given: int) -> None:
    observed = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 4 != 1
    observed[0] = False
    x = jnp.array(np.where(observed, rows, np.nan), jnp.float32)

    def total(features: Any) -> tuple[Any, Any]:
        found = head(features).log_prob_by_column(x, observed)
        return jnp.sum(found), found

    @jax.jit
    def both(features: Any, x: Any, observed: Any) -> Any:
        outcome = head(features)
        return outcome.log_prob_by_column(x, observed), outcome.log_prob(x, observed)

    features, everything = jnp.array(FEATURES, jnp.float32), np.ones(rows.shape, bool)
    gradient, found = jax.jit(jax.grad(total, has_aux=True))(features)
    assert found.shape == (ROWS, given)
    assert np.isfinite(found).all()
    assert np.isfinite(gradient).all()
    assert (np.asarray(found)[~observed.all(axis=1, keepdims=True) if given == 1 else ~observed] == 0).all()
    np.testing.assert_array_equal(gradient[0], 0)
    whole = jnp.array(rows, jnp.float32)
    for masked, plain in zip(both(features, whole, everything), both(features, whole, None), strict=True):
        np.testing.assert_allclose(masked, plain, rtol=1e-4, atol=1e-5)


@every
def test_the_gradient_is_the_slope(head: Any, rows: np.ndarray) -> None:
    with jax.enable_x64(True):
        x = jnp.array(rows)

        @jax.jit
        def total(features: Any) -> Any:
            return jnp.sum(head(features).log_prob(x))

        gradient = jax.jit(jax.grad(total))(jnp.array(FEATURES))
        nudges = STEP * np.eye(FEATURES.size).reshape(-1, *FEATURES.shape)
        ends = np.asarray(jax.jit(jax.vmap(total))(np.concatenate([FEATURES + nudges, FEATURES - nudges])))
    slope = (ends[: FEATURES.size] - ends[FEATURES.size :]) / (2 * STEP)
    np.testing.assert_allclose(gradient, slope.reshape(FEATURES.shape), rtol=1e-6, atol=1e-7)


@every
def test_value_and_gradient_are_finite_for_absurd_features(head: Any, rows: np.ndarray) -> None:
    features = np.array([[1e4] * WIDTH, [-1e4] * WIDTH, [0.0] * WIDTH, [1e4, -1e4] * (WIDTH // 2)], np.float32)
    x = jnp.array(rows[:4], jnp.float32)
    value, gradient = jax.jit(jax.value_and_grad(lambda z: jnp.sum(head(z).log_prob(x))))(features)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", [name for name in part_names("likelihoods") if name not in NAMES])
def test_a_sample_has_the_mean_of_the_outcome(head: Any, given: int) -> None:
    count = 4000
    outcome = Compiled(jax.jit(head.__call__)(np.repeat(FEATURES[:1], count, axis=0).astype(np.float32)))
    sample = np.asarray(outcome.sample(jax.random.key(0)))
    mean = np.asarray(outcome.mean())
    assert sample.shape == mean.shape == (count, given)
    error = sample.std(axis=0) / np.sqrt(count)
    assert (np.abs(sample.mean(axis=0) - mean[0]) < 4.5 * error).all()
    np.testing.assert_array_equal(sample, outcome.sample(jax.random.key(0)))
    assert (sample != np.asarray(outcome.sample(jax.random.key(1)))).any()


@every
def test_the_support_is_a_range(part: Any) -> None:
    low, high = part.support
    assert low <= 0.1 < 0.9 <= high


@every
def test_what_starts_are_slots_and_what_is_fixed_does_start(part: Any, rows: np.ndarray) -> None:
    row = CODES if part.name in NAMES else Row((COLUMNS,))
    found = parameter_specs(part.build(row, partial(affine, WIDTH)))
    start = part.start(row, np.where(rows > 0.8, np.nan, rows), np.arange(ROWS) % 3 + 0.0)
    assert {path for path, spec in found.items() if spec.is_fixed} <= set(start) <= set(found)
    for path, value in start.items():
        assert np.isfinite(value).all()
        assert np.broadcast_shapes(value.shape, found[path].shape) == found[path].shape


@every
def test_a_head_holds_numbers_only(head: Any) -> None:
    """They are data to the compiler; what else it is made of must be static."""
    assert {np.asarray(leaf).dtype.kind for leaf in jax.tree.leaves(head)} == {"f"}


@every
def test_it_says_what_it_explains_and_what_it_explains_says_who_takes_it(part: Any) -> None:
    for estimator, takes in TAKES.items():
        if part.explains in takes:
            estimator(target=part).check_parameters()
        else:
            with pytest.raises(InvalidPart, match=r"^target must be "):
                estimator(target=part).check_parameters()


def test_what_the_likelihoods_of_the_library_explain() -> None:
    ours = [n for n in part_names("likelihoods") if find_part("likelihoods", n).__module__.startswith("isthmus.")]
    spellings = [
        *ours,
        "squared_error(sigmoid)",
        "absolute_error(sigmoid)",
        "squared_error(tanh)",
    ]
    explained: dict[str, set[str]] = {}
    for each in spellings:
        explained.setdefault(resolve(Likelihood, each).explains, set()).add(each)
    assert explained == {
        "numbers": {"absolute_error", "gaussian", "histogram", "mixture", "squared_error", "squared_error(tanh)"},
        "bits": {"bernoulli", "binary_hinge", "squared_error(sigmoid)", "absolute_error(sigmoid)"},
        "classes": {"categorical", "hinge"},
        "categories": {"codes", "columns"},
        "order": {"listwise", "pairwise"},
    }
