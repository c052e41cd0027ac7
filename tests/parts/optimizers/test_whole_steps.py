"""The whole step on a model's own weights, w_{t+1} against NumPy in the form of the slides, through the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from isthmus.contracts import Optimizer, Row
from isthmus.core.parameter_specs import draw_weights, parameter_specs
from isthmus.core.spelling import resolve
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import build
from isthmus.parts.activations import Tanh
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.training import epoch, loop
from isthmus.training.epoch import Job
from isthmus.training.objective import Plan

ROWS = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
MODEL = build(Row((4,)), MLP((3,), activation=Tanh()), Deterministic(2), MLP((3,), activation=Tanh()), SquaredError())
SHAPES = [spec.shape for spec in parameter_specs(MODEL).values()]
START = draw_weights(MODEL, 7).astype(np.float64)
WHOLE = np.arange(7)

Gradient = Callable[[np.ndarray], np.ndarray]


def by_hand(flat: np.ndarray, rows: Any = WHOLE) -> tuple[float, np.ndarray]:
    """Return the squared error of tanh layers, mean over rows, and its gradient by the chain rule, in float64."""
    assert SHAPES == [(4, 3), (3,), (3, 2), (2,), (2, 3), (3,), (3, 4), (4,)]
    arrays, offset = [], 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        arrays.append(flat[offset : offset + size].reshape(shape))
        offset += size
    w1, b1, w2, b2, w3, b3, w4, b4 = arrays
    x = ROWS[rows].astype(np.float64)
    h = np.tanh(x @ w1 + b1)
    z = h @ w2 + b2
    u = np.tanh(z @ w3 + b3)
    rest = u @ w4 + b4 - x
    d4 = 2 * rest / len(x)
    d3 = d4 @ w4.T * (1 - u**2)
    d2 = d3 @ w3.T
    d1 = d2 @ w2.T * (1 - h**2)
    slopes = [x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0), z.T @ d3, d3.sum(axis=0), u.T @ d4, d4.sum(axis=0)]
    return float((rest**2).sum(axis=1).mean()), np.concatenate([slope.ravel() for slope in slopes])


def slope(flat: np.ndarray, rows: Any = WHOLE) -> np.ndarray:
    return by_hand(flat, rows)[1]


def job(optimizer: Any, **settings: Any) -> Job:
    part = resolve(Optimizer, optimizer)
    usual: dict[str, Any] = {
        "model": MODEL,
        "plan": Plan(None, (), part),
        "table": DeviceTable(ROWS, np.ones(len(ROWS), np.float32), np.int32(len(ROWS))),
        "held_out": None,
        "batch_size": 7,
        "max_epochs": 5,
        "stops": (),
        "seeds": (7,),
    }
    return Job(**usual | settings)


def trajectory(settings: Job) -> list[np.ndarray]:
    """Return the weights after each epoch."""
    return [np.asarray(progress.state.weights[0]) for progress in loop.train(settings, loop.start(settings))]


def test_the_gradient_by_hand_is_the_slope() -> None:
    """So that what follows compares with numbers of its own: central differences in NumPy."""
    moves = 1e-6 * np.eye(len(START))
    differences = [(by_hand(START + move)[0] - by_hand(START - move)[0]) / 2e-6 for move in moves]
    np.testing.assert_allclose(slope(START), differences, rtol=1e-6, atol=1e-8)


def plain(w: np.ndarray, eta: float = 0.05) -> Iterator[np.ndarray]:
    while True:
        w = w - eta * slope(w)
        yield w


def momentum(w: np.ndarray, eta: float = 0.05, gamma: float = 0.9) -> Iterator[np.ndarray]:
    """v_t = γ v_{t−1} + η ∇L(w_{t−1}), w_t = w_{t−1} − v_t."""
    v = np.zeros_like(w)
    while True:
        v = gamma * v + eta * slope(w)
        w = w - v
        yield w


def adagrad(w: np.ndarray, eta: float = 0.05, epsilon: float = 1e-7) -> Iterator[np.ndarray]:
    """G_t = G_{t−1} + g², w_t = w_{t−1} − η g / √(G_t + ε)."""
    total = np.zeros_like(w)
    while True:
        g = slope(w)
        total = total + g**2
        w = w - eta / np.sqrt(total + epsilon) * g
        yield w


def rmsprop(w: np.ndarray, eta: float = 0.01, gamma: float = 0.9, epsilon: float = 1e-8) -> Iterator[np.ndarray]:
    """G_t = γ G_{t−1} + (1 − γ) g², the step as in AdaGrad."""
    total = np.zeros_like(w)
    while True:
        g = slope(w)
        total = gamma * total + (1 - gamma) * g**2
        w = w - eta / np.sqrt(total + epsilon) * g
        yield w


def adadelta(w: np.ndarray, gamma: float = 0.9, epsilon: float = 1e-6) -> Iterator[np.ndarray]:
    """Δ_t = −√(F_{t−1} + ε) / √(G_t + ε) g, F_t = γ F_{t−1} + (1 − γ) Δ_t²."""
    squares, moves = np.zeros_like(w), np.zeros_like(w)
    while True:
        g = slope(w)
        squares = gamma * squares + (1 - gamma) * g**2
        move = -np.sqrt(moves + epsilon) / np.sqrt(squares + epsilon) * g
        moves = gamma * moves + (1 - gamma) * move**2
        w = w + move
        yield w


def adam(w: np.ndarray, eta: float = 0.01, *, is_corrected: bool = True) -> Iterator[np.ndarray]:
    """w_t = w_{t−1} − η m̂_t / (√v̂_t + ε); one slide has m_t in the place of m̂_t."""
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, t = slope(w), t + 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        mean = m / (1 - 0.9**t) if is_corrected else m
        w = w - eta * mean / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        yield w


FORMS: dict[str, Iterator[np.ndarray]] = {
    "sgd(0.05)": plain(START),
    "sgd(0.05, momentum=0.9)": momentum(START),
    "adagrad(0.05)": adagrad(START),
    "rmsprop(0.01)": rmsprop(START),
    "adadelta": adadelta(START),
    "adam(0.01)": adam(START),
}


@pytest.mark.parametrize("optimizer", FORMS)
def test_five_steps_of_the_slides(optimizer: str) -> None:
    weights = trajectory(job(optimizer))
    due = [next(FORMS[optimizer]) for _ in range(5)]
    np.testing.assert_allclose(weights, due, rtol=0, atol=1e-6)
    assert np.abs(due[-1] - START).max() > 1e-3


def test_the_step_of_adam_is_not_that_of_the_slide() -> None:
    """With m_t for m̂_t the first step is a tenth of what it should be."""
    first, wrong = trajectory(job("adam(0.01)", max_epochs=1))[0], next(adam(START, is_corrected=False))
    np.testing.assert_allclose(wrong - START, 0.1 * (first - START), atol=1e-6)
    assert np.abs(first - wrong).max() > 1e-3


def nesterov(w: np.ndarray, eta: float = 0.05, gamma: float = 0.9) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """v_t = γ v_{t−1} + η ∇L(w_{t−1} − γ v_{t−1}), w_t = w_{t−1} − v_t; with the v_t."""
    v = np.zeros_like(w)
    while True:
        v = gamma * v + eta * slope(w - gamma * v)
        w = w - v
        yield w, v


def test_nesterov_is_that_of_the_slides() -> None:
    """The weights kept are w, not where it looks, w − γ v."""
    form = nesterov(START)
    slides = [next(form) for _ in range(5)]
    ours = trajectory(job("sgd(0.05, momentum=0.9, nesterov=True)"))
    np.testing.assert_allclose(ours, [w for w, _ in slides], rtol=0, atol=2e-6)
    assert np.abs(ours[-1] - (slides[-1][0] - 0.9 * slides[-1][1])).max() > 1e-2
    assert np.abs(ours[-1] - trajectory(job("sgd(0.05, momentum=0.9)"))[-1]).max() > 1e-2


@pytest.mark.parametrize("is_nesterov", [False, True], ids=["momentum", "nesterov"])
@pytest.mark.parametrize(
    "rate", ["linear(0.1, 0.02, steps=4)", "exponential(0.1, rate=0.5, steps=3)", "inverse_time(0.1, steps=2)"]
)
def test_the_rate_of_each_step_enters_the_velocity(rate: str, is_nesterov: bool) -> None:
    """v_t = γ v_{t−1} + η_t ∇L, w_t = w_{t−1} − v_t: what a step has added is not lowered by the rates after it."""
    settings = job(f"sgd({rate}, momentum=0.9, nesterov={is_nesterov})", batch_size=4, max_epochs=6)
    w, v, t, due, outside = START, np.zeros_like(START), 0, [], np.zeros_like(START)
    for number in range(6):
        for batch in epoch.shuffled_batches(settings, 7, number):
            g = slope(w - 0.9 * v if is_nesterov else w, batch[batch >= 0])
            v = 0.9 * v + RATES[rate](t) * g
            w, outside, t = w - v, 0.9 * outside + g, t + 1
        due.append(w)
    np.testing.assert_allclose(trajectory(settings), due, rtol=0, atol=1e-5)
    assert t == 12
    assert np.abs(v - RATES[rate](t - 1) * outside).max() > 1e-3  # with the rate outside it would be another


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_batches_of_any_size(size: int) -> None:
    """From one row to all of them, the last batch shorter: each step is the mean over its rows."""
    settings = job("sgd(0.05)", batch_size=size, max_epochs=2)
    w, due, count = START, [], 0
    for number in range(2):
        for batch in epoch.shuffled_batches(settings, 7, number):
            w = w - 0.05 * slope(w, batch[batch >= 0])
            count += 1
        due.append(w)
    np.testing.assert_allclose(trajectory(settings), due, rtol=0, atol=1e-6)
    assert count == 2 * -(-7 // size)


RATES: dict[str, Callable[[int], float]] = {
    "0.05": lambda t: 0.05,
    "linear(0.1, 0.02, steps=4)": lambda t: 0.1 - 0.08 * min(t, 4) / 4,
    "cosine(0.1, steps=8)": lambda t: 0.1 * (1 + np.cos(np.pi * min(t, 8) / 8)) / 2,
    "exponential(0.1, rate=0.5, steps=3)": lambda t: 0.1 * 0.5 ** (t / 3),
    "inverse_time(0.1, steps=2)": lambda t: 0.1 / (1 + t / 2),
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_the_step_at_step_t_is_the_learning_rate_at_t(rate: str, rule: str) -> None:
    """Steps are counted by batch, over the epochs: two an epoch here."""
    settings = job(f"{rule}({rate})", batch_size=4, max_epochs=4)
    w, m, v, t, due = START, np.zeros_like(START), np.zeros_like(START), 0, []
    for number in range(4):
        for batch in epoch.shuffled_batches(settings, 7, number):
            g = slope(w, batch[batch >= 0])
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            corrected = m / (1 - 0.9 ** (t + 1)) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
            w = w - RATES[rate](t) * (g if rule == "sgd" else corrected)
            t += 1
        due.append(w)
    np.testing.assert_allclose(trajectory(settings), due, rtol=0, atol=1e-5)
    assert t == 8


def test_a_plateau_lowers_the_step() -> None:
    """Rows of zeros are explained at the start, where biases are 0, and ever worse: each epoch but the first waits."""
    held_out = DeviceTable(0 * ROWS, np.ones(len(ROWS), np.float32), np.int32(len(ROWS)))
    settings = job("sgd(plateau(0.02, rate=0.5, epochs=1))", held_out=held_out)
    progress = list(loop.train(settings, loop.start(settings)))
    losses = [record["validation_loss"] for record in progress[-1].histories[0]]
    assert losses == sorted(losses)
    w = START
    for now, rate in zip(progress, [0.02, 0.02, 0.01, 0.005, 0.0025], strict=True):
        w = w - rate * slope(w)
        np.testing.assert_allclose(now.state.weights[0], w, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "method", "options"),
    [
        ("lbfgs(5)", "L-BFGS-B", {"maxiter": 5, "maxcor": 20, "ftol": 1e-9, "gtol": 0.0}),
        ("cg(5)", "CG", {"maxiter": 5, "gtol": 1e-6}),
    ],
)
def test_a_round_is_that_of_scipy_on_the_loss_by_hand(optimizer: str, method: str, options: dict[str, Any]) -> None:
    found = minimize(by_hand, START, jac=True, method=method, options=options)
    settings = job(optimizer, max_epochs=1)
    progress = next(loop.train(settings, loop.start(settings)))
    np.testing.assert_allclose(progress.state.weights[0], found.x, rtol=0, atol=1e-6)
    assert progress.histories[0][0]["loss"] == pytest.approx(found.fun, rel=1e-9)
    assert found.fun < 0.9 * by_hand(START)[0]


@pytest.mark.parametrize("optimizer", ["lbfgs(2)", "cg(2)"])
def test_a_round_over_batches_is_a_round_over_all_rows(optimizer: str) -> None:
    """The batch size of a full-batch optimizer is only how the rows are gathered."""
    ends = [trajectory(job(optimizer, batch_size=size, max_epochs=1))[0] for size in (3, 7)]
    np.testing.assert_allclose(ends[0], ends[1], rtol=0, atol=1e-6)
