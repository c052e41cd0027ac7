"""Softmax and hinge over classes, against SciPy, scikit-learn and sums by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import hinge_loss, log_loss

from isthmus import InvalidPart
from isthmus.likelihoods import Hinge
from isthmus.likelihoods.categorical import CategoricalOutcome
from isthmus.likelihoods.hinge import HingeOutcome

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(scale=2, size=(2, 30, 4))
CLASSES = RANDOM.integers(0, 4, size=30)
ONE_HOT = np.eye(4)[CLASSES]
SHARES = RANDOM.dirichlet(np.ones(4), size=30)


def hinge(scores: np.ndarray, margin: float = 1.0) -> HingeOutcome:
    return HingeOutcome(jnp.array(scores), jnp.full(scores.shape[:-1], margin))


def test_softmax_has_the_log_loss() -> None:
    with jax.enable_x64(True):
        outcome = CategoricalOutcome(jnp.array(SCORES))
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
