"""Layers over ragged sequences: each row is read to its own end; gradients; pooling; dropout; the way from a code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.layers.recurrence.cells import CELLS
from isthmus.layers.recurrence.layers import POOLINGS, Stack, States, Unroll, dropped, layer, scan
from isthmus.parts.activations import Tanh

STEPS, WIDTH = 7, 2
LENGTHS = np.array([7, 1, 4, 6])
X = np.random.default_rng(0).normal(size=(4, STEPS, WIDTH))
MASK = np.arange(STEPS) < LENGTHS[:, None]  # [n, steps]

both = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both ways"])


def stack(kind: Any, bidirectional: bool, dropout: float = 0.0) -> Stack:
    ways = 1 + bidirectional
    return Stack(
        (layer(kind, WIDTH, 3, Tanh(), bidirectional, dropout), layer(kind, ways * 3, 5, Tanh(), bidirectional))
    )


def weights(skeleton: Any, seed: int = 1) -> np.ndarray:
    return 0.7 * np.random.default_rng(seed).normal(size=sum(spec.size for spec in parameter_specs(skeleton).values()))


@both
@pytest.mark.parametrize("kind", CELLS)
def test_a_row_among_longer_ones_is_the_row_alone(kind: Any, bidirectional: bool) -> None:
    skeleton = stack(kind, bidirectional)
    with jax.enable_x64(True):
        made = assemble(skeleton, weights(skeleton))
        padded = np.where(MASK[:, :, None], X, 1e3)  # what lies behind the end does not matter

        def read(x: Any, mask: Any = None) -> tuple[Any, list[Any]]:
            states = made(x, mask)
            return states, [pooling(states, mask) for pooling in POOLINGS.values()]

        found, pooled = jax.jit(read)(padded, MASK)
        for i, length in enumerate(LENGTHS):
            alone, pooled_alone = jax.jit(read)(X[i : i + 1, :length])
            np.testing.assert_allclose(found.last[i], alone.last[0], rtol=1e-10)
            np.testing.assert_allclose(found.every[i, :length], alone.every[0], rtol=1e-10)
            for whole, part in zip(pooled, pooled_alone, strict=True):
                np.testing.assert_allclose(whole[i], part[0], rtol=1e-10)


@both
def test_a_mask_of_real_steps_only_changes_nothing(bidirectional: bool) -> None:
    skeleton = stack("gru", bidirectional)
    made = assemble(skeleton, weights(skeleton).astype(np.float32))
    x = X.astype(np.float32)
    masked, plain = jax.jit(made.__call__)(x, np.ones((4, STEPS), bool)), jax.jit(made.__call__)(x)
    np.testing.assert_allclose(masked.last, plain.last, rtol=1e-6)
    np.testing.assert_allclose(masked.every, plain.every, rtol=1e-5, atol=1e-6)


def test_where_there_is_no_step_the_pooled_state_is_zero() -> None:
    states, mask = States(jnp.ones((1, 3, 2)), jnp.zeros((1, 2))), jnp.zeros((1, 3), bool)
    for pooling in POOLINGS.values():
        np.testing.assert_array_equal(pooling(states, mask), [[0, 0]])


def test_pooling_by_hand() -> None:
    every, mask = np.array([[[1.0, -4], [3, -2], [9, 9]]]), np.array([[True, True, False]])
    states = States(jnp.array(every), jnp.array(every[:, 1]))
    expected = {"last": [[3, -2]], "mean": [[2, -3]], "max": [[3, -2]]}
    assert set(expected) == set(POOLINGS)
    for name, pooling in POOLINGS.items():
        np.testing.assert_array_equal(pooling(states, jnp.array(mask)), expected[name])
    np.testing.assert_allclose(POOLINGS["mean"](states, None), every.mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(POOLINGS["max"](states, None), every.max(axis=1))


@both
@pytest.mark.parametrize("kind", CELLS)
def test_the_gradient_is_the_slope(kind: Any, bidirectional: bool) -> None:
    skeleton = stack(kind, bidirectional)
    up = Unroll((layer(kind, 5 * (1 + bidirectional), 3, Tanh()), layer(kind, 3, 2, Tanh())), 4, True)
    pair = (skeleton, up)
    with jax.enable_x64(True):
        x, flat = jnp.array(X), weights(pair)

        def total(flat: Any, x: Any) -> Any:
            down, up = assemble(pair, flat)
            return jnp.sum(jnp.sin(up(down(x, jnp.array(MASK)).last)))

        value = jax.jit(total)
        by_weights, by_rows = jax.jit(jax.grad(total, argnums=(0, 1)))(flat, x)
        for seed in range(4):
            random = np.random.default_rng(seed)
            d, e = random.normal(size=flat.shape), random.normal(size=x.shape)
            slope = (value(flat + 1e-6 * d, x + 1e-6 * e) - value(flat - 1e-6 * d, x - 1e-6 * e)) / 2e-6
            np.testing.assert_allclose(by_weights @ d + np.sum(by_rows * e), slope, rtol=1e-6)
        assert (np.asarray(by_rows)[~MASK] == 0).all()  # steps that are none move nothing


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_way_from_a_code_by_hand(is_reversed: bool) -> None:
    skeleton = Unroll((layer("simple", 2, 3, Tanh()), layer("simple", 3, 4, Tanh())), 5, is_reversed)
    flat, code = weights(skeleton), np.random.default_rng(3).normal(size=(6, 2))
    u, b, w, u2, b2, w2 = np.split(flat, np.cumsum([6, 3, 9, 12, 4]))
    first, second, found = np.zeros((6, 3)), np.zeros((6, 4)), []
    for _ in range(5):
        first = np.tanh(code @ u.reshape(2, 3) + first @ w.reshape(3, 3) + b)
        second = np.tanh(first @ u2.reshape(3, 4) + second @ w2.reshape(4, 4) + b2)
        found.append(second)
    expected = np.stack(found[::-1] if is_reversed else found, axis=1)  # [n, steps, 4]
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(assemble(skeleton, flat).__call__)(code), expected, rtol=1e-9)


def test_dropout_keeps_the_expectation_and_never_acts_in_time() -> None:
    x = np.ones((200, 300), np.float32)
    found = np.asarray(dropped(jnp.array(x), 0.25, jax.random.key(0)))
    assert set(np.unique(found)) == {0, np.float32(1 / 0.75)}
    assert found.mean() == pytest.approx(1, abs=5 * np.sqrt(0.25 / 0.75 / x.size))
    skeleton = layer("gru", WIDTH, 3, Tanh(), dropout=0.5)
    made = assemble(skeleton, draw_weights(skeleton, 0))
    time_first = jnp.array(X.swapaxes(0, 1), jnp.float32)
    noisy, plain = made(time_first, None, jax.random.key(1)), made(time_first, None, None)
    doubled = np.asarray(noisy.every) != 0
    np.testing.assert_allclose(np.asarray(noisy.every)[doubled], 2 * np.asarray(plain.every)[doubled], rtol=1e-6)
    assert 0.2 < doubled.mean() < 0.8
    np.testing.assert_array_equal(plain.every, scan(made.forward, made.forward.drive(time_first), STEPS).every)
