"""Losses over the order of rows in groups: by hand, and as the papers write them, without weights and with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import permutations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from isthmus import Autoencoder, InvalidPart
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import draw_weights
from isthmus.parts.likelihoods import Listwise, Pairwise
from isthmus.parts.likelihoods.listwise import ListwiseOutcome
from isthmus.parts.likelihoods.pairwise import PairwiseOutcome
from tiny import Compiled, assembled

RANDOM = np.random.default_rng(0)
GROUP = np.array([0, 0, 1, 0, 1, 1, 2, 1, 0])  # the row of group 2 is alone
RELEVANCE = np.array([2.0, 0, 1, 1, 1, 0, 3, 2, 0])
WEIGHT = np.array([1.0, 2, 1, 3, 1, 2, 1, 1, 1])
SCORE = RANDOM.normal(size=(2, 9))
KINDS = ["logistic", "hinge", "listwise"]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def outcome_of(kind: str, score: Any) -> Any:
    score = jnp.asarray(score)[..., None]
    outcome = (
        ListwiseOutcome(score) if kind == "listwise" else PairwiseOutcome(score, jnp.full(score.shape[:2], 0.7), kind)
    )
    return Compiled(outcome)


def target(relevance: np.ndarray, group: np.ndarray, weight: np.ndarray) -> Any:
    return jnp.stack([jnp.asarray(relevance), jnp.asarray(group), jnp.asarray(weight)], axis=1)


@partial(jax.jit, static_argnames="kind")
def loss(kind: str, score: Any, relevance: np.ndarray, group: np.ndarray, weight: np.ndarray) -> Any:
    """Return the loss of each draw, as the objective adds it up: each row by its weight."""
    return -(outcome_of(kind, score).log_prob(target(relevance, group, weight)) @ jnp.array(weight))


def of_a_pair(kind: str, lead: float) -> float:
    return float(np.log1p(np.exp(-lead))) if kind == "logistic" else max(0.0, 0.7 - lead)


@pytest.mark.parametrize("kind", ["logistic", "hinge"])
def test_every_pair_of_a_group_counts_by_both_weights(kind: str) -> None:
    each = np.zeros((2, 9))
    for k in range(2):
        for i, j in permutations(range(9), 2):
            if GROUP[i] == GROUP[j] and RELEVANCE[i] > RELEVANCE[j]:
                each[k, i] += WEIGHT[j] * of_a_pair(kind, SCORE[k, i] - SCORE[k, j])
    found = outcome_of(kind, SCORE).log_prob_by_column(target(RELEVANCE, GROUP, WEIGHT))
    assert found.shape == (2, 9, 1)
    np.testing.assert_allclose(found[..., 0], -each, rtol=1e-12)
    np.testing.assert_allclose(loss(kind, SCORE, RELEVANCE, GROUP, WEIGHT), each @ WEIGHT, rtol=1e-12)


def test_the_first_of_a_list_has_the_cross_entropy_of_two_softmaxes() -> None:
    found = outcome_of("listwise", SCORE).log_prob_by_column(target(RELEVANCE, GROUP, np.ones(9)))[..., 0]
    for group in range(3):
        rows = group == GROUP
        expected = softmax(RELEVANCE[rows]) * log_softmax(SCORE[:, rows], axis=-1)
        np.testing.assert_allclose(found[:, rows], expected, rtol=1e-12, atol=1e-15)


def test_two_rows_by_hand() -> None:
    """s = (2, 0), y = (1, 0): log(1 + e⁻²) for the pair; −p₁ log σ(2) − p₂ log σ(−2), p₁ = σ(1), for the list."""
    arrays = np.array([1.0, 0.0]), np.zeros(2), np.ones(2)
    assert loss("logistic", np.array([[2.0, 0.0]]), *arrays).item() == pytest.approx(0.126928011, abs=1e-9)
    assert loss("hinge", np.array([[0.5, 0.0]]), *arrays).item() == pytest.approx(0.2)
    assert loss("listwise", np.array([[2.0, 0.0]]), *arrays).item() == pytest.approx(0.664810854, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_weight_two_is_the_row_twice(kind: str) -> None:
    again = np.repeat(np.arange(9), WEIGHT.astype(int))
    found = loss(kind, SCORE, RELEVANCE, GROUP, WEIGHT)
    twice = loss(kind, SCORE[:, again], RELEVANCE[again], GROUP[again], np.ones(len(again)))
    np.testing.assert_allclose(found, twice, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_only_fill_up_neither_give_nor_take(kind: str) -> None:
    """A group of −1, a weight of 0, a target that is not there: the others learn as if they were alone."""

    def total(score: Any, *arrays: np.ndarray) -> Any:
        return jnp.sum(loss(kind, score, *arrays))

    more = [np.append(a, b) for a, b in ((RELEVANCE, [9.0, 1.0, 5.0]), (GROUP, [-1, -1, 0]), (WEIGHT, [1.0, 0.0, 0.0]))]
    score = np.concatenate([SCORE, [[40.0, -40, 3], [1, 2, 3]]], axis=1)
    both = jax.jit(jax.value_and_grad(total))
    value, gradient = both(score, *more)
    expected, known = both(SCORE, RELEVANCE, GROUP, WEIGHT)
    assert float(value) == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(gradient[:, :9], known, rtol=1e-12)
    np.testing.assert_array_equal(gradient[:, 9:], 0)
    x = target(np.append(RELEVANCE, np.nan), np.append(GROUP, 0), np.append(WEIGHT, 1))
    outcome = outcome_of(kind, np.append(SCORE, [[5.0], [6.0]], axis=1))
    found = outcome.log_prob(x, ~jnp.isnan(x))
    np.testing.assert_allclose(found[:, :9], outcome_of(kind, SCORE).log_prob(x[:9]), rtol=1e-12)
    np.testing.assert_array_equal(found[:, 9], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_nothing_has_no_loss_and_no_slope(kind: str) -> None:
    for group, weight in ((-1.0, 1.0), (0.0, 0.0)):
        arrays = RELEVANCE, np.full(9, group), np.full(9, weight)
        value, gradient = jax.jit(jax.value_and_grad(lambda s, *arrays: jnp.sum(loss(kind, s, *arrays))))(
            SCORE, *arrays
        )
        assert value == 0
        np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_is_that_of_finite_differences(kind: str) -> None:
    def total(score: Any) -> Any:
        return jnp.sum(loss(kind, score, RELEVANCE, GROUP, WEIGHT))

    way = RANDOM.normal(size=SCORE.shape)
    slope = (total(SCORE + 1e-6 * way) - total(SCORE - 1e-6 * way)) / 2e-6
    assert np.sum(np.asarray(jax.jit(jax.grad(total))(SCORE)) * way) == pytest.approx(float(slope), rel=1e-7)


def test_noisy_scores_order_two_rows_as_the_logistic_model() -> None:
    """P(i before j) = σ(s_i − s_j) (Luce), here σ(1) = 0.731; the mean is the score."""
    outcome = outcome_of("logistic", np.tile([1.0, 0.0], (20_000, 1)))
    noisy = np.asarray(outcome.sample(jax.random.key(0)))[..., 0]
    assert (noisy[:, 0] > noisy[:, 1]).mean() == pytest.approx(0.7310586, abs=4.5 * 0.443 / np.sqrt(20_000))
    np.testing.assert_allclose(noisy.mean(axis=0), [1, 0], atol=4.5 * np.pi / np.sqrt(6 * 20_000))


@pytest.mark.parametrize("part", [Pairwise(), Pairwise("hinge", margin=2.0), Listwise()], ids=str)
def test_one_score_is_learned_for_each_row(part: Any) -> None:
    skeleton = part.build(Row((3,)), partial(affine, 2))
    features = RANDOM.normal(size=(9, 2))
    weights = draw_weights(skeleton, 0)
    outcome = assembled(skeleton, weights)(jnp.array(features))
    np.testing.assert_allclose(outcome.mean(), features @ weights[:2, None] + weights[2], rtol=1e-6)
    x = target(RELEVANCE, GROUP, WEIGHT)
    order = np.array([3, 1, 0, 2, 4, 8, 7, 6, 5])
    by_draw = jax.tree.map(lambda array: array[None], outcome)
    again = jax.tree.map(lambda array: array[None, order], outcome)
    np.testing.assert_allclose(by_draw.log_prob_by_column(x)[:, order], again.log_prob_by_column(x[order]), rtol=1e-9)


@pytest.mark.parametrize("likelihood", ["pairwise", "listwise"])
def test_an_autoencoder_is_not_explained_by_an_order(likelihood: str) -> None:
    sentence = f"the likelihood {likelihood} explains the order of rows and no row: use likelihood='squared_error'."
    with pytest.raises(InvalidPart) as caught:
        Autoencoder(1, likelihood=likelihood).fit(RANDOM.normal(size=(20, 3)))
    assert str(caught.value) == sentence


def test_a_margin_is_above_zero() -> None:
    with pytest.raises(InvalidPart, match=r"Pairwise\.margin must be above 0\. Got 0\.0\."):
        Pairwise("hinge", margin=0)
