"""What every affinity keeps: finite, symmetric, blind to the order of rows and to rows that only fill up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.registry import find_part, part_names

ROWS = 8
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
X[5] = X[2]
LABEL = np.array([0, 1, 2, 0, -1, 2, 1, 0], np.int32)
ONES = np.ones(ROWS, np.float32)

every = pytest.mark.parametrize("name", part_names("affinities"))


@pytest.fixture
def affinity(name: str, example: Callable[[Any], Any]) -> Callable[..., np.ndarray]:
    part = example(find_part("affinities", name))
    compiled = jax.jit(lambda part, x, weight, label: part(x, weight, label))
    return lambda *arguments: np.asarray(compiled(part, *map(jnp.array, arguments)))


@every
def test_it_is_a_finite_symmetric_table_of_at_least_zero(affinity: Callable[..., np.ndarray]) -> None:
    found = affinity(X, ONES, LABEL)
    assert found.shape == (ROWS, ROWS)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    np.testing.assert_allclose(found, found.T, rtol=1e-6)
    assert len(np.unique(found)) > 1


@every
def test_the_order_of_rows_does_not_matter(affinity: Callable[..., np.ndarray]) -> None:
    order = np.random.default_rng(1).permutation(ROWS)
    turned = affinity(X[order], ONES, LABEL[order])
    np.testing.assert_allclose(turned, affinity(X, ONES, LABEL)[order][:, order], rtol=1e-4, atol=1e-5)


@every
def test_rows_that_only_fill_up_have_no_say(affinity: Callable[..., np.ndarray]) -> None:
    filled = np.concatenate([X[:5], [[50.0, 0.0, 0.0]] * 3]).astype(np.float32)
    weight = np.array([1, 2, 0.5, 1, 1, 0, 0, 0], np.float32)
    alone = affinity(X[:5], weight[:5], LABEL[:5])
    np.testing.assert_allclose(affinity(filled, weight, LABEL)[:5, :5], alone, rtol=1e-3, atol=1e-3)


@every
def test_one_row_and_equal_rows_are_finite(affinity: Callable[..., np.ndarray]) -> None:
    for weight in (ONES, np.eye(ROWS, dtype=np.float32)[0], 0 * ONES):
        assert np.isfinite(affinity(np.zeros_like(X), weight, LABEL)).all()
        assert np.isfinite(affinity(X, weight, LABEL)).all()
