"""What every activation keeps: its gradient is its slope, and nothing overflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.parameter_specs import assemble, draw_weights
from isthmus.core.registry import find_part, part_names

STEP = 1e-6
SMOOTH = np.concatenate([np.linspace(-8, -0.05, 40), np.linspace(0.05, 8, 40)])  # away from kinks at 0
EXTREME = np.array([-1e4, -1e3, -100.0, 0.0, 100.0, 1e3, 1e4])

every = pytest.mark.parametrize("name", part_names("activations"))


def built(activation: Any, width: int) -> Callable[[Any], Any]:
    """Return the compiled activation of a layer, its weights drawn where it has some."""
    module = activation.build(width)
    function = module if module is activation else assemble(module, draw_weights(module, 0))
    return jax.jit(lambda x: function(x))


@every
def test_its_gradient_is_the_slope_of_its_graph(name: str, example: Callable[[Any], Any]) -> None:
    points = np.concatenate([SMOOTH, SMOOTH - STEP, SMOOTH + STEP])[:, None]
    with jax.enable_x64(True):
        function = built(example(find_part("activations", name)), 1)
        value, pull = jax.vjp(function, jnp.array(points))
        (gradient,) = pull(jnp.ones_like(value))
    _, below, above = np.split(np.asarray(value), 3)
    slope = (above - below) / (2 * STEP)
    np.testing.assert_allclose(np.asarray(gradient)[: len(SMOOTH)], slope, rtol=1e-6, atol=1e-8)


@every
def test_value_and_gradient_are_finite_far_out(name: str, example: Callable[[Any], Any]) -> None:
    function = built(example(find_part("activations", name)), 1)
    value, pull = jax.vjp(function, jnp.array(EXTREME, jnp.float32)[:, None])
    assert np.isfinite(value).all()
    assert np.isfinite(pull(jnp.ones_like(value))[0]).all()


@every
def test_each_unit_is_for_itself(name: str, example: Callable[[Any], Any]) -> None:
    function = built(example(find_part("activations", name)), 3)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    changed = x.copy()
    changed[2, 1] *= -1  # to the other side of every kink
    before, after = np.asarray(function(x)), np.asarray(function(changed))
    assert before.shape == x.shape
    assert before.dtype == np.float32
    is_same = before == after
    assert not is_same[2, 1]
    assert is_same.sum() == is_same.size - 1


@every
def test_it_says_whether_it_has_a_slope(name: str, example: Callable[[Any], Any]) -> None:
    activation = example(find_part("activations", name))
    value, pull = jax.vjp(built(activation, 1), jnp.array(SMOOTH, jnp.float32)[:, None])
    assert activation.has_slope == np.any(pull(jnp.ones_like(value))[0])
