"""The Bernoulli distribution: minus the cross-entropy, from logits."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import log_loss

from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble
from isthmus.parts.likelihoods import Bernoulli
from isthmus.parts.likelihoods.bernoulli import BernoulliOutcome

LOGITS = np.random.default_rng(0).normal(scale=3, size=(2, 30, 4))
BITS = np.random.default_rng(1).integers(0, 2, size=(30, 4)).astype(float)
SHARES = np.random.default_rng(2).random(size=(30, 4))


def log_prob_by_column(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(BernoulliOutcome(jnp.array(logits)).log_prob_by_column(jnp.array(x)))


def test_the_head_is_affine() -> None:
    matrix, bias = np.arange(8.0).reshape(2, 4), np.array([0.5, -0.5, 0.0, 1.0])
    head = assemble(Bernoulli().build(Row((4,)), partial(affine, 2)), jnp.array(np.concatenate([matrix.ravel(), bias])))
    features = np.array([[1.0, -1.0], [0.5, 0.0]])
    np.testing.assert_allclose(head(jnp.array(features)).mean(), special.expit(features @ matrix + bias), rtol=1e-5)


def test_bits_have_the_probability_of_scipy() -> None:
    expected = stats.bernoulli(special.expit(LOGITS)).logpmf(BITS)
    np.testing.assert_allclose(log_prob_by_column(LOGITS, BITS), expected, rtol=1e-9, atol=1e-12)


def test_a_row_has_the_loss_of_scikit_learn() -> None:
    for k in range(2):
        found = log_prob_by_column(LOGITS, BITS)[k].sum(axis=-1)
        for n in range(30):
            loss = log_loss(BITS[n], special.expit(LOGITS[k, n]), labels=[0, 1], normalize=False)
            assert found[n] == pytest.approx(-loss, rel=1e-9)


def test_shares_count_as_probabilities() -> None:
    p = special.expit(LOGITS)
    expected = special.xlogy(SHARES, p) + special.xlog1py(1 - SHARES, -p)
    np.testing.assert_allclose(log_prob_by_column(LOGITS, SHARES), expected, rtol=1e-9)
    # The loss is lowest at p = x, where it is the entropy and not zero.
    lowest = log_prob_by_column(special.logit(SHARES), SHARES)
    np.testing.assert_allclose(lowest, -stats.bernoulli(SHARES).entropy(), rtol=1e-9)


def test_absurd_logits_cost_what_they_are_off() -> None:
    logits = jnp.array([[[-1e4, -1e4, 1e4, 1e4]]], jnp.float32)
    x = jnp.array([[0.0, 1.0, 0.0, 1.0]], jnp.float32)
    np.testing.assert_array_equal(BernoulliOutcome(logits).log_prob_by_column(x), [[[0, -1e4, -1e4, 0]]])
    gradient = jax.grad(lambda z: jnp.sum(BernoulliOutcome(z).log_prob(x)))(logits)
    np.testing.assert_array_equal(gradient, [[[0, 1, -1, 0]]])  # x - p


def test_a_sample_holds_bits_of_the_mean() -> None:
    p = np.array([0.1, 0.5, 0.9, 0.99])
    outcome = BernoulliOutcome(jnp.array(np.broadcast_to(special.logit(p), (1, 4000, 4)), jnp.float32))
    np.testing.assert_allclose(outcome.mean()[0, 0], p, rtol=1e-5)
    sample = np.asarray(outcome.sample(jax.random.key(0)))
    assert set(np.unique(sample)) == {0.0, 1.0}
    assert (np.abs(sample[0].mean(axis=0) - p) < 4 * np.sqrt(p * (1 - p) / 4000)).all()


def test_it_explains_values_from_zero_to_one() -> None:
    assert Bernoulli().support == (0.0, 1.0)
