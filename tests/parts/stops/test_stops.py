"""Stops, each asked about histories written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.errors import InvalidPart
from isthmus.parts.stops import LossChange, Patience, Target, TimeLimit, WeightChange


def training(*losses: float) -> list[dict[str, float]]:
    return [{"epoch": i, "loss": loss} for i, loss in enumerate(losses, 1)]


def held_out(*losses: float) -> list[dict[str, float]]:
    """Return a history whose training loss falls for ever, so that only the held-out loss can stop it."""
    return [{"epoch": i, "loss": -float(i), "validation_loss": loss} for i, loss in enumerate(losses, 1)]


def first_stop(stop: Any, history: list[dict[str, float]]) -> int | None:
    """Return after how many epochs it stops."""
    return next((n for n in range(len(history) + 1) if stop(history[:n]) is not None), None)


@pytest.mark.parametrize("record", [training, held_out])
@pytest.mark.parametrize(
    ("stop", "losses", "epochs"),
    [
        (Patience(1), (3, 2, 1), None),
        (Patience(1), (3, 3), 2),
        (Patience(1), (3, 4), 2),
        (Patience(2), (3, 4, 2, 4, 1, 4), None),
        (Patience(2), (3, 4, 2, 4, 4), 5),
        (Patience(2), (3, 4, 3.5, 1), 3),  # 3.5 is lower than the one before, not the lowest
        (Patience(3), (-1, -2, -1, -1, -1), 5),
        (Patience(2, margin=0.1), (10, 9.5, 9.1, 8), 3),  # each within 10 % of the lowest, 10
        (Patience(2, margin=0.1), (10, 9.5, 8.9, 8.5, 8.2), 5),
        (Patience(2, margin=0.1), (-10, -10.5, -10.9), 3),
        (Patience(2, margin=0.1), (-10, -10.5, -11.5, -12), None),
        (Patience(), (1,) * 11, 11),  # ten epochs after the first
        (Patience(), (1,) * 10, None),
        (Target(1.0), (3, 2, 1.5), None),
        (Target(1.0), (3, 1.0), 2),
        (Target(1.0), (3, 0.5, 2), 2),
    ],
    ids=str,
)
def test_the_loss_that_is_watched(stop: Any, losses: tuple[float, ...], epochs: int | None, record: Any) -> None:
    assert first_stop(stop, record(*losses)) == epochs


@pytest.mark.parametrize(
    ("losses", "epochs"),
    [
        ((1.0,), None),
        ((1.0, 1.0), 2),
        ((1.0, 0.99991), 2),
        ((1.0, 1.00009), 2),
        ((1.0, 1.1, 1.2), None),
        ((-1.0, -1.00005), 2),
        ((1e-9, 0.5e-9), None),  # a share, not an amount
        ((0.0, 0.0), 2),
    ],
    ids=str,
)
def test_loss_change(losses: tuple[float, ...], epochs: int | None) -> None:
    assert first_stop(LossChange(), training(*losses)) == epochs


def test_a_change_of_just_the_share_is_not_less_than_it() -> None:
    assert LossChange(0.25)(training(1.0, 0.75)) is None
    assert LossChange(0.25)(training(1.0, 0.75 + 2**-20)) is not None


def test_loss_change_looks_at_training() -> None:
    assert LossChange()(held_out(1.0, 1.0, 1.0)) is None
    assert LossChange(0.5)([{"loss": 1.0, "validation_loss": 9.0}, {"loss": 0.6, "validation_loss": 1.0}]) is not None


def test_weight_change() -> None:
    moves = [0.5, 1e-4, 0.9e-4]
    history = [{"loss": 1.0, "weight_change": move} for move in moves]
    assert first_stop(WeightChange(), history) == 3
    assert first_stop(WeightChange(0.6), history) == 1
    assert first_stop(WeightChange(1e-5), history) is None


def test_time_limit() -> None:
    history = [{"loss": 1.0, "seconds": seconds} for seconds in (10.0, 59.9, 60.0, 70.0)]
    assert first_stop(TimeLimit(60), history) == 3
    assert first_stop(TimeLimit(71), history) is None


def test_an_infinite_loss_is_no_progress() -> None:
    infinite = float("inf")
    assert first_stop(Patience(2), held_out(infinite, infinite, infinite, infinite)) is not None
    assert first_stop(Patience(2), held_out(infinite, 2.0, 1.0)) is None


def test_a_loss_that_is_no_number_is_no_progress() -> None:
    nan = float("nan")
    assert first_stop(Patience(2), held_out(3.0, nan, nan)) == 3
    assert first_stop(Patience(2), held_out(nan, nan, nan, nan)) is not None
    assert Target(1.0)(held_out(nan)) is None


@pytest.mark.parametrize(
    ("stop", "history", "reason"),
    [
        (Patience(2), training(3, 3, 3), "no lower loss for 2 epochs"),
        (Target(0.5), training(0.4), "the loss reached 0.5"),
        (LossChange(0.01), training(3, 3), "the loss changed by less than 0.01 of itself"),
        (WeightChange(0.01), [{"weight_change": 0.0}], "the weights moved by less than 0.01 of their length"),
        (TimeLimit(60), [{"seconds": 61.0}], "60 seconds have passed"),
    ],
    ids=str,
)
def test_the_reason_is_a_sentence(stop: Any, history: list[dict[str, float]], reason: str) -> None:
    assert stop(history) == reason


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Patience(0), "Patience.epochs must be at least 1. Got 0."),
        (lambda: Patience(margin=1.0), "Patience.margin must be in [0, 1). Got 1.0."),
        (lambda: Patience(margin=-0.1), "Patience.margin must be in [0, 1). Got -0.1."),
        (lambda: LossChange(0), "LossChange.tolerance must be above 0. Got 0.0."),
        (lambda: WeightChange(0), "WeightChange.tolerance must be above 0. Got 0.0."),
        (lambda: TimeLimit(0), "TimeLimit.seconds must be above 0. Got 0.0."),
        (lambda: Target(-1), "Target.loss must be at least 0. Got -1.0."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message
