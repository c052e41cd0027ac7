"""Activations against the formulas of their papers, written in NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from isthmus.core.parameter_specs import ParameterSpec
from isthmus.errors import InvalidPart
from isthmus.parts.activations import Elu, Gelu, Identity, LeakyRelu, Prelu, Relu, Sigmoid, Softplus, Tanh, Threshold

GRID = np.concatenate([np.linspace(-6, 6, 49), [-1e4, -40.0, -1e-3, 1e-3, 40.0, 1e4]])

FORMULAS: list[tuple[Any, Callable[[Any], Any]]] = [
    (Sigmoid(), special.expit),
    (Tanh(), np.tanh),
    (Tanh(), lambda x: 2 * special.expit(2 * x) - 1),
    (Relu(), lambda x: np.maximum(x, 0)),
    (Softplus(), lambda x: np.logaddexp(0, x)),
    (LeakyRelu(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (LeakyRelu(0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    (Prelu(), lambda x: np.where(x > 0, x, 0.25 * x)),
    (Elu(), lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)),
    (Elu(0.5), lambda x: np.where(x > 0, x, 0.5 * (np.exp(np.minimum(x, 0)) - 1))),
    (Gelu(), lambda x: x * stats.norm.cdf(x)),
    (Identity(), lambda x: x),
    (Threshold(), lambda x: np.heaviside(x, 1.0)),
]


@pytest.mark.parametrize(("activation", "formula"), FORMULAS, ids=[str(a) for a, _ in FORMULAS])
def test_the_value_is_that_of_the_formula(activation: Any, formula: Callable[[Any], Any]) -> None:
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(activation)(jnp.array(GRID)), formula(GRID), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("activation", "slope"),
    [
        (Sigmoid(), 0.25),
        (Tanh(), 1.0),
        (Softplus(), 0.5),
        (Gelu(), 0.5),
        (Elu(), 1.0),  # with alpha = 1 both sides meet with slope 1
        (Identity(), 1.0),
    ],
    ids=str,
)
def test_where_the_function_is_smooth_at_zero_so_is_its_gradient(activation: Any, slope: float) -> None:
    assert float(jax.grad(activation)(0.0)) == slope


@pytest.mark.parametrize(
    ("activation", "gain"),
    # A rectifier passes half of the variance: √2 more makes up for it. A sigmoid's slope at 0 is 1/4.
    [(Sigmoid(), 4.0), (Tanh(), 1.0), (Identity(), 1.0), (Threshold(), 1.0)]
    + [(a, np.sqrt(2)) for a in (Relu(), LeakyRelu(), Prelu(), Elu(), Gelu(), Softplus())],
    ids=str,
)
def test_the_gain_of_starting_weights(activation: Any, gain: float) -> None:
    assert activation.gain == pytest.approx(gain, rel=1e-15)


def test_prelu_learns_a_slope_for_each_unit() -> None:
    slopes = Prelu(0.1).build(3)
    assert slopes.slope == ParameterSpec((3,), value=0.1)
    filled = type(slopes)(slope=jnp.array([0.0, 0.5, -1.0]))
    np.testing.assert_allclose(filled(jnp.array([[-2.0, -2.0, -2.0], [3.0, 3.0, 3.0]])), [[0, -1, 2], [3, 3, 3]])
    gradient = jax.grad(lambda module: jnp.sum(module(jnp.array([[-2.0, -2.0, 3.0], [-1.0, 1.0, 1.0]]))))(filled)
    np.testing.assert_allclose(gradient.slope, [-3.0, -2.0, 0.0])


def test_others_have_nothing_to_learn() -> None:
    assert [a for a, _ in FORMULAS if a.build(3) != a and not isinstance(a, Prelu)] == []


@pytest.mark.parametrize(("cls", "field"), [(Elu, "alpha"), (LeakyRelu, "slope"), (Prelu, "start")])
def test_a_slope_is_a_finite_number(cls: Any, field: str) -> None:
    with pytest.raises(InvalidPart, match=rf"^{cls.__name__}\.{field} must be a finite number\. Got nan\.$"):
        cls(float("nan"))


def test_the_threshold_fires_from_zero_on_and_has_no_slope() -> None:
    points = np.array([-1e-30, -0.0, 0.0, 1e-30])
    with jax.enable_x64(True):
        assert Threshold()(jnp.array(points)).tolist() == [0.0, 1.0, 1.0, 1.0]
        assert jax.vmap(jax.grad(Threshold()))(jnp.array(points)).tolist() == [0.0] * 4
    assert Threshold.span == (0.0, 1.0)
    assert not Threshold.has_slope
