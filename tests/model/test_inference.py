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
