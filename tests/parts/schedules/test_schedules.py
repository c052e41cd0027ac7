"""Schedules, their values worked out by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import LAST_STEP
from isthmus.errors import InvalidPart
from isthmus.parts.schedules import Cosine, Exponential, InverseTime, Linear, Plateau, Warmup

STEPS = [0, 1, 5, 10, 20, 1_000_000]


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Linear(1.0, 0.0, 10), [1.0, 0.9, 0.5, 0.0, 0.0, 0.0]),
        (Linear(2.0, 4.0, 5), [2.0, 2.4, 4.0, 4.0, 4.0, 4.0]),
        # cos 0 = 1, cos 18° = 0.9510565, cos 90° = 0, cos 180° = -1
        (Cosine(1.0, 10), [1.0, 0.97552826, 0.5, 0.0, 0.0, 0.0]),
        (Cosine(3.0, 10, end=1.0), [3.0, 2.9510565, 2.0, 1.0, 1.0, 1.0]),
        # √0.5 = 0.70710678, 0.5^0.1 = 0.93303299
        (Exponential(1.0, steps=10), [1.0, 0.93303299, 0.70710678, 0.5, 0.25, 0.0]),
        (Exponential(8.0, rate=0.25, steps=5), [8.0, 6.0628663, 2.0, 0.5, 0.03125, 0.0]),
        (InverseTime(1.0, steps=10), [1.0, 0.90909091, 0.66666667, 0.5, 0.33333333, 0.00000999990]),
        (InverseTime(0.5), [0.5, 0.49950050, 0.49751244, 0.49504950, 0.49019608, 0.000499500]),
        (Plateau(0.25), [0.25] * 6),
        (Warmup(2.0, 8), [0.25, 0.5, 1.5, 2.0, 2.0, 2.0]),
        # the line above, by 1/4 and 2/4 at its first two steps
        (Warmup(Linear(1.0, 0.0, 10), 4), [0.25, 0.45, 0.5, 0.0, 0.0, 0.0]),
    ],
    ids=str,
)
def test_the_values_by_hand(schedule: Any, values: list[float]) -> None:
    found = jax.jit(jax.vmap(lambda step: schedule(step)))(jnp.array(STEPS))
    np.testing.assert_allclose(found, values, rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "step", "left"),
    [
        (Linear(1.0, 3.0, 10), 10, 0.0),
        (Cosine(1.0, 10, end=0.5), 10, 0.0),
        (Exponential(2.0, steps=10), 67, 0.01),  # 10 ln 100 / ln 2 = 66.4
        (Exponential(2.0, rate=1.0), 0, 0.0),
        (InverseTime(1.0, steps=10), 990, 0.01),
        (Plateau(0.25), 0, 0.0),
        (Warmup(2.0, 8), 7, 0.0),
        (Warmup(Linear(1.0, 3.0, 10), 4), 10, 0.0),
    ],
    ids=str,
)
def test_the_step_at_which_it_ends(schedule: Any, step: int, left: float) -> None:
    """From then on no more of its way is left than a hundredth, where it is endless, and before it more."""
    assert schedule.last_step == step
    assert schedule.is_endless == isinstance(schedule, Exponential | InverseTime)
    start, end = float(schedule(jnp.int32(0))), float(schedule(jnp.int32(LAST_STEP)))

    def rest(step: int) -> float:
        return abs(float(schedule(jnp.int32(step))) - end)

    assert rest(step) <= left * abs(start - end) * (1 + 1e-6)
    if step:
        assert rest(step - 1) > left * abs(start - end)


@pytest.mark.parametrize(
    ("schedule", "in_steps"),
    [
        (Linear(1.0, 0.0, epochs=3), Linear(1.0, 0.0, 24)),
        (Cosine(1.0, epochs=2, end=0.5), Cosine(1.0, 16, end=0.5)),
        (Exponential(1.0, epochs=1), Exponential(1.0, steps=8)),
        (InverseTime(1.0, epochs=5), InverseTime(1.0, steps=40)),
        (Warmup(Cosine(1.0, epochs=9), epochs=2), Warmup(Cosine(1.0, 72), 16)),
        (Warmup(0.5, 3), Warmup(0.5, 3)),
        (Cosine(1.0), Cosine(1.0, None)),
        (Plateau(1.0), Plateau(1.0)),
    ],
    ids=str,
)
def test_epochs_are_so_many_steps_each(schedule: Any, in_steps: Any) -> None:
    assert schedule.in_steps(8) == in_steps
    last = jnp.int32(LAST_STEP)  # in use, both have ended
    np.testing.assert_allclose(schedule(last), in_steps(last), atol=1e-6)


def test_without_a_length_it_takes_a_thousand_steps() -> None:
    assert Cosine(1.0).last_step == Linear(1.0, 0.0).last_step == 1000


def test_what_grows_for_ever_never_ends() -> None:
    assert Exponential(1.0, rate=2.0).last_step == LAST_STEP


@pytest.mark.parametrize(
    ("losses", "factor"),
    [
        ([], 1.0),
        ([3.0], 1.0),
        ([3.0, 3.0], 1.0),
        ([3.0, 3.0, 3.0], 0.5),
        ([3.0, 2.0, 2.0, 1.0, 1.0], 1.0),
        ([3.0, 3.0, 3.0, 3.0], 0.5),  # the count begins anew after a fall
        ([3.0, 3.0, 3.0, 3.0, 3.0], 0.25),
        ([3.0, 3.0, 3.0, 2.0, 3.0, 3.0], 0.25),
        ([3.0, 3.0, 3.0, 2.0, 1.0], 0.5),
    ],
    ids=str,
)
@pytest.mark.parametrize("watched", ["loss", "validation_loss"])
def test_the_factor_of_a_plateau(losses: list[float], factor: float, watched: str) -> None:
    history = [{"loss": -float(i), watched: loss} for i, loss in enumerate(losses)]
    assert Plateau(0.1, rate=0.5, epochs=2).factor(history) == factor


def test_a_warmup_passes_on_what_its_value_makes_of_the_losses() -> None:
    history = [{"loss": 1.0}] * 6
    assert Warmup(Plateau(0.1), 8).factor(history) == Plateau(0.1).factor(history) == 0.5
    assert Warmup(0.1, 8).factor(history) == 1.0


def test_a_plateau_waits_for_five_epochs_by_default() -> None:
    assert Plateau(0.1).factor([{"loss": 1.0}] * 5) == 1.0
    assert Plateau(0.1).factor([{"loss": 1.0}] * 6) == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(1.0, 0.0, 0), "Linear.steps must be at least 1. Got 0."),
        (lambda: Cosine(1.0, 0), "Cosine.steps must be at least 1. Got 0."),
        (lambda: Exponential(1.0, steps=0), "Exponential.steps must be at least 1. Got 0."),
        (lambda: Exponential(1.0, rate=0), "Exponential.rate must be above 0. Got 0.0."),
        (lambda: InverseTime(1.0, steps=0), "InverseTime.steps must be at least 1. Got 0."),
        (lambda: Plateau(1.0, rate=1.0), "Plateau.rate must be in (0, 1). Got 1.0."),
        (lambda: Plateau(1.0, rate=0.0), "Plateau.rate must be in (0, 1). Got 0.0."),
        (lambda: Warmup(1.0, 0), "Warmup.steps must be at least 1. Got 0."),
        (lambda: Cosine(1.0, epochs=0), "Cosine.epochs must be at least 1. Got 0."),
        (lambda: Linear(1.0, 0.0, 5, epochs=3), "Linear.epochs must be None where Linear.steps is given. Got 3."),
        (lambda: Plateau(1.0, epochs=0), "Plateau.epochs must be at least 1. Got 0."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message
