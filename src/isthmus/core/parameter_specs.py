"""Weights before they have numbers: a network is built of slots, then filled from one flat vector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


@jax.tree_util.register_static
@dataclass(frozen=True)
class Slot:
    """A weight's place: its shape, and its start as `value` plus a uniform draw from [-limit, limit].

    A module built of slots holds no array, so it can be compared with a file before memory is taken,
    and it is structure to the compiler: only the flat vector of weights is data.
    """

    shape: tuple[int, ...]
    limit: float = 0.0
    value: float = 0.0
    is_fixed: bool = False  # it is seen from the rows before training, and does not learn

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@jax.tree_util.register_static
@dataclass(frozen=True)
class Mirror:
    """A matrix that is another one transposed: that of the slot `index`, in their order. It has no weights."""

    index: int


def uniform(shape: tuple[int, ...], limit: float) -> Any:
    """Return a slot that starts uniform in ±limit."""
    return Slot(shape, limit=limit)


def constant(shape: tuple[int, ...], value: float = 0.0) -> Any:
    """Return a slot that starts as `value`."""
    return Slot(shape, value=value)


def fixed(shape: tuple[int, ...]) -> Any:
    """Return a slot that does not learn: a likelihood's `start` says what it holds."""
    return Slot(shape, is_fixed=True)


def is_slot(leaf: Any) -> bool:
    return isinstance(leaf, Slot)


def is_leaf(leaf: Any) -> bool:
    return isinstance(leaf, Slot | Mirror)


def slots(skeleton: Any) -> dict[str, Slot]:
    """Return the slots of a module by path, as `encoder.layers.0.matrix`, in their order in the flat vector."""
    leaves = jax.tree_util.tree_leaves_with_path(skeleton, is_leaf=is_slot)
    return {jax.tree_util.keystr(path, simple=True, separator="."): s for path, s in leaves if is_slot(s)}


def draw(skeleton: Any, seed: int) -> np.ndarray:
    """Return starting weights, one flat float32 vector.

    NumPy draws them: XLA would compile a program for every shape, a second for a common network.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    return np.concatenate(
        [
            slot.value + slot.limit * (2 * generator.random(slot.size, dtype=np.float32) - 1)
            for slot in slots(skeleton).values()
        ],
        dtype=np.float32,
    )


def cut(skeleton: Any, flat: Any) -> list[Any]:
    """Return the arrays of the slots, in order, from `flat` [weights]."""
    arrays, offset = [], 0
    for slot in slots(skeleton).values():
        arrays.append(flat[offset : offset + slot.size].reshape(slot.shape))
        offset += slot.size
    return arrays


def fill(skeleton: Any, arrays: list[Any]) -> Any:
    """Return the module with its slots filled, in order, and its mirrors turned."""
    rest = iter(arrays)

    def filled(leaf: Any) -> Any:
        if isinstance(leaf, Mirror):
            return arrays[leaf.index].T
        if not is_slot(leaf):
            return leaf
        return jax.lax.stop_gradient(next(rest)) if leaf.is_fixed else next(rest)

    return jax.tree.map(filled, skeleton, is_leaf=is_leaf)


def join(arrays: list[Any]) -> Array:
    """Return arrays as one flat vector: the way back from `cut`."""
    return jnp.concatenate([array.ravel() for array in arrays])


def taken(skeleton: Any, module: Any) -> list[Any]:
    """Return the arrays of a filled module that stand in the slots of its skeleton, in their order."""
    found: list[Any] = []
    jax.tree.map(lambda slot, leaf: found.append(leaf) if is_slot(slot) else None, skeleton, module, is_leaf=is_leaf)
    return found


def assemble(skeleton: Any, flat: Any) -> Any:
    """Return the module with its slots filled, in order, from `flat` [weights]."""
    return fill(skeleton, cut(skeleton, flat))


def span(skeleton: Any, prefix: str) -> tuple[int, int]:
    """Return where the slots whose path begins with `prefix` stand in the flat vector: from, to."""
    low = high = offset = 0
    for path, slot in slots(skeleton).items():
        offset += slot.size
        if path.startswith(prefix):
            low, high = (low if high else offset - slot.size), offset
    return low, high


def started(skeleton: Any, weights: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """Return a flat vector in which the slots named by path hold `values`."""
    weights, offset = weights.copy(), 0
    for path, slot in slots(skeleton).items():
        if path in values:
            weights[offset : offset + slot.size] = np.broadcast_to(values[path], slot.shape).ravel()
        offset += slot.size
    return weights


def as_data(tree: Any) -> Any:
    """Return a tree whose numbers have one type, so that 1 and 1.0 run the same program."""
    return jax.tree.map(np.float32, tree)
