"""Inference: what is missing is expected given what is there."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from isthmus.contracts import Likelihood, Row
from isthmus.core.parameter_specs import as_data, draw_weights, parameter_specs, with_values
from isthmus.core.spelling import resolve
from isthmus.distributions.normal import deviation_of
from isthmus.model import inference
from isthmus.model.model import Model, build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic

MEAN = np.array([1.0, -2.0, 0.5])
FACTOR = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [-1.0, 0.5, 0.0]])  # slopes below the diagonal, σ near 1 on it
X = np.array([[2.0, np.nan, np.nan], [np.nan, np.nan, np.nan], [np.nan, -1.0, 3.0], [0.0, 1.0, 2.0]], np.float32)


def model_of(likelihood: str, **values: np.ndarray) -> tuple[Model, np.ndarray]:
    """Return a model whose head gives the same distribution for every row: its matrices are 0."""
    row = Row((3,), may_be_missing=True, is_table=True)
    skeleton = build(row, MLP(()), Deterministic(1), MLP(()), resolve(Likelihood, likelihood))
    zeros = {path: np.zeros(spec.shape) for path, spec in parameter_specs(skeleton).items()}
    named = {path.replace("__", "."): value for path, value in values.items()}
    assert set(named) <= set(zeros)
    return skeleton, with_values(skeleton, draw_weights(skeleton, 0), zeros | named)


def expectation(likelihood: str, **values: np.ndarray) -> np.ndarray:
    skeleton, weights = model_of(likelihood, **values)
    trust, no_categories = np.ones(3, np.float32), np.zeros(0, np.float32)
    found: Any = inference.expectation_and_uncertainty(
        weights, as_data(skeleton), X, jax.random.key(0), trust, no_categories
    )[0]
    return np.asarray(found)


def test_a_normal_row_is_expected_given_what_is_there_by_the_schur_complement() -> None:
    found = expectation("gaussian(full)", head__mean__bias=MEAN, head__factor__bias=FACTOR.ravel())
    deviation = float(deviation_of(np.float32(0.0), 1e-3))  # type: ignore[arg-type]
    root = np.linalg.inv(np.eye(3) - FACTOR) * deviation
    covariance = root @ root.T
    expected = np.where(np.isnan(X), MEAN, X)
    a, b, c = [0], [1, 2], [1, 2]
    expected[0, b] = MEAN[b] + (
        covariance[np.ix_(b, a)] @ np.linalg.inv(covariance[np.ix_(a, a)]) @ (X[0, a] - MEAN[a])
    )
    expected[2, a] = MEAN[a] + (
        covariance[np.ix_(a, c)] @ np.linalg.inv(covariance[np.ix_(c, c)]) @ (X[2, c] - MEAN[c])
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[0].tolist() == pytest.approx([2.0, 0.0, 0.5], abs=1e-4)  # −2 + 2 · 1, and 0.5 − 1 + 0.5 · 2


def test_columns_by_themselves_are_expected_as_ever() -> None:
    found = expectation("gaussian", head__mean__bias=MEAN)
    np.testing.assert_allclose(found, np.where(np.isnan(X), MEAN, X), rtol=1e-6)


def linear(columns: int, size: int) -> tuple[Model, np.ndarray, np.ndarray]:
    """Return a linear model with its weights, and a block of rows."""
    skeleton = build(Row((columns,)), MLP(()), Deterministic(size), MLP(()), resolve(Likelihood, "squared_error"))
    rows = np.random.default_rng(1).normal(size=(inference.BLOCK, columns)).astype(np.float32)
    return as_data(skeleton), draw_weights(skeleton, 0), rows


@pytest.mark.parametrize("count", [1, inference.FEW, inference.FEW + 1, inference.BLOCK])
def test_no_more_rows_are_computed_than_count(count: int) -> None:
    skeleton, weights, rows = linear(4, 3)
    expected = rows @ weights[:12].reshape(4, 3) + weights[12:15]
    computed = -(-count // inference.FEW) * inference.FEW
    found = np.asarray(inference.encode(weights, skeleton, rows, count=np.int32(count)))
    np.testing.assert_allclose(found[:computed], expected[:computed], rtol=1e-4, atol=1e-6)
    assert not found[computed:].any()


def test_both_arrays_of_rows_are_taken_few_at_a_time() -> None:
    skeleton, weights, rows = linear(4, 3)
    cells = rows[::-1].copy()
    back = np.asarray(inference.reconstruct(weights, skeleton, rows))
    found = np.asarray(inference.explain_as(weights, skeleton, rows, cells, count=np.int32(inference.BLOCK)))
    np.testing.assert_allclose(found, -((cells - back) ** 2), rtol=1e-4, atol=1e-5)


def test_a_wide_network_computes_whole_blocks() -> None:
    skeleton, weights, rows = linear(400, 300)
    assert weights.size > inference.NARROW
    found = np.asarray(inference.encode(weights, skeleton, rows, count=np.int32(1)))
    expected = rows @ weights[:120_000].reshape(400, 300) + weights[120_000:120_300]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert inference.runs(inference.encode, weights, 512) == 1
    assert inference.runs(inference.encode, weights[:100], 512) == 512 / inference.FEW
    assert inference.runs(inference.draw, weights[:100], 512) == 1


def test_each_block_has_noise_of_its_own() -> None:
    rows = [np.zeros((inference.BLOCK + 1, 2), np.float32), np.zeros((3, 2), np.float32)]

    def draw(block: np.ndarray, key: jax.Array) -> jax.Array:
        return jax.random.normal(key, block.shape)

    key = jax.random.key(5)
    found = list(inference.blockwise_with_noise(draw, iter(rows), key, iter([7, 1, 4])))
    assert [len(block) for block in found] == [inference.BLOCK, 1, 3]
    for block, number in zip(found, (7, 1, 4), strict=True):
        own = jax.random.normal(jax.random.fold_in(key, number), (inference.BLOCK, 2))
        np.testing.assert_array_equal(block, own[: len(block)])
