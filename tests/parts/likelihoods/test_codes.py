"""Codes: a softmax for each column; numbers by hand, masks, and what is refused."""

from __future__ import annotations

from functools import partial
from math import log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from isthmus import InvalidPart
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import draw_weights
from isthmus.parts.likelihoods import Codes
from isthmus.parts.likelihoods.codes import CodesOutcome
from tiny import assembled

RANDOM = np.random.default_rng(0)
LOGIT = RANDOM.normal(size=(2, 3, 4, 5)).astype(np.float32)  # [k, n, codes, d]
X = RANDOM.integers(0, 4, (3, 5)).astype(np.float32)


def built(row: Row, width: int = 6) -> Any:
    skeleton = Codes().build(row, partial(affine, width))
    return assembled(skeleton, draw_weights(skeleton, 0))


def test_the_loss_is_that_of_a_softmax_for_each_column() -> None:
    found = CodesOutcome(jnp.array(LOGIT)).log_prob_by_column(jnp.array(X))
    each = log_softmax(LOGIT.astype(np.float64), axis=2)
    expected = [[[each[k, i, int(X[i, j]), j] for j in range(5)] for i in range(3)] for k in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_is_not_there_costs_nothing() -> None:
    outcome = CodesOutcome(jnp.log(jnp.array([[[[1.0, 1.0], [3.0, 1.0]]]])))  # shares 1/4, 3/4 and 1/2, 1/2
    x = jnp.array([[1.0, jnp.nan]])
    np.testing.assert_allclose(outcome.log_prob(x, ~jnp.isnan(x)), [[log(0.75)]], rtol=1e-6)


def test_the_head_takes_all_numbers_of_the_first_code_first() -> None:
    head = built(Row((2,), categories=(3, 3)))
    features = jnp.array(RANDOM.normal(size=(4, 6)), jnp.float32)
    numbers = np.asarray(head.affine(features))  # [4, 3 · 2]
    np.testing.assert_array_equal(head(features).logit[:, 1, 0], numbers[:, 2])
    np.testing.assert_array_equal(head(features).logit[:, 2, 1], numbers[:, 5])


def test_a_column_with_fewer_codes_never_has_the_others() -> None:
    head = built(Row((2,), categories=(2, 4)))
    outcome = head(jnp.array(RANDOM.normal(size=(200, 6)), jnp.float32))
    share = np.exp(np.asarray(outcome.log_prob_by_column(jnp.array([[1.0, 3.0]] * 200))))
    assert ((share > 0) & (share < 1)).all()
    np.testing.assert_allclose(np.exp(outcome.logit[:, :2, 0]).sum(axis=1), np.exp(outcome.logit[..., 0]).sum(axis=1))
    assert set(np.unique(outcome.sample(jax.random.key(0))[:, 0])) == {0, 1}
    assert set(np.unique(outcome.sample(jax.random.key(0))[:, 1])) == {0, 1, 2, 3}
    assert np.asarray(outcome.mean())[:, 0].max() == 1
    slope = jax.grad(lambda z: jnp.sum(head(z).log_prob(jnp.array([[1.0, 3.0]]))))(jnp.ones((1, 6)))
    assert np.isfinite(slope).all()


def test_samples_have_the_shares_of_the_softmax() -> None:
    shares = np.array([0.1, 0.2, 0.7])
    outcome = CodesOutcome(jnp.broadcast_to(jnp.log(shares)[:, None], (1, 4000, 3, 1)))
    sample = np.asarray(outcome.sample(jax.random.key(0))).ravel()
    found = np.bincount(sample.astype(int), minlength=3) / 4000
    assert (np.abs(found - shares) < 4.5 * np.sqrt(shares * (1 - shares) / 4000)).all()
    assert (np.asarray(outcome.mean()) == 2).all()


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (Row((2,)), "column 0"),
        (Row((2,), columns=("a", "b"), categories=(3, 0)), "column 'b'"),
    ],
)
def test_numbers_are_refused(row: Row, place: str) -> None:
    with pytest.raises(InvalidPart, match=rf"^the likelihood codes explains codes .* and {place} holds numbers: use"):
        Codes().build(row, partial(affine, 4))
