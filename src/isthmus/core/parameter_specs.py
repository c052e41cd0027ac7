"""Weights before they have numbers: a network is built of parameter specs, then filled from one flat vector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


@jax.tree_util.register_static
@dataclass(frozen=True)
class ParameterSpec:
    """A weight's place: its shape, and its start as `value` plus a uniform draw from [-limit, limit].

    A module built of parameter specs holds no array, so it can be compared with a file before memory is taken,
    and it is structure to the compiler: only the flat vector of weights is data.
    """

    shape: tuple[int, ...]
    limit: float = 0.0
    value: float = 0.0
    is_fixed: bool = False  # it is set from the rows before training, and does not learn

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@jax.tree_util.register_static
@dataclass(frozen=True)
class TransposedSpec:
    """A matrix that is another one transposed: that of the spec `index`, in their order. It has no weights."""

    index: int


Tree = TypeVar("Tree")  # a module, or a tree of such


def uniform(shape: tuple[int, ...], limit: float) -> Any:
    """Return a parameter spec that starts uniform in ±limit."""
    return ParameterSpec(shape, limit=limit)


def constant(shape: tuple[int, ...], value: float = 0.0) -> Any:
    """Return a parameter spec that starts as `value`."""
    return ParameterSpec(shape, value=value)


def fixed(shape: tuple[int, ...]) -> Any:
    """Return a parameter spec that does not learn: `start` of a likelihood or an encoder says what it holds."""
    return ParameterSpec(shape, is_fixed=True)


def is_spec(leaf: Any) -> bool:
    return isinstance(leaf, ParameterSpec)


def is_leaf(leaf: Any) -> bool:
    return isinstance(leaf, ParameterSpec | TransposedSpec)


def parameter_specs(skeleton: object) -> dict[str, ParameterSpec]:
    """Return the specs of a module by path, as `encoder.layers.0.matrix`, in their order in the flat vector."""
    leaves = jax.tree_util.tree_leaves_with_path(skeleton, is_leaf=is_spec)
    return {jax.tree_util.keystr(path, simple=True, separator="."): s for path, s in leaves if is_spec(s)}


def draw_weights(skeleton: object, seed: int) -> np.ndarray:
    """Return starting weights, one flat float32 vector.

    NumPy draws them: XLA would compile a program for every shape, a second for a common network.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    return np.concatenate(
        [
            spec.value + spec.limit * (2 * generator.random(spec.size, dtype=np.float32) - 1)
            for spec in parameter_specs(skeleton).values()
        ],
        dtype=np.float32,
    )


def split_weights(skeleton: object, flat: Any) -> list[Any]:
    """Return the arrays of the parameter specs, in order, from `flat` [weights]."""
    arrays, offset = [], 0
    for spec in parameter_specs(skeleton).values():
        arrays.append(flat[offset : offset + spec.size].reshape(spec.shape))
        offset += spec.size
    return arrays


def fill_specs(skeleton: Tree, arrays: list[Any]) -> Tree:
    """Return the module with its parameter specs filled, in order, and its tied matrices transposed."""
    rest = iter(arrays)

    def filled(leaf: Any) -> Any:
        if isinstance(leaf, TransposedSpec):
            return arrays[leaf.index].T
        if not is_spec(leaf):
            return leaf
        return jax.lax.stop_gradient(next(rest)) if leaf.is_fixed else next(rest)

    return jax.tree.map(filled, skeleton, is_leaf=is_leaf)


def join_weights(arrays: list[Any]) -> Array:
    """Return arrays as one flat vector: the inverse of `split_weights`."""
    return jnp.concatenate([array.ravel() for array in arrays])


def spec_arrays(skeleton: object, module: Any) -> list[Any]:
    """Return the arrays of a filled module that stand in the parameter specs of its skeleton, in their order."""
    arrays: list[Any] = []
    jax.tree.map(lambda spec, leaf: arrays.append(leaf) if is_spec(spec) else None, skeleton, module, is_leaf=is_leaf)
    return arrays


def assemble(skeleton: Tree, flat: Any) -> Tree:
    """Return the module with its parameter specs filled, in order, from `flat` [weights]."""
    return fill_specs(skeleton, split_weights(skeleton, flat))


def weight_count(skeleton: object) -> int:
    """Return how many numbers a network learns."""
    return sum(spec.size for spec in parameter_specs(skeleton).values())


def weight_range(skeleton: object, prefix: str) -> tuple[int, int]:
    """Return where the parameter specs whose path begins with `prefix` stand in the flat vector: from, to."""
    low = high = offset = 0
    for path, spec in parameter_specs(skeleton).items():
        offset += spec.size
        if path.startswith(prefix):
            low, high = (low if high else offset - spec.size), offset
    return low, high


def with_values(skeleton: object, weights: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """Return a flat vector in which the parameter specs named by path hold `values`."""
    weights, offset = weights.copy(), 0
    for path, spec in parameter_specs(skeleton).items():
        if path in values:
            weights[offset : offset + spec.size] = np.broadcast_to(values[path], spec.shape).ravel()
        offset += spec.size
    return weights


def as_data(tree: Tree) -> Tree:
    """Return a tree whose numbers have one type, so that 1 and 1.0 run the same program."""
    return jax.tree.map(np.float32, tree)
