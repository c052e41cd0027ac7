"""Standard scaling against scikit-learn, and where digits are scarce."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from isthmus.contracts import Arrays
from isthmus.parts.scalings import Standard

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(500, 4)) * [1.0, 1e-6, 1e6, 3.0] + [0.0, 5.0, -1e6, 1e3]
WEIGHT = RANDOM.random(500) * 3


def fitted(x: np.ndarray, weight: np.ndarray | None = None, rows: int = 100) -> Arrays:
    """Return what is learned from a table that is read in blocks."""
    weight = np.ones(len(x)) if weight is None else weight

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((x[i : i + rows], weight[i : i + rows]) for i in range(0, len(x), rows))

    return Standard().fit(blocks)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
def test_it_is_that_of_scikit_learn(weight: np.ndarray | None) -> None:
    peer = StandardScaler().fit(X, sample_weight=weight)
    learned = fitted(X, weight)
    np.testing.assert_allclose(learned["mean"], peer.mean_, rtol=1e-12)
    np.testing.assert_allclose(learned["deviation"], peer.scale_, rtol=1e-9)
    np.testing.assert_allclose(Standard().apply(learned, X), peer.transform(X), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(Standard().undo(learned, X), peer.inverse_transform(X), rtol=1e-9)


def test_numbers_whose_squares_are_none_are_no_constant() -> None:
    learned = fitted(np.array([[1e-200, -3e-150], [3e-200, 3e-150]]))
    np.testing.assert_allclose(learned["mean"], [2e-200, 0])
    np.testing.assert_allclose(learned["deviation"], [1e-200, 3e-150])


def test_by_hand() -> None:
    learned = fitted(np.array([[1.0], [2.0], [6.0]]), np.array([1.0, 2.0, 1.0]))
    assert learned["mean"] == 11 / 4
    assert learned["deviation"] ** 2 == pytest.approx((1.75**2 + 2 * 0.75**2 + 3.25**2) / 4, rel=1e-14)


def test_a_row_of_weight_two_is_the_row_twice() -> None:
    weight = RANDOM.integers(1, 4, 500)
    once, twice = fitted(X, weight.astype(float)), fitted(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(once["mean"], twice["mean"], rtol=1e-12)
    np.testing.assert_allclose(once["deviation"], twice["deviation"], rtol=1e-9)


@pytest.mark.parametrize("mean", [1e9, -1e12])
def test_a_huge_mean_costs_no_digits(mean: float) -> None:
    noise = RANDOM.integers(-8, 9, size=(1000, 1)) / 8.0  # sums with the mean are exact
    learned = fitted(noise + mean)
    assert learned["deviation"][0] == pytest.approx(noise.std(), rel=1e-8)
    rounding = np.spacing(abs(mean)) / noise.std()  # of the mean itself, which is one number
    scaled = Standard().apply(learned, noise + mean)
    np.testing.assert_allclose(scaled, (noise - noise.mean()) / noise.std(), rtol=1e-7, atol=rounding)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e9 + 0.1, -123456.789, 1e-200])
@pytest.mark.parametrize("rows", [1, 7, 100_000])
def test_a_constant_column_is_centred_only(value: float, rows: int) -> None:
    learned = fitted(np.full((rows, 1), value), rows=8192)
    assert learned["deviation"][0] == 1.0
    assert Standard().apply(learned, np.array([[value]]))[0, 0] == pytest.approx(0.0, abs=1e-12 * abs(value))
    assert Standard().apply(learned, np.array([[value + 2.0]]))[0, 0] == pytest.approx(2.0, rel=1e-6)


def test_a_column_that_varies_little_is_not_constant() -> None:
    x = np.where(np.arange(1000)[:, None] % 2, 1.0, 1.0 + 1e-9)
    assert fitted(x)["deviation"][0] == pytest.approx(0.5e-9, rel=1e-3)


def test_single_precision_blocks_are_summed_in_double() -> None:
    x = (RANDOM.normal(size=(20_000, 2)) + 1000).astype(np.float32)
    learned = fitted(x)
    np.testing.assert_allclose(learned["mean"], x.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(learned["deviation"], x.astype(np.float64).std(axis=0), rtol=1e-9)
