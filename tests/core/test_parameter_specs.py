"""Weights: parameter specs of a network, drawn, filled from one flat vector, and laid flat again."""

from __future__ import annotations

import random
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from isthmus.contracts import Row
from isthmus.core.affine import Affine, affine
from isthmus.core.parameter_specs import (
    ParameterSpec,
    assemble,
    constant,
    draw_weights,
    is_spec,
    join_weights,
    parameter_specs,
    split_weights,
    uniform,
)
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import TopK
from isthmus.parts.likelihoods import Bernoulli

ROAD = MLP((40, 30), activation="prelu")
SKELETON = build(Row((20,)), ROAD, TopK(16, k=4), ROAD, Bernoulli())
SHAPES = {
    "encoder.layers.0.affine.matrix": (20, 40),
    "encoder.layers.0.affine.bias": (40,),
    "encoder.layers.0.activation.slope": (40,),
    "encoder.layers.1.affine.matrix": (40, 30),
    "encoder.layers.1.affine.bias": (30,),
    "encoder.layers.1.activation.slope": (30,),
    "neck.affine.matrix": (30, 16),
    "neck.affine.bias": (16,),
    "decoder.layers.0.affine.matrix": (16, 30),
    "decoder.layers.0.affine.bias": (30,),
    "decoder.layers.0.activation.slope": (30,),
    "decoder.layers.1.affine.matrix": (30, 40),
    "decoder.layers.1.affine.bias": (40,),
    "decoder.layers.1.activation.slope": (40,),
    "head.affine.matrix": (40, 20),
    "head.affine.bias": (20,),
}


def test_slots_are_named_by_their_path_in_order() -> None:
    assert {name: spec.shape for name, spec in parameter_specs(SKELETON).items()} == SHAPES
    assert list(parameter_specs(SKELETON)) == list(SHAPES)
    assert [ParameterSpec(shape).size for shape in ((), (3,), (3, 4))] == [1, 3, 12]


def test_a_skeleton_is_structure_to_the_compiler() -> None:
    assert not [leaf for leaf in jax.tree.leaves(SKELETON) if not isinstance(leaf, float | int)]
    assert jax.tree.structure(SKELETON) == jax.tree.structure(build(Row((20,)), ROAD, TopK(16, k=4), ROAD, Bernoulli()))
    assert is_spec(constant((2,)))
    assert not is_spec(np.zeros(2))


def test_matrices_start_uniform_within_the_limit_of_glorot_and_the_rest_as_constants() -> None:
    weights = assemble(SKELETON, draw_weights(SKELETON, 0))
    # √2 for the rectifiers, 1 for the code and the output, which are linear.
    limits = {
        "encoder.layers.0": np.sqrt(2) * np.sqrt(6 / 60),
        "encoder.layers.1": np.sqrt(2) * np.sqrt(6 / 70),
        "neck": np.sqrt(6 / 46),
        "decoder.layers.0": np.sqrt(2) * np.sqrt(6 / 46),
        "decoder.layers.1": np.sqrt(2) * np.sqrt(6 / 70),
        "head": np.sqrt(6 / 60),
    }
    paths = jax.tree_util.tree_leaves_with_path(weights)
    leaves = {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}
    for name in SHAPES:
        leaf = np.asarray(leaves[name])
        if name.endswith("matrix"):
            limit = limits[name.removesuffix(".affine.matrix")]
            assert np.abs(leaf).max() <= limit * (1 + 1e-6)
            assert stats.kstest(leaf.ravel(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3, name
        else:
            np.testing.assert_array_equal(leaf, 0.25 if name.endswith("slope") else 0.0)


def test_a_draw_is_told_by_its_seed_and_touches_no_global_state() -> None:
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002 -- what must not move
    first = draw_weights(SKELETON, 3)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, draw_weights(SKELETON, 3))
    assert (first != draw_weights(SKELETON, 4)).mean() > 0.9
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert before[1] == random.getstate()


def test_a_slot_starts_around_its_value() -> None:
    assert uniform((3, 2), 0.5) == ParameterSpec((3, 2), limit=0.5, value=0.0)
    assert constant((3,), 2.0) == ParameterSpec((3,), limit=0.0, value=2.0)
    np.testing.assert_array_equal(draw_weights([constant((3,), 2.0), constant((2,))], 0), [2, 2, 2, 0, 0])
    drawn = draw_weights(ParameterSpec((1000,), limit=0.5, value=3.0), 0)
    assert drawn.min() >= 2.5
    assert drawn.max() <= 3.5
    assert drawn.mean() == pytest.approx(3.0, abs=4 * 0.5 / np.sqrt(3 * 1000))


def test_an_affine_layer_multiplies_rows() -> None:
    layer = affine(2, 3, gain=2.0)
    assert layer.matrix == ParameterSpec((2, 3), limit=2 * np.sqrt(6 / 5))
    assert layer.bias == ParameterSpec((3,))
    filled = assemble(layer, jnp.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.1, 0.2, 0.3]))
    np.testing.assert_allclose(filled(jnp.array([[1.0, -1.0]])), [[-2.9, -2.8, -2.7]], rtol=1e-6)


def test_filling_and_laying_flat_are_inverse() -> None:
    flat = np.random.default_rng(0).normal(size=sum(spec.size for spec in parameter_specs(SKELETON).values()))
    with jax.enable_x64(True):
        np.testing.assert_array_equal(join_weights(split_weights(SKELETON, jnp.array(flat))), flat)


def test_what_is_no_slot_stays() -> None:
    class Mixed(eqx.Module):
        layer: Affine
        rate: float
        name: str = eqx.field(static=True)

    skeleton = Mixed(affine(1, 2), rate=0.5, name="x")
    filled: Any = assemble(skeleton, np.arange(4.0))
    assert (filled.rate, filled.name) == (0.5, "x")
    np.testing.assert_array_equal(filled.layer.matrix, [[0, 1]])
    np.testing.assert_array_equal(filled.layer.bias, [2, 3])
