"""Numbers and codes in one row: each its own loss, balanced by what the marginal distribution costs."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import draw_weights, parameter_specs, with_values
from isthmus.parts.likelihoods import Columns
from tiny import assembled

ROW = Row((5,), categories=(3, 0, 2, 0, 9), may_be_missing=True, is_table=True)
WIDTH, ROWS = 4, 7
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(ROWS, WIDTH)).astype(np.float32)
X = np.stack(
    [np.arange(7) % 3, RANDOM.normal(size=7), np.arange(7) % 2, RANDOM.normal(size=7), np.arange(7) + 1.0], axis=1
).astype(np.float32)


def built(part: Any, start: dict[str, np.ndarray] | None = None) -> tuple[Any, Any]:
    skeleton = part.build(ROW, partial(affine, WIDTH))
    values = {"scale": np.ones(5)} if start is None else start
    head = assembled(skeleton, with_values(skeleton, draw_weights(skeleton, 0), values))
    return head, head(jnp.array(FEATURES))


def logits(head: Any) -> dict[int, np.ndarray]:
    """Return the logits of each column of codes as its head's layout says: groups of 2, of 4, of 16."""
    flat = np.asarray(head.codes(jnp.array(FEATURES)), np.float64)
    assert flat.shape == (ROWS, 2 + 4 + 16)
    return {2: flat[:, :2], 0: flat[:, 2:5], 4: flat[:, 6:15]}


def test_each_column_has_its_own_loss() -> None:
    head, outcome = built(Columns())
    found = np.asarray(outcome.log_prob_by_column(jnp.array(X)))
    center = np.asarray(head.numbers(jnp.array(FEATURES)).mean(), np.float64)
    due = np.empty((ROWS, 5))
    due[:, [1, 3]] = -((X[:, [1, 3]] - center) ** 2)
    for column, logit in logits(head).items():
        due[:, column] = scipy.special.log_softmax(logit, axis=1)[np.arange(ROWS), X[:, column].astype(int)]
    np.testing.assert_allclose(found, due, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outcome.log_prob(jnp.array(X)), due.sum(axis=1), rtol=1e-5)


def test_the_mean_is_the_most_probable_code() -> None:
    head, outcome = built(Columns())
    found = np.asarray(outcome.mean())
    np.testing.assert_array_equal(found[:, [1, 3]], head.numbers(jnp.array(FEATURES)).mean())
    shares = outcome.shares()
    assert set(shares) == {0, 2, 4}
    for column, logit in logits(head).items():
        np.testing.assert_array_equal(found[:, column], logit.argmax(axis=1))
        np.testing.assert_allclose(shares[column], scipy.special.softmax(logit, axis=1), rtol=1e-5, atol=1e-7)


def test_samples_are_codes_as_often_as_they_are_probable() -> None:
    skeleton = Columns().build(ROW, partial(affine, WIDTH))
    head = assembled(skeleton, with_values(skeleton, draw_weights(skeleton, 0), {"scale": np.ones(5)}))
    count = 6000
    outcome = head(jnp.array(np.repeat(FEATURES[:1], count, axis=0)))
    sample = np.asarray(outcome.sample(jax.random.key(0)))
    for column, share in outcome.shares().items():
        expected = np.asarray(share[0], np.float64)
        found = np.bincount(sample[:, column].astype(int), minlength=len(expected))
        assert scipy.stats.chisquare(found, count * expected / expected.sum()).pvalue > 1e-4
    numbers = np.asarray(outcome.mean())[0, [1, 3]]
    assert (np.abs(sample[:, [1, 3]].mean(axis=0) - numbers) < 4.5 * np.sqrt(0.5 / count)).all()


def test_doubt_is_the_chance_of_another_code() -> None:
    _, outcome = built(Columns())
    assert np.isnan(outcome.uncertainty()[:, [1, 3]]).all()  # a squared error tells no deviation
    head, outcome = built(Columns("gaussian"))
    uncertainty = np.asarray(outcome.uncertainty())
    np.testing.assert_allclose(
        uncertainty[:, [1, 3]], np.sqrt(np.asarray(head.numbers(jnp.array(FEATURES)).variance()))
    )
    for column, share in outcome.shares().items():
        np.testing.assert_allclose(uncertainty[:, column], 1 - np.asarray(share).max(axis=1), rtol=1e-5)


def test_probabilities_are_pulled_towards_shares() -> None:
    """They are pᵃ s¹⁻ᵃ over their sum: with a = 0 the shares, with a = 1 the probabilities to the bit; numbers stay."""
    head, outcome = built(Columns())
    trust, flat = np.array([0.25, 0.5, 0.0, 0.3, 1.0]), np.linspace(1, 2, 14)
    pulled = outcome.toward_shares(jnp.array(trust), jnp.log(flat))
    np.testing.assert_array_equal(pulled.mean()[:, [1, 3]], outcome.mean()[:, [1, 3]])
    for column, start in ((0, 0), (2, 3), (4, 5)):
        before = scipy.special.softmax(logits(head)[column], axis=1)
        due = before ** trust[column] * flat[start : start + before.shape[1]] ** (1 - trust[column])
        found = pulled.shares()[column]
        np.testing.assert_allclose(found, due / due.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(pulled.shares()[4], outcome.shares()[4])


WEIGHT = np.array([1.0, 1, 1, 1, 2, 0, 2])


def test_the_balance_is_what_the_marginal_distributions_cost() -> None:
    """By hand, with weights and holes: the entropy of the shares, the variance of the numbers."""
    x = X.copy()
    x[1] = np.nan
    x[:, 4] = 3.0
    start = Columns().start(ROW, x, WEIGHT)["scale"]
    # Column 0 holds 0 2 0 1 . 0 with weights 1 1 1 2 0 2: shares 4/7, 2/7, 1/7; column 2 holds 0 0 1 0 . 0.
    first = -(4 / 7 * np.log(4 / 7) + 2 / 7 * np.log(2 / 7) + 1 / 7 * np.log(1 / 7))
    second = -(6 / 7 * np.log(6 / 7) + 1 / 7 * np.log(1 / 7))
    there = [0, 2, 3, 4, 6]
    weights = WEIGHT[there]
    numbers = [x[there, column].astype(np.float64) for column in (1, 3)]
    variances = [np.average((v - np.average(v, weights=weights)) ** 2, weights=weights) for v in numbers]
    np.testing.assert_allclose(start, [first, variances[0], second, variances[1], 1.0], rtol=1e-6)


def test_a_model_of_the_marginal_distributions_costs_one_by_column() -> None:
    """Told the shares and the means, whatever the scale of a column, each column of a mean row costs 1."""
    x = np.column_stack([np.arange(40) % 3 % 2, 100 * RANDOM.normal(size=40), np.arange(40) % 2, RANDOM.random(40)])
    row = Row((4,), categories=(2, 0, 2, 0))
    part = Columns()
    skeleton = part.build(row, partial(affine, WIDTH))
    shares = [np.bincount(x[:, column].astype(int)) / 40 for column in (0, 2)]
    bias = np.log(np.stack(shares, axis=1)).ravel()  # of a group the first code of every column comes first
    values = part.start(row, x, np.ones(40)) | {
        "numbers.affine.bias": x[:, [1, 3]].mean(axis=0),
        "codes.bias": bias,
        "numbers.affine.matrix": np.zeros(1),
        "codes.matrix": np.zeros(1),
    }
    head = assembled(skeleton, with_values(skeleton, draw_weights(skeleton, 0), values))
    loss = -np.asarray(head(jnp.ones((40, WIDTH))).log_prob_by_column(jnp.array(x, jnp.float32)))
    np.testing.assert_allclose(loss.mean(axis=0), 1, rtol=1e-4)


def test_what_hardly_ever_differs_weighs_at_most_ten_times() -> None:
    x = np.zeros((1000, 2))
    x[0, 0] = 1
    assert Columns().start(Row((2,), categories=(2, 0)), x, np.ones(1000))["scale"].tolist() == [0.1, 1.0]


def test_without_balance_the_loss_is_the_joint_density() -> None:
    part = Columns("gaussian", balanced=False)
    np.testing.assert_array_equal(part.start(ROW, X, np.ones(ROWS))["scale"], 1)
    head, outcome = built(part)
    numbers = head.numbers(jnp.array(FEATURES))
    density = scipy.stats.norm(np.asarray(numbers.mean()), np.sqrt(np.asarray(numbers.variance())))
    due = density.logpdf(X[:, [1, 3]]).sum(axis=1)
    for column, logit in logits(head).items():
        due += scipy.special.log_softmax(logit, axis=1)[np.arange(ROWS), X[:, column].astype(int)]
    np.testing.assert_allclose(outcome.log_prob(jnp.array(X)), due, rtol=1e-4)


@pytest.mark.parametrize("numbers", ["squared_error", "absolute_error", "gaussian('full')", "histogram"])
def test_a_missing_cell_changes_nothing_whatever_it_holds(numbers: str) -> None:
    part = Columns(numbers)
    _, outcome = built(part, part.start(ROW, X, np.ones(ROWS)))
    observed = RANDOM.random(X.shape) < 0.6
    one = outcome.log_prob_by_column(jnp.where(observed, X, 0), observed)
    other = outcome.log_prob_by_column(jnp.where(observed, X, 7), observed)
    np.testing.assert_array_equal(one, other)
    assert (np.asarray(one)[~observed] == 0).all()
    assert np.isfinite(one).all()


def test_numbers_alone_and_codes_alone_are_rows_too() -> None:
    for codes, paths in ((None, {"numbers.affine.matrix"}), ((2, 5), {"codes.matrix"})):
        row = Row((2,), categories=codes)
        found = parameter_specs(Columns().build(row, partial(affine, WIDTH)))
        assert {path for path in found if path.endswith("matrix")} == paths


def test_the_absolute_error_is_balanced_by_the_deviation_from_the_median() -> None:
    x = np.array([[0.0], [1.0], [5.0], [np.nan]])
    assert Columns("absolute_error").start(Row((1,)), x, np.ones(4))["scale"].tolist() == [5 / 3]
