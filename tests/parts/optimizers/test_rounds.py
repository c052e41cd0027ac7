"""Optimizers over all rows at once: the minimum of a quadratic, in rounds that can be counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isthmus.errors import InvalidPart
from isthmus.parts.optimizers import Cg, Lbfgs

RANDOM = np.random.default_rng(0)
ROOT = RANDOM.normal(size=(8, 6))
CURVATURE = ROOT.T @ ROOT + 0.1 * np.eye(6)
SLOPE = RANDOM.normal(size=6)
MINIMUM = np.linalg.solve(CURVATURE, SLOPE)
START = RANDOM.normal(size=6)


class Quadratic:
    """w ↦ ½ wᵀ C w − sᵀ w, and how often it was asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        self.calls += 1
        return float(w @ CURVATURE @ w / 2 - SLOPE @ w), CURVATURE @ w - SLOPE


@pytest.mark.parametrize("optimizer", [Lbfgs(), Cg(), Lbfgs(memory=1)], ids=str)
def test_a_round_reaches_the_minimum_of_a_quadratic(optimizer: Any) -> None:
    start = START.copy()
    weights, is_settled = optimizer.round(Quadratic(), start)
    np.testing.assert_array_equal(start, START)
    np.testing.assert_allclose(weights, MINIMUM, atol=1e-3)
    assert weights.dtype == np.float64
    assert is_settled


@pytest.mark.parametrize("optimizer", [Lbfgs(2), Cg(2)], ids=str)
def test_rounds_go_on_where_the_last_one_ended(optimizer: Any) -> None:
    weights, values = START, [Quadratic()(START)[0]]
    for _ in range(100):
        weights, is_settled = optimizer.round(Quadratic(), weights)
        values.append(Quadratic()(weights)[0])
        if is_settled:
            break
    assert len(values) > 3, "two iterations do not settle six weights"
    assert values == sorted(values, reverse=True)
    np.testing.assert_allclose(weights, MINIMUM, atol=1e-3)
    assert is_settled


@pytest.mark.parametrize("make", [Lbfgs, Cg])
def test_a_round_has_no_more_iterations_than_it_may(make: Callable[[int], Any]) -> None:
    function = Quadratic()
    weights, is_settled = make(1).round(function, START)
    assert not is_settled
    assert function.calls < 20
    assert Quadratic()(weights)[0] < Quadratic()(START)[0]


@pytest.mark.parametrize("optimizer", [Lbfgs(), Cg()], ids=str)
def test_at_the_minimum_it_stays(optimizer: Any) -> None:
    weights, is_settled = optimizer.round(Quadratic(), MINIMUM)
    np.testing.assert_allclose(weights, MINIMUM, atol=1e-6)
    assert is_settled


def test_a_looser_tolerance_asks_less() -> None:
    for tight, loose in ((Lbfgs(tolerance=0.0), Lbfgs(tolerance=0.1)), (Cg(tolerance=0.0), Cg(tolerance=1.0))):
        calls = []
        for optimizer in (tight, loose):
            function = Quadratic()
            optimizer.round(function, START)
            calls.append(function.calls)
        assert calls[1] < calls[0]


def test_they_need_all_rows_and_take_the_whole_step() -> None:
    for optimizer in (Lbfgs(), Cg()):
        assert optimizer.full_batch
        assert optimizer.learning_rate == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lbfgs(0), "Lbfgs.iterations must be at least 1. Got 0."),
        (lambda: Lbfgs(memory=0), "Lbfgs.memory must be at least 1. Got 0."),
        (lambda: Lbfgs(tolerance=-1), "Lbfgs.tolerance must be at least 0. Got -1.0."),
        (lambda: Cg(0), "Cg.iterations must be at least 1. Got 0."),
        (lambda: Cg(tolerance=-1), "Cg.tolerance must be at least 0. Got -1.0."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message
