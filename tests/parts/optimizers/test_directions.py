"""Optimizers by steps, each against five steps of its paper's formula in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.errors import InvalidPart
from isthmus.parts.optimizers import Adadelta, Adagrad, Adam, Clipped, Lion, Rmsprop, Sgd

GRADIENTS = np.array(
    [
        [1.0, -2.0, 0.0, 1e-5],
        [0.5, 3.0, 0.0, -1e-5],
        [-1.0, 0.1, 2.0, 0.0],
        [2.0, -0.3, 1.0, 1e-3],
        [0.0, 1.0, -1.0, 5.0],
    ]
)


def sgd(momentum: float = 0.0) -> Iterator[np.ndarray]:
    v = np.zeros(4)
    for g in GRADIENTS:
        v = momentum * v + g
        yield v


def adagrad(epsilon: float = 1e-7) -> Iterator[np.ndarray]:
    total = np.zeros(4)
    for g in GRADIENTS:
        total = total + g**2
        yield g / np.sqrt(total + epsilon)


def rmsprop(decay: float = 0.9, epsilon: float = 1e-8) -> Iterator[np.ndarray]:
    v = np.zeros(4)
    for g in GRADIENTS:
        v = decay * v + (1 - decay) * g**2
        yield g / np.sqrt(v + epsilon)


def adadelta(decay: float = 0.9, epsilon: float = 1e-6) -> Iterator[np.ndarray]:
    v, u = np.zeros(4), np.zeros(4)
    for g in GRADIENTS:
        v = decay * v + (1 - decay) * g**2
        d = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * g  # u of the steps before
        u = decay * u + (1 - decay) * d**2
        yield d


def adam(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Iterator[np.ndarray]:
    m, v = np.zeros(4), np.zeros(4)
    for t, g in enumerate(GRADIENTS, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        yield m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def lion(beta1: float = 0.9, beta2: float = 0.99) -> Iterator[np.ndarray]:
    m = np.zeros(4)
    for g in GRADIENTS:
        yield np.sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g


CASES: list[tuple[Any, Iterator[np.ndarray]]] = [
    (Sgd(), sgd()),
    (Sgd(momentum=0.9), sgd(0.9)),
    (Sgd(momentum=0.9, nesterov=True), sgd(0.9)),  # of a gradient taken ahead
    (Adagrad(), adagrad()),
    (Adagrad(epsilon=0.1), adagrad(0.1)),
    (Rmsprop(), rmsprop()),
    (Rmsprop(decay=0.5, epsilon=0.1), rmsprop(0.5, 0.1)),
    (Adadelta(), adadelta()),
    (Adadelta(decay=0.5, epsilon=0.1), adadelta(0.5, 0.1)),
    (Adam(), adam()),
    (Adam(beta1=0.5, beta2=0.8, epsilon=0.1), adam(0.5, 0.8, 0.1)),
    (Lion(), lion()),
    (Lion(beta1=0.5, beta2=0.8), lion(0.5, 0.8)),
]


@pytest.mark.parametrize(("optimizer", "formula"), [(o, list(f)) for o, f in CASES], ids=[str(o) for o, _ in CASES])
def test_five_steps_by_hand(optimizer: Any, formula: list[np.ndarray]) -> None:
    rule = optimizer.direction()

    def five(gradients: Any) -> Any:
        weights = jnp.zeros(4, gradients.dtype)

        def step(state: Any, gradient: Any) -> Any:
            direction, state = rule.update(gradient, state, weights)
            return state, direction

        return jax.lax.scan(step, rule.init(weights), gradients)[1]

    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(five)(GRADIENTS), formula, rtol=1e-9, atol=1e-15)
    single = jax.jit(five)(GRADIENTS.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, formula, rtol=2e-5, atol=1e-9)


def test_weight_decay_is_beside_the_gradient() -> None:
    """Of AdamW the direction is that of Adam and a share of the weights."""
    weights, rule, plain = jnp.array([1.0, -2.0, 0.0, 4.0]), Adam(weight_decay=0.25).direction(), Adam().direction()
    gradient = jnp.array(GRADIENTS[0], jnp.float32)
    found, due = (each.update(gradient, each.init(weights), weights)[0] for each in (rule, plain))
    np.testing.assert_allclose(found, due + np.array([0.25, -0.5, 0, 1]), rtol=1e-6)
    assert (Adam(weight_decay=0.0).decays, Adam().decays) == (True, False)
    with pytest.raises(InvalidPart) as caught:
        Adam(weight_decay=-0.1)
    assert str(caught.value) == "Adam.weight_decay must be at least 0, or None. Got -0.1."


def test_the_weight_decay_of_lion_is_a_share_of_the_weights() -> None:
    weights, rule = jnp.array([1.0, -2.0, 0.0, 4.0]), Lion(weight_decay=0.25).direction()
    direction = rule.update(jnp.array(GRADIENTS[0], jnp.float32), rule.init(weights), weights)[0]
    np.testing.assert_allclose(direction, [1.25, -1.5, 0, 2])
    with pytest.raises(InvalidPart, match=r"^Lion\.weight_decay must be at least 0\. Got -0\.1\.$"):
        Lion(weight_decay=-0.1)


@pytest.mark.parametrize(
    ("by", "factor"),
    [("norm", [1, 1, 1.5 / np.sqrt(5.01), 1.5 / np.sqrt(5.090001)]), ("value", None)],
)
def test_a_clipped_gradient_is_no_larger_than_the_limit(by: Any, factor: Any) -> None:
    """The norms of the gradients are 1.5, 1.30, 2.24 and 2.26: two are beyond 1.5, and lose their length only."""
    gradients = np.array([[1.5, 0, 0, 0], [1.2, 0.5, 0, 0], [-1.0, 0.1, 2.0, 0.0], [2.0, -0.3, 1.0, 1e-3]], np.float32)
    rule = Clipped(Sgd(momentum=0.5), 1.5, by).direction()
    memory, v = rule.init(jnp.zeros(4)), np.zeros(4)
    limited = np.clip(gradients, -1.5, 1.5) if factor is None else gradients * np.array(factor)[:, None]
    for gradient, due in zip(gradients, limited, strict=True):
        direction, memory = rule.update(jnp.array(gradient), memory)
        v = 0.5 * v + due
        np.testing.assert_allclose(direction, v, rtol=1e-6)


def test_a_clipped_optimizer_is_otherwise_the_one_inside() -> None:
    inner = Sgd(0.2, momentum=0.5, nesterov=True)
    clipped, weights = Clipped(inner, 1.0), jnp.array([1.0, 2.0])
    memory = clipped.direction().update(jnp.array([0.3, 0.4]), clipped.direction().init(weights))[1]
    assert (clipped.learning_rate, clipped.decays, Clipped(Lion()).decays) == (0.2, False, True)
    ahead = clipped.look_ahead(weights, memory, jnp.array(0.2))
    np.testing.assert_allclose(ahead, [1 - 0.2 * 0.5 * 0.3, 2 - 0.2 * 0.5 * 0.4])
    np.testing.assert_allclose(clipped.rescale(memory, jnp.array(2.0))[1].trace, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Clipped(limit=0.0), "Clipped.limit must be above 0. Got 0.0."),
        (
            lambda: Clipped("lbfgs"),
            (
                "clipped needs an optimizer that goes step by step, as 'adam': lbfgs searches along its direction, "
                "whatever its size."
            ),
        ),
    ],
)
def test_what_cannot_be_clipped_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("optimizer", "rate"),
    [(Sgd(), 1e-2), (Adagrad(), 1e-2), (Rmsprop(), 1e-3), (Adadelta(), 1.0), (Adam(), 1e-3), (Lion(), 3e-4)],
    ids=str,
)
def test_the_learning_rate_of_the_defaults(optimizer: Any, rate: float) -> None:
    assert optimizer.learning_rate == rate
    assert not optimizer.full_batch


@pytest.mark.parametrize("cls", [Sgd, Adagrad, Rmsprop, Adadelta, Adam, Lion])
def test_a_learning_rate_is_above_zero_or_a_schedule(cls: Any) -> None:
    for rate in (0, -0.1):
        with pytest.raises(InvalidPart) as caught:
            cls(rate)
        assert str(caught.value) == f"{cls.__name__}.learning_rate must be above 0. Got {float(rate)}."
    with pytest.raises(InvalidPart) as caught:
        cls(None)
    assert str(caught.value) == f"{cls.__name__}.learning_rate must be a finite number or a schedule. Got None."
    assert str(cls("cosine(0.1, steps=10)")) == f"{cls.name}(cosine(0.1, steps=10))"


@pytest.mark.parametrize(
    ("cls", "field"), [(Sgd, "momentum"), (Rmsprop, "decay"), (Adadelta, "decay"), (Adam, "beta1"), (Lion, "beta2")]
)
@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_running_mean_keeps_a_share(cls: Any, field: str, value: float) -> None:
    with pytest.raises(InvalidPart) as caught:
        cls(**{field: value})
    assert str(caught.value) == f"{cls.__name__}.{field} must be in [0, 1). Got {value}."


@pytest.mark.parametrize("cls", [Adagrad, Rmsprop, Adadelta, Adam])
@pytest.mark.parametrize("value", [0.0, -1e-8])
def test_what_keeps_a_division_finite_is_above_zero(cls: Any, value: float) -> None:
    with pytest.raises(InvalidPart) as caught:
        cls(epsilon=value)
    assert str(caught.value) == f"{cls.__name__}.epsilon must be above 0. Got {value}."
