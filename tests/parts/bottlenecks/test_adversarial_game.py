"""The game on handwritten digits: in one loop the codes come to lie as the prior does, judged by two-sample tests."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from isthmus import Autoencoder
from isthmus.parts.bottlenecks import Adversarial

ROWS = 1000
X, Y = (array[:ROWS] for array in load_digits(return_X_y=True))
PRIORS = ["normal", "mixture", "swiss_roll", "mixture(by_label=True)"]
every = pytest.mark.parametrize("prior", PRIORS)


@functools.cache
def codes(bottleneck: Any) -> np.ndarray:
    """Return the codes of the digits after 1,500 steps."""
    settings = {"encoder": (64,), "max_epochs": 150, "batch_size": 100, "stops": ()}
    return Autoencoder(bottleneck, **settings).fit(X, Y).transform(X)


def matched(prior: str) -> np.ndarray:
    return codes(Adversarial(2, prior, weight=30.0))


def drawn(prior: str, seed: int) -> np.ndarray:
    part = Adversarial(2, prior)
    label = np.int32(Y) if part.needs_labels else None
    return np.asarray(part.prior(jax.random.key(seed), ROWS, 2, label))


def unmatched(prior: str) -> np.ndarray:
    """Return the codes of a plain autoencoder, moved and turned so that their mean and covariance are the prior's."""
    plain, aim = codes(2), drawn(prior, 2)
    root, aimed = (np.linalg.cholesky(np.cov(points.T)) for points in (plain, aim))
    return (plain - plain.mean(axis=0)) @ np.linalg.inv(root).T @ aimed.T + aim.mean(axis=0)


def energy(one: np.ndarray, other: np.ndarray) -> float:
    """Return the energy distance 2 E|a - b| - E|a - a'| - E|b - b'|, without bias: 0 on average for like samples."""
    share = ROWS / (ROWS - 1)
    return float(2 * cdist(one, other).mean() - share * cdist(one, one).mean() - share * cdist(other, other).mean())


def told_apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return how often 15 nearest neighbors tell the two samples apart: a half for like samples."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    points, side = np.concatenate([one, other]), np.repeat([0, 1], ROWS)
    return float(cross_val_score(KNeighborsClassifier(15), points, side, cv=folds).mean())


@every
def test_the_moments_are_those_of_the_prior(prior: str) -> None:
    found, aim = matched(prior), np.concatenate([drawn(prior, seed) for seed in range(5)])
    spread = aim.std(axis=0)
    assert (np.abs(found.mean(axis=0) - aim.mean(axis=0)) < 0.15 * spread).all()
    assert (np.abs(np.cov(found.T) - np.cov(aim.T)) < 0.3 * np.outer(spread, spread)).all()


@every
def test_a_two_sample_test_finds_them_near_the_prior(prior: str) -> None:
    found, other, aim = matched(prior), unmatched(prior), drawn(prior, 1)
    assert energy(codes(2), aim) > 0.5
    assert energy(found, aim) < 0.35 * energy(other, aim)  # even where the plain codes have the very moments
    assert told_apart(found, aim) < min(0.8, told_apart(other, aim) - 0.04)


def test_each_class_comes_to_lie_in_its_component() -> None:
    prior = PRIORS[3]
    means = np.asarray(Adversarial(2, prior).prior.means(2))  # type: ignore[attr-defined]
    found = matched(prior)
    assert (cdist(found, means).argmin(axis=1) == Y).mean() > 0.9
    for label in range(10):
        assert np.linalg.norm(np.median(found[label == Y], axis=0) - means[label]) < 0.5
    assert (cdist(unmatched(prior), means).argmin(axis=1) == Y).mean() < 0.4


def test_without_its_weight_the_game_changes_no_code() -> None:
    found, aim = codes(Adversarial(2, weight=0.0)), drawn("normal", 1)
    assert energy(found, aim) > 0.5
