"""Equinox modules of others as roads."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import InvalidPart, from_equinox
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def test_it_computes_what_the_module_computes_row_by_row() -> None:
    module = eqx.nn.MLP(3, 2, 8, depth=1, key=KEY)
    road = from_equinox(module)
    arrays = [leaf for leaf in jax.tree.leaves(module) if eqx.is_inexact_array(leaf)]
    flat = jnp.concatenate([array.ravel() for array in arrays])
    filled = assemble(road, flat)
    np.testing.assert_allclose(filled(X, None), jax.vmap(module)(X), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda road, x: road(x, None))(filled, X), jax.vmap(module)(X), rtol=1e-6)


def test_weights_start_anew_with_the_spread_they_had() -> None:
    module = eqx.nn.Linear(300, 200, key=KEY)
    module = eqx.tree_at(lambda m: m.bias, module, jnp.full(200, 0.5))
    road = from_equinox(module)
    weights = {path: draw_weights(spec, 1) for path, spec in parameter_specs(road).items()}
    np.testing.assert_array_equal(weights["weights.bias"], 0.5)
    assert weights["weights.weight"].std() == pytest.approx(float(module.weight.std()), rel=0.01)
    assert weights["weights.weight"].mean() == pytest.approx(float(module.weight.mean()), abs=1e-3)
    assert (weights["weights.weight"] != np.asarray(module.weight).ravel()).all()


def test_noise_is_drawn_in_training_only_and_for_each_row() -> None:
    road: Any = from_equinox(eqx.nn.Dropout(0.5))
    ones = jnp.ones((4, 200))
    np.testing.assert_array_equal(road(ones, None), ones)
    noisy = np.asarray(road(ones, KEY))
    assert set(np.unique(noisy)) == {0.0, 2.0}
    assert (noisy[0] != noisy[1]).any()
    np.testing.assert_array_equal(noisy, road(ones, KEY))


def test_a_module_without_a_key_is_called_without() -> None:
    class Doubled(eqx.Module):
        factor: Any

        def __call__(self, x: Any) -> Any:
            return self.factor * x

    road: Any = assemble(from_equinox(Doubled(jnp.array([2.0, 4.0, 6.0]))), np.array([1.0, 2.0, 3.0], np.float32))
    np.testing.assert_allclose(road(X, KEY), X * [1, 2, 3])


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (3, r"from_equinox needs a callable module\. Got a int\."),
        (eqx.nn.Lambda(jnp.arange(3)), r"arrays are all of floats and learned, without a state\."),
        (eqx.nn.Linear(2, 2, dtype=jnp.complex64, key=KEY), r"arrays are all of floats and learned"),
        (eqx.nn.BatchNorm(3, "batch", mode="batch"), r"arrays are all of floats and learned, without a state\."),
    ],
)
def test_what_is_no_road_is_refused(module: Any, sentence: str) -> None:
    with pytest.raises(InvalidPart, match=sentence):
        from_equinox(module)
