"""The density of codes: its moments are those of the codes, its draws lie where codes do."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.estimators._code_density import CodeDensity, density_shapes, fit_density

N = 20_000


def draws(density: CodeDensity, place: np.ndarray | None = None) -> np.ndarray:
    return density.draw(np.random.default_rng(1), N if place is None else len(place), place)


@pytest.mark.parametrize("size", [1, 3, 40])
def test_the_moments_are_those_of_normal_codes(size: int) -> None:
    codes = np.random.default_rng(0).normal(size=(1500, size)) @ np.random.default_rng(1).normal(size=(size, size)) + 3
    density = fit_density(codes, size, None)
    covariance = np.cov(codes.T, ddof=0).reshape(size, size)
    spread = density.spread()
    np.testing.assert_allclose(spread.T @ spread, covariance, atol=2e-3 * covariance.max())
    found = draws(density)
    error = np.sqrt(np.diag(covariance) / N)
    assert (np.abs(found.mean(axis=0) - codes.mean(axis=0)) < 5 * error).all()
    deviation = np.sqrt(np.diag(covariance))
    apart = np.abs(np.cov(found.T).reshape(size, size) - covariance) / np.outer(deviation, deviation)
    assert (apart < 5 * 2**0.5 / N**0.5 + 2e-3).all()


def test_clusters_stay_apart() -> None:
    centers = np.array([[-5.0, 0.0], [5.0, 0.0], [0.0, 9.0]])
    codes = np.concatenate([c + np.random.default_rng(i).normal(size=(200, 2)) for i, c in enumerate(centers)])
    density = fit_density(codes, 2, None)
    assert len(density.share) in (4, 8)
    near = np.linalg.norm(draws(density)[:, None] - centers, axis=2)
    assert (near.min(axis=1) < 4.5).mean() > 0.999  # of a normal of two numbers: 1 − exp(−4.5² / 2)
    np.testing.assert_allclose(np.bincount(near.argmin(axis=1)) / N, 1 / 3, atol=5 * (2 / 9 / N) ** 0.5)


def test_classes_are_drawn_apart_and_rows_without_one_count_for_none() -> None:
    generator = np.random.default_rng(0)
    codes = np.concatenate(
        [generator.normal([0, 5], 1, (90, 2)), generator.normal([0, -5], 2, (30, 2)), [[99, 99]] * 5]
    )
    place = np.repeat([0, 1, -1], [90, 30, 5])
    density = fit_density(codes, 2, place)
    assert np.bincount(density.owner.astype(int), density.share) == pytest.approx([0.75, 0.25])
    found = draws(density, np.repeat([1, 0], N))
    for each, here in ((1, found[:N]), (0, found[N:])):
        deviation = codes[place == each].std(axis=0)
        assert (np.abs(here.mean(axis=0) - codes[place == each].mean(axis=0)) < 5 * deviation / N**0.5).all()
        np.testing.assert_allclose(here.std(axis=0), deviation, rtol=0.05)


def test_units_that_never_change_stay_as_they_are() -> None:
    codes = np.column_stack([np.random.default_rng(0).normal(size=50), np.full(50, 7.0), np.zeros(50)])
    found = draws(fit_density(codes, 3, None))
    np.testing.assert_allclose(found[:, 1:], [[7.0, 0.0]] * N, atol=1e-9)
    assert found[:, 0].std() == pytest.approx(codes[:, 0].std(), rel=0.03)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_are_enough(rows: int) -> None:
    codes = np.random.default_rng(0).normal(size=(rows, 4))
    found = draws(fit_density(codes, 4, None))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.mean(axis=0), codes.mean(axis=0), atol=0.05)


def test_what_is_known_beside_codes_comes_as_often_as_it_came() -> None:
    codes = np.column_stack([np.random.default_rng(0).normal(size=80), np.repeat([2.0, 5.0], [60, 20])])
    density = fit_density(codes, 1, None)
    beside = density.conditions(np.random.default_rng(0), N)
    assert beside.shape == (N, 1)
    assert set(np.unique(beside)) == {2.0, 5.0}
    assert (beside == 2).mean() == pytest.approx(0.75, abs=5 * (0.1875 / N) ** 0.5)
    assert draws(density).shape == (N, 1)


def test_arrays_of_a_file_give_the_same_draws_or_nothing() -> None:
    density = fit_density(np.random.default_rng(0).normal(size=(300, 40)), 40, None)
    tensors = density.tensors()
    allowed = density_shapes(40, 0)
    assert all(tensor.shape[1:] == allowed[name][1:] for name, tensor in tensors.items())
    again = CodeDensity.from_tensors(tensors, 40, 0)
    assert again is not None
    np.testing.assert_allclose(draws(again), draws(density), atol=1e-4)
    for name, change in [("share", -1.0), ("share", 3.0), ("owner", 0.5), ("owner", -2.0)]:
        assert CodeDensity.from_tensors(tensors | {name: np.full_like(tensors[name], change)}, 40, 0) is None
    assert CodeDensity.from_tensors(tensors | {"mean": np.zeros((3, 40), np.float32)}, 40, 0) is None
    assert CodeDensity.from_tensors({"share": tensors["share"]}, 40, 0) is None
