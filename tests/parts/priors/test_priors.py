"""Priors: their places and moments worked out by hand, their shapes by tests of SciPy."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from isthmus.errors import InvalidPart
from isthmus.parts.priors import Mixture, Normal, SwissRoll

N = 20_000
OMEGA = 4 * np.pi  # two turns


def draws(prior: Any, size: int = 2, label: Any = None) -> np.ndarray:
    """Return draws of a prior, float64 [N, size], all of one label where one is given."""
    label = None if label is None else np.broadcast_to(np.int32(label), N)
    return np.asarray(jax.jit(lambda key, label: prior(key, N, size, label))(jax.random.key(0), label), np.float64)


def assert_moments(found: np.ndarray, mean: Any, covariance: Any) -> None:
    """Compare with moments within five standard errors, those of the covariance bounded by a fourth moment."""
    covariance = np.asarray(covariance, float)
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(found.mean(axis=0) - mean) < 5 * spread / N**0.5).all()
    error = np.abs(np.cov(found.T) - covariance)
    assert (error < 5 * 2**0.5 * np.outer(spread, spread) / N**0.5).all()


@pytest.mark.parametrize(("prior", "deviation"), [(Normal(), 1.0), (Normal(5.0), 5.0)], ids=str)
def test_normal_numbers(prior: Normal, deviation: float) -> None:
    found = draws(prior, size=3)
    assert_moments(found, 0, deviation**2 * np.eye(3))
    for column in found.T:
        assert stats.kstest(column, stats.norm(scale=deviation).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("components", "size", "places"),
    [
        (4, 2, [[4, 0], [0, 4], [-4, 0], [0, -4]]),
        (3, 2, [[4, 0], [-2, 12**0.5], [-2, -(12**0.5)]]),
        (2, 2, [[4, 0], [-4, 0]]),
        (1, 2, [[4, 0]]),
        (3, 1, [[-4], [0], [4]]),
        (1, 1, [[0]]),
        (4, 5, [[4, 0, 0, 0, 0], [0, 4, 0, 0, 0], [-4, 0, 0, 0, 0], [0, -4, 0, 0, 0]]),
        # Two frequencies: θ = 2πc / 5 and 2θ, each of radius 4 / √2.
        (5, 5, [[*(8**0.5 * f(k * 2 * np.pi * c / 5) for k in (1, 2) for f in (np.cos, np.sin)), 0] for c in range(5)]),
    ],
)
def test_the_components_stand_in_their_places(components: int, size: int, places: list[list[float]]) -> None:
    np.testing.assert_allclose(Mixture(components).means(size), places, atol=1e-5)


@pytest.mark.parametrize(
    ("components", "size", "squares"),
    [
        (10, 2, {2 - 2 * np.cos(2 * np.pi * step / 10) for step in range(1, 6)}),  # chords of a circle
        (5, 4, {2 * 5 / 4}),  # a simplex: all the same, 2 K / (K - 1)
        (11, 16, {2 * 11 / 10}),
        (10, 8, {2.0, 2.5}),  # the mean of 2 - 2 cos jπd/5 over j = 1 … 4: 2 for odd d, 2.5 for even
    ],
)
def test_the_components_stand_apart(components: int, size: int, squares: set[float]) -> None:
    means = np.asarray(Mixture(components, radius=3.0).means(size))
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(means.sum(axis=0), 0, atol=1e-5)
    found = pdist(means) ** 2 / 9
    nearest = np.abs(found[:, None] - sorted(squares)).min(axis=1)
    np.testing.assert_allclose(nearest, 0, atol=1e-5)
    assert found.min() == pytest.approx(min(squares), abs=1e-5)


def test_a_mixture_has_the_moments_of_its_circle() -> None:
    # Each axis has the variance r² / 2 of the places and that of a component: 16 / 2 + 0.25.
    assert_moments(draws(Mixture()), 0, 8.25 * np.eye(2))
    assert_moments(draws(Mixture(3, radius=1.0, deviation=2.0)), 0, 4.5 * np.eye(2))
    # Between -4 and 4 in ten places 8/9 apart: (64/81) (10² - 1) / 12, and 0.25.
    assert_moments(draws(Mixture(), size=1), 0, [[64 / 81 * 99 / 12 + 0.25]])


def test_a_label_chooses_its_component() -> None:
    prior = Mixture(4, by_label=True)
    assert_moments(draws(prior, label=0), [4, 0], 0.25 * np.eye(2))
    assert_moments(draws(prior, label=3), [0, -4], 0.25 * np.eye(2))
    np.testing.assert_array_equal(draws(prior, label=7), draws(prior, label=3))  # 7 = 3 mod 4
    assert (prior.most_classes, Mixture(4).most_classes) == (4, None)


@pytest.mark.parametrize("label", [None, -1])
def test_without_a_label_every_component_has_its_turn(label: int | None) -> None:
    prior = Mixture(5, by_label=True)
    found = draws(prior, size=4, label=label)
    distance = np.linalg.norm(found[:, None] - np.asarray(prior.means(4)), axis=2)
    counts = np.bincount(distance.argmin(axis=1), minlength=5)
    assert stats.chisquare(counts).pvalue > 0.01


def test_components_stretch_along_the_radius() -> None:
    prior = Mixture(4, deviation=0.5, elongation=3.0, by_label=True)
    assert_moments(draws(prior, label=0), [4, 0], np.diag([2.25, 0.25]))
    assert_moments(draws(prior, label=1), [0, 4], np.diag([0.25, 2.25]))
    eighth = Mixture(8, deviation=0.5, elongation=3.0, by_label=True)
    # At 45° the axes share: 0.25 I + (2.25 - 0.25) u uᵀ with u = (1, 1) / √2.
    assert_moments(draws(eighth, label=1), [8**0.5, 8**0.5], [[1.25, 1.0], [1.0, 1.25]])


def test_a_roll_goes_round_as_it_goes_outward() -> None:
    x, y = draws(SwissRoll(deviation=0.0)).T
    along = np.hypot(x, y) / 3
    np.testing.assert_allclose(x, 3 * along * np.cos(OMEGA * along), atol=1e-5)
    np.testing.assert_allclose(y, 3 * along * np.sin(OMEGA * along), atol=1e-5)
    assert stats.kstest(along**2, "uniform").pvalue > 0.01
    x, y = draws(SwissRoll(turns=1.0, radius=2.0, deviation=0.0)).T
    along = np.hypot(x, y) / 2
    np.testing.assert_allclose(x, 2 * along * np.cos(2 * np.pi * along), atol=1e-5)


def test_a_roll_has_its_moments() -> None:
    """With s = √v of density 2s: E x = R ∫ 2s² cos ωs = 4R/ω², E y = R ∫ 2s² sin ωs = -2R/ω for whole turns."""
    mean = np.array([4 * 3 / OMEGA**2, -2 * 3 / OMEGA])
    # E x² = R² ∫ s³ (1 + cos 2ωs) = R² (1/4 + 3/(2ω)²), E y² with a minus, E xy = R² ∫ s³ sin 2ωs.
    a = 2 * OMEGA
    second = 9 * np.array([[1 / 4 + 3 / a**2, -1 / a + 6 / a**3], [-1 / a + 6 / a**3, 1 / 4 - 3 / a**2]])
    for deviation in (0.05, 0.5):
        expected = second - np.outer(mean, mean) + deviation**2 * np.eye(2)
        assert_moments(draws(SwissRoll(deviation=deviation)), mean, expected)


def test_further_axes_are_the_width_of_the_strip() -> None:
    found = draws(SwissRoll(), size=4)
    for column in found[:, 2:].T:
        assert stats.kstest(column, stats.uniform(-2, 4).cdf).pvalue > 0.01
    assert abs(np.corrcoef(found.T)[2:, :2]).max() < 0.04
    assert abs(np.corrcoef(found.T)[2, 3]) < 0.04
    assert np.abs(draws(SwissRoll(width=0.5), size=3)[:, 2]).max() == pytest.approx(0.25, abs=1e-3)


def test_a_label_chooses_its_segment_of_the_roll() -> None:
    prior = SwissRoll(deviation=0.0, by_label=True, classes=4)
    for label in range(4):
        area = (draws(prior, label=label) ** 2).sum(axis=1) / 9
        assert stats.kstest(area, stats.uniform(label / 4, 1 / 4).cdf).pvalue > 0.01
    np.testing.assert_array_equal(draws(prior, label=6), draws(prior, label=2))
    unlabelled = (draws(prior, label=-1) ** 2).sum(axis=1) / 9
    assert stats.kstest(unlabelled, "uniform").pvalue > 0.01
    assert (prior.most_classes, SwissRoll().most_classes) == (4, None)


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        (Normal, {"deviation": 0.0}, "Normal.deviation must be above 0. Got 0.0."),
        (Mixture, {"components": 0}, "Mixture.components must be at least 1. Got 0."),
        (Mixture, {"radius": -1.0}, "Mixture.radius must be above 0. Got -1.0."),
        (Mixture, {"deviation": 0.0}, "Mixture.deviation must be above 0. Got 0.0."),
        (Mixture, {"elongation": 0.0}, "Mixture.elongation must be above 0. Got 0.0."),
        (SwissRoll, {"turns": 0.0}, "SwissRoll.turns must be above 0. Got 0.0."),
        (SwissRoll, {"radius": 0.0}, "SwissRoll.radius must be above 0. Got 0.0."),
        (SwissRoll, {"deviation": -0.1}, "SwissRoll.deviation must be at least 0. Got -0.1."),
        (SwissRoll, {"width": 0.0}, "SwissRoll.width must be above 0. Got 0.0."),
        (SwissRoll, {"classes": 0}, "SwissRoll.classes must be at least 1. Got 0."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(cls: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        cls(**settings)
    assert str(caught.value) == message


def test_a_roll_needs_two_axes() -> None:
    with pytest.raises(InvalidPart) as caught:
        draws(SwissRoll(), size=1)
    assert str(caught.value) == "the size of a code whose prior is a swiss_roll must be at least 2. Got 1."
