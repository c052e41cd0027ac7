"""What rows score: log-densities against truths known in closed form, nothing outside of the support."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isthmus import Autoencoder, log_likelihood
from isthmus.errors import InvalidData
from tiny import NAMES, X, autoencoder, weight_arrays, with_weights

UNIT = (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0))
FRAME = pd.DataFrame({"x": X[:, 0], "c": np.array(list("abbccc"))[np.arange(60) % 6], "y": X[:, 1]})


def same_for_every_code(ae: Autoencoder, **head: Any) -> Autoencoder:
    """Return the model whose decoder answers with its biases, whatever the code; all posteriors are the prior."""
    zero = {
        name: np.zeros_like(array)
        for name, array in weight_arrays(ae).items()
        if name.startswith(("neck", "decoder", "head")) and not name.startswith(("head.edges", "head.scale"))
    }
    model: Autoencoder = with_weights(ae, zero | {f"head.{name}": value for name, value in head.items()})
    return model


def untrained(likelihood: str, table: Any = X, **settings: Any) -> Autoencoder:
    settings = {"bottleneck": "variational(2)", "encoder": (), "scaling": None, "max_epochs": 0} | settings
    return Autoencoder(likelihood=likelihood, **settings).fit(table)


CENTER = np.array([0.3, -0.2, 0.5, 0.1, 0.7])
LOGITS = np.log([0.1, 0.2, 0.3, 0.15, 0.25])
CLASSES = np.eye(5)[np.arange(60) % 5]
OF_ONE, OF_ZERO = np.maximum(1 - CENTER, 0), np.maximum(1 + CENTER, 0)  # hinge losses with a margin of 1
HINGE = np.array([sum(max(0.0, 1 + CENTER[o] - CENTER[c]) for o in range(5) if o != c) for c in range(5)])

TRUTHS: dict[str, tuple[Any, dict[str, Any], Any, float]] = {
    # rows, biases, the log-density by column, and what a score leaves out by column
    "squared_error": (X, {"affine.bias": CENTER}, stats.norm(CENTER, 0.5**0.5).logpdf(X), -0.5 * np.log(np.pi)),
    "absolute_error": (X, {"affine.bias": CENTER}, stats.laplace(CENTER).logpdf(X), -np.log(2)),
    "gaussian": (X, {"mean.bias": CENTER}, stats.norm(CENTER, 1.001).logpdf(X), 0.0),  # a floor of 0.001
    "gaussian(diagonal)": (X, {"mean.bias": CENTER}, stats.norm(CENTER, 1.001).logpdf(X), 0.0),
    "gaussian(full)": (X, {"mean.bias": CENTER}, stats.norm(CENTER, 1.001).logpdf(X), 0.0),
    "bernoulli": (
        (UNIT > 0.5).astype(float),
        {"affine.bias": CENTER},
        stats.bernoulli(1 / (1 + np.exp(-CENTER))).logpmf(UNIT > 0.5),
        0.0,
    ),
    "categorical": (CLASSES, {"affine.bias": LOGITS}, CLASSES * LOGITS, 0.0),
    "binary_hinge": (
        (UNIT > 0.5).astype(float),
        {"affine.bias": CENTER},
        stats.bernoulli(np.exp(-OF_ONE) / (np.exp(-OF_ONE) + np.exp(-OF_ZERO))).logpmf(UNIT > 0.5),
        0.0,
    ),
    "hinge": (CLASSES, {"affine.bias": CENTER}, CLASSES * np.log(np.exp(-HINGE) / np.exp(-HINGE).sum()), 0.0),
}


@pytest.mark.parametrize("likelihood", TRUTHS)
def test_scores_and_evidence_are_log_densities(likelihood: str) -> None:
    """The decoder does not look at the code, so that p(x | z) = p(x)."""
    rows, biases, by_column, left_out = TRUTHS[likelihood]
    ae = same_for_every_code(untrained(likelihood, rows), **biases)
    due = by_column.sum(axis=1)
    np.testing.assert_allclose(ae.score_samples(rows), due - 5 * left_out, rtol=1e-4)
    np.testing.assert_allclose(log_likelihood(ae, rows, draws=3), due, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 3.0])
def test_a_histogram_scores_its_own_density_however_it_is_smoothed(smoothing: float) -> None:
    logit = np.tile(np.log([[0.1], [0.2], [0.3], [0.4]]), 5)  # of four bins, for each column
    ae = untrained(f"histogram(4, smoothing={smoothing})")
    ae = same_for_every_code(ae, **{"logit.bias": logit.ravel()})
    low, high = X.min(axis=0), X.max(axis=0)
    middle, span = (low + high) / 2, 1.02 * (high - low)
    place = np.floor(4 * (X - middle + span / 2) / span).astype(int)
    by_column = np.log((1 - 1e-4) * np.array([0.1, 0.2, 0.3, 0.4])[place] / (span / 4))
    np.testing.assert_allclose(ae.score_samples(X), by_column.sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(log_likelihood(ae, X, draws=3), by_column.sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("numbers", ["gaussian", "squared_error"])
def test_a_table_scores_log_probabilities_whatever_is_balanced_in_training(numbers: str, balanced: bool) -> None:
    ae = untrained(f"columns({numbers}, balanced={balanced})", FRAME, scaling="standard")
    logits = np.log(
        [0.2, 0.3, 0.5, 1.0]
    )  # of c, b, a, the most frequent first; the fourth of the group stands for no category
    mean = "mean.bias" if numbers == "gaussian" else "affine.bias"
    ae = same_for_every_code(ae, **{f"numbers.{mean}": [0.4, -0.1], "codes.bias": logits})
    scaled = (FRAME[["x", "y"]] - FRAME[["x", "y"]].mean()) / FRAME[["x", "y"]].std(ddof=0)
    deviation = 1.001 if numbers == "gaussian" else 0.5**0.5
    of_numbers = stats.norm([0.4, -0.1], deviation).logpdf(scaled)
    of_category = np.log([0.2, 0.3, 0.5])[FRAME["c"].map({"c": 0, "b": 1, "a": 2})]
    due = of_numbers.sum(axis=1) + of_category
    left_out = 0 if numbers == "gaussian" else -np.log(np.pi)  # of two columns
    np.testing.assert_allclose(ae.score_samples(FRAME), due - left_out, rtol=1e-4)
    np.testing.assert_allclose(log_likelihood(ae, FRAME, draws=3), due, rtol=1e-4)
    lacking = FRAME.copy()
    lacking.loc[0, "x"], lacking.loc[1, "c"] = np.nan, None
    rest = due - np.where(FRAME.index == 0, of_numbers[:, 0], 0) - np.where(FRAME.index == 1, of_category, 0)
    np.testing.assert_allclose(log_likelihood(ae, lacking, draws=3), rest, rtol=1e-4)
    strange = FRAME.assign(c=["new", *FRAME["c"][1:]])
    found = log_likelihood(ae, strange, draws=3)
    assert found[0] == pytest.approx(due[0] - of_category[0] - np.log(61), rel=1e-4)


OUTSIDE = {
    "bernoulli": (UNIT, [-0.1, 1.1, 40.0]),
    "binary_hinge": (UNIT, [-0.1, 1.1]),
    "categorical": (CLASSES, [-4.0, 5.0]),
    "hinge": (CLASSES, [-4.0, 5.0]),
    "squared_error(sigmoid)": (UNIT, [-0.1, 1.1]),
    "squared_error(tanh)": (2 * UNIT - 1, [-1.1, 1.1]),
    "squared_error(relu)": (UNIT, [-0.1]),
    "absolute_error(softplus)": (UNIT, [-0.1]),
}


@pytest.mark.parametrize("likelihood", OUTSIDE)
def test_no_row_outside_of_the_support_has_a_likelihood(likelihood: str) -> None:
    rows, values = OUTSIDE[likelihood]
    ae = autoencoder(bottleneck="variational(2)", likelihood=likelihood, scaling=None).fit(rows)
    inside = ae.score_samples(rows)
    assert np.isfinite(inside).all()
    bad = np.tile(rows[:1], (len(values), 1))
    bad[:, 3] = values
    assert ae.score_samples(bad).tolist() == [-np.inf] * len(values)
    assert log_likelihood(ae, bad, draws=4).tolist() == [-np.inf] * len(values)
    mixed = np.concatenate([rows[:2], bad])
    np.testing.assert_array_equal(ae.score_samples(mixed)[:2], inside[:2])
    assert ae.score(mixed) == -np.inf
    assert ae.score(mixed, sample_weight=np.arange(len(mixed)) < 2) == pytest.approx(inside[:2].mean())
    assert np.isfinite(ae.reconstruction_error(bad)).all()
    with pytest.raises(InvalidData, match="column 3 holds"):
        ae.fit(np.concatenate([rows, bad]))


def test_numbers_out_of_the_range_of_the_fit_are_outside_where_they_are_scaled_to_it() -> None:
    ae = autoencoder(likelihood="bernoulli", scaling="minmax").fit(X)
    beyond = X[:3].copy()
    beyond[0, 2], beyond[1, 2] = X[:, 2].max() + 0.1, X[:, 2].max()
    assert (ae.score_samples(beyond) == -np.inf).tolist() == [True, False, False]


def test_categories_have_no_limits_beside_numbers_that_have() -> None:
    frame = pd.DataFrame({"x": UNIT[:, 0], "c": FRAME["c"], "y": UNIT[:, 1]})
    ae = autoencoder(likelihood="bernoulli", scaling=None).fit(frame)
    assert np.isfinite(ae.score_samples(frame)).all()
    assert ae.score_samples(frame.assign(y=1.5)).max() == -np.inf


def test_a_row_that_holds_nothing_is_not_the_most_usual_one() -> None:
    table = np.where(np.arange(60)[:, None] % 7 == np.arange(5), np.nan, X)
    ae = autoencoder().fit(table)
    empty = np.concatenate([table[:4], np.full((1, 5), np.nan)])
    scores = ae.score_samples(empty)
    assert scores[-1] == -np.inf
    assert np.isfinite(scores[:-1]).all()
    assert ae.score(empty) == pytest.approx(scores[:-1].mean())  # it does not count
    assert ae.score(empty[-1:]) == -np.inf


def test_names_change_no_score() -> None:
    frame = pd.DataFrame(UNIT, columns=NAMES)
    ae = autoencoder(likelihood="bernoulli", scaling=None).fit(frame)
    assert ae.score_samples(frame.assign(c=2.0)).max() == -np.inf
