"""Softmax and hinge over classes, against SciPy, scikit-learn and sums by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import hinge_loss, log_loss

from isthmus import InvalidPart, NetworkClassifier
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.parts.likelihoods import BinaryHinge, Hinge
from isthmus.parts.likelihoods.binary_hinge import BinaryHingeOutcome
from isthmus.parts.likelihoods.categorical import CategoricalOutcome
from isthmus.parts.likelihoods.hinge import HingeOutcome
from tiny import Compiled

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(scale=2, size=(2, 30, 4))
CLASSES = RANDOM.integers(0, 4, size=30)
ONE_HOT = np.eye(4)[CLASSES]
SHARES = RANDOM.dirichlet(np.ones(4), size=30)


def hinge(scores: np.ndarray, margin: float = 1.0) -> Any:
    return Compiled(HingeOutcome(jnp.array(scores), jnp.full(scores.shape[:-1], margin)))


def test_softmax_has_the_log_loss() -> None:
    with jax.enable_x64(True):
        outcome = Compiled(CategoricalOutcome(jnp.array(SCORES)))
        found, shared = (
            np.asarray(outcome.log_prob(jnp.array(ONE_HOT))),
            np.asarray(outcome.log_prob(jnp.array(SHARES))),
        )
        mean = np.asarray(outcome.mean())
    np.testing.assert_allclose(mean, softmax(SCORES, axis=-1), rtol=1e-12)
    assert -found[0].mean() == pytest.approx(log_loss(CLASSES, mean[0]), rel=1e-9)
    np.testing.assert_allclose(shared, (SHARES * log_softmax(SCORES, axis=-1)).sum(axis=-1), rtol=1e-12)


@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_the_hinge_adds_up_over_the_other_classes(margin: float) -> None:
    expected = np.zeros((2, 30))
    for k in range(2):
        for i, right in enumerate(CLASSES):
            for other in set(range(4)) - {int(right)}:
                expected[k, i] += max(0.0, margin + SCORES[k, i, other] - SCORES[k, i, right])
    with jax.enable_x64(True):
        found = np.asarray(hinge(SCORES, margin).log_prob(jnp.array(ONE_HOT)))
    np.testing.assert_allclose(-found, expected, rtol=1e-12, atol=1e-12)


def test_with_two_classes_the_hinge_is_scikit_learns() -> None:
    scores = RANDOM.normal(size=(1, 50, 2))
    right = RANDOM.integers(0, 2, size=50)
    with jax.enable_x64(True):
        found = -np.asarray(hinge(scores).log_prob(jnp.array(np.eye(2)[right])))[0]
    assert found.mean() == pytest.approx(hinge_loss(2 * right - 1, scores[0, :, 1] - scores[0, :, 0]), rel=1e-12)


def test_the_hinges_mean_is_of_the_order_of_its_scores() -> None:
    outcome = hinge(SCORES)
    mean = np.asarray(outcome.mean())
    np.testing.assert_allclose(mean.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(mean.argmax(axis=-1), SCORES.argmax(axis=-1))
    loss = np.stack([-np.asarray(outcome.log_prob(jnp.eye(4)[jnp.full(30, c)])) for c in range(4)], axis=-1)
    np.testing.assert_allclose(mean, softmax(-loss, axis=-1), rtol=1e-4)


def test_a_margin_is_above_zero() -> None:
    with pytest.raises(InvalidPart, match=r"Hinge\.margin must be above 0\. Got 0\.0\."):
        Hinge(0)


@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_the_largest_hinge_is_that_of_the_nearest_wrong_class(margin: float) -> None:
    expected = np.zeros((2, 30))
    for k in range(2):
        for i, right in enumerate(CLASSES):
            wrong = max(SCORES[k, i, other] for other in set(range(4)) - {int(right)})
            expected[k, i] = max(0.0, wrong + margin - SCORES[k, i, right])
    with jax.enable_x64(True):
        outcome = Compiled(HingeOutcome(jnp.array(SCORES), jnp.full((2, 30), margin), "max"))
        found, each = (np.asarray(of(jnp.array(ONE_HOT))) for of in (outcome.log_prob, outcome.log_prob_by_column))
    np.testing.assert_allclose(-found, expected, rtol=1e-12, atol=1e-12)
    assert ((each != 0).sum(axis=-1) <= 1).all()
    if margin == 1:
        assert -found[0].mean() == pytest.approx(hinge_loss(CLASSES, SCORES[0], labels=range(4)), rel=1e-12)


def test_the_largest_hinge_by_hand() -> None:
    outcome = HingeOutcome(jnp.array([[[2.0, 0.5, 1.5]]]), jnp.ones((1, 1)), "max")
    np.testing.assert_array_equal(outcome.log_prob_by_column(jnp.array([[0.0, 1.0, 0.0]])), [[[-2.5, 0, 0]]])
    np.testing.assert_array_equal(outcome.log_prob_by_column(jnp.array([[1.0, 0.0, 0.0]])), [[[0, 0, -0.5]]])
    np.testing.assert_allclose(outcome.mean()[0, 0], softmax([-0.5, -2.5, -1.5]), rtol=1e-6)
    assert Hinge(form="max").build(Row((3,)), partial(affine, 2)).form == "max"


def test_the_binary_hinge_is_scikit_learns_in_every_column() -> None:
    labels = RANDOM.integers(0, 2, size=(30, 4))
    with jax.enable_x64(True):
        outcome = Compiled(BinaryHingeOutcome(jnp.array(SCORES), jnp.ones((2, 30))))
        found = -np.asarray(outcome.log_prob_by_column(jnp.array(labels, float)))
        mean = np.asarray(outcome.mean())
    for k, j in np.ndindex(2, 4):
        expected = hinge_loss(2 * labels[:, j] - 1, SCORES[k, :, j])
        assert found[k, :, j].mean() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(mean > 0.5, SCORES > 0)
    one, zero = np.maximum(1 - SCORES, 0), np.maximum(1 + SCORES, 0)
    np.testing.assert_allclose(mean, np.exp(-one) / (np.exp(-one) + np.exp(-zero)), rtol=1e-9)


def test_the_binary_hinge_by_hand() -> None:
    outcome = BinaryHingeOutcome(jnp.array([[[2.0, 0.5, -0.25]]]), jnp.full((1, 1), 0.5))
    np.testing.assert_array_equal(outcome.log_prob_by_column(jnp.array([[1.0, 0.0, 1.0]])), [[[0, -1.0, -0.75]]])
    assert BinaryHinge().support == (0.0, 1.0)
    with pytest.raises(InvalidPart, match=r"BinaryHinge\.margin must be above 0\. Got -1\.0\."):
        BinaryHinge(-1)


@pytest.mark.parametrize("target", ["hinge(form='max')", "binary_hinge"])
def test_a_classifier_learns_by_it(target: str) -> None:
    x = RANDOM.normal(size=(90, 2)) + 4 * np.eye(3)[np.arange(90) % 3][:, :2]
    model = NetworkClassifier((8,), target=target, max_epochs=30, optimizer="adam(0.02)").fit(x, np.arange(90) % 3)
    assert model.score(x, np.arange(90) % 3) > 0.9
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-6)
