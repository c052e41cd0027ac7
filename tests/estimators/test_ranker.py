"""Ranking: the losses of pairs and lists reach the estimator, groups stay together, gains are those of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

import isthmus
from isthmus import InvalidData, InvalidPart, NetworkRanker
from tiny import weights_of

GENERATOR = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(40), GENERATOR.integers(3, 9, 40))
X = GENERATOR.normal(size=(len(GROUPS), 4)) + 5 * GENERATOR.normal(size=(40, 1))[GROUPS]  # groups lie apart
WITHIN = X - np.array([X[g == GROUPS].mean(axis=0) for g in range(40)])[GROUPS]
Y = np.digitize(WITHIN @ [1, -1, 0.5, 0], [-1, 0, 1])
ORDER = GENERATOR.permutation(len(GROUPS))
X, Y, GROUPS = X[ORDER], Y[ORDER], GROUPS[ORDER]


@pytest.mark.parametrize("target", ["pairwise", "listwise"])
def test_it_learns_to_rank(target: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_epochs": 40, "optimizer": "adam(0.01)", "stops": None}
    model = NetworkRanker("mlp(())", target=target, **settings).fit(X, Y, GROUPS)
    chance = np.mean([ndcg_score(Y[None, g == GROUPS], X[None, g == GROUPS, 3]) for g in range(40)])
    assert model.score(X, Y, GROUPS) > 0.95 > chance
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").predict(X), model.predict(X))


def test_the_pairwise_loss_is_that_of_all_pairs_in_a_group() -> None:
    settings: dict[str, Any] = {"optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": 500, "validation_fraction": 0}
    model = NetworkRanker((4,), **settings).fit(X, Y, GROUPS)
    score = model.predict(X)
    loss = 0.0
    for i in range(len(X)):
        worse = (GROUPS[i] == GROUPS) & (Y[i] > Y)
        loss += np.log1p(np.exp(score[worse] - score[i])).sum()
    assert model.history_[0]["target"] == pytest.approx(loss / len(X), rel=1e-5)


def test_the_listwise_loss_is_a_cross_entropy_in_each_group() -> None:
    settings: dict[str, Any] = {"optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": 500, "validation_fraction": 0}
    model = NetworkRanker((4,), target="listwise", **settings).fit(X, Y, GROUPS)
    score, loss = model.predict(X), 0.0
    for g in range(40):
        chosen = g == GROUPS
        wanted = np.exp(Y[chosen]) / np.exp(Y[chosen]).sum()
        loss -= wanted @ (score[chosen] - np.log(np.exp(score[chosen]).sum()))
    assert model.history_[0]["target"] == pytest.approx(loss / len(X), rel=1e-5)


def test_groups_are_never_cut_where_they_fit_into_a_batch() -> None:
    """The loss of small batches, all weights held, is that of one batch of all."""
    settings: dict[str, Any] = {"optimizer": "sgd(1e-12)", "max_epochs": 1, "validation_fraction": 0}
    whole, parts = (NetworkRanker((4,), batch_size=size, **settings).fit(X, Y, GROUPS) for size in (500, 16))
    assert parts.history_[0]["target"] == pytest.approx(whole.history_[0]["target"], rel=1e-5)


def test_groups_are_held_out_as_a_whole() -> None:
    texts = np.array([f"query {g}" for g in GROUPS])
    model = NetworkRanker((4,), validation_fraction=0.3, max_epochs=2).fit(X, Y, texts)
    assert "validation_loss" in model.history_[0]


def test_weight_two_is_the_row_twice() -> None:
    x, y, groups = X[:60], Y[:60], GROUPS[:60]
    settings: dict[str, Any] = {"encoder": (6,), "max_epochs": 3, "batch_size": 100}
    weighted = NetworkRanker(**settings).fit(x, y, groups, np.where(np.arange(60) < 20, 2.0, 1.0))
    twice = [np.concatenate([array, array[:20]]) for array in (x, y, groups)]
    repeated = NetworkRanker(**settings).fit(*twice)
    np.testing.assert_allclose(weights_of(weighted), weights_of(repeated), atol=1e-6)


def test_the_score_is_the_mean_gain_of_groups() -> None:
    model = NetworkRanker((4,), max_epochs=1).fit(X, Y, GROUPS)
    score = model.predict(X)
    gains = [ndcg_score(Y[None, g == GROUPS], score[None, g == GROUPS]) for g in range(40)]
    assert model.score(X, Y, GROUPS) == pytest.approx(np.mean(gains))


@pytest.mark.parametrize(
    ("y", "groups", "sentence"),
    [
        (None, None, r"^NetworkRanker needs targets: call fit\(X, y\)\."),
        (Y[:9], None, r"^y has shape \(9,\), expected"),
        (np.column_stack([Y, Y]), None, r"^y has shape .*: one relevance for each row\.$"),
        (Y, GROUPS[:9], r"^groups has shape \(9,\), expected \(\d+,\): one group for each row\.$"),
        (
            Y,
            np.where(Y == 1, np.nan, GROUPS),
            r"^groups: expected a group in every row; got none in \d+ rows \(first: \d+\)\.$",
        ),
        (
            Y,
            pd.array([1] * (len(Y) - 1) + [None], "Int64"),
            r"^groups: expected a group in every row; got none in 1 row \(first: \d+\)\.$",
        ),
        (
            Y,
            np.array([1, "a"] * 200, object)[: len(Y)],
            r"^groups mixes values of several types: name all",
        ),
        (Y, np.arange(len(Y)), r"^groups holds \d+ groups of one row each: nothing is ranked\.$"),
    ],
)
def test_what_cannot_be_ranked_is_refused(y: Any, groups: Any, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        NetworkRanker((4,), max_epochs=1).fit(X, y, groups)


def test_a_relevance_below_zero_has_no_gain() -> None:
    model = NetworkRanker((4,), max_epochs=1).fit(X, Y - 1.0, GROUPS)
    with pytest.raises(InvalidData, match=r"^y holds the relevance -1, and score needs values of at least 0\.$"):
        model.score(X, Y - 1.0, GROUPS)
    with pytest.raises(InvalidData, match=r"^no group has two rows that count: nothing is ranked\.$"):
        model.score(X[:1], Y[:1])


def test_a_likelihood_that_ranks_nothing_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^target must be 'pairwise' or 'listwise'\. Got 'squared_error'\.$"):
        NetworkRanker(target="squared_error").fit(X, Y, GROUPS)
