"""Weights in blocks while they are trained: each large matrix by itself, everything else in one vector.

One flat vector is what a file holds and what costs the compiler least, but a product needs its matrix as an array of
its own: cutting large ones out of the vector, and joining their slopes, can take longer than the products of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from isthmus.core.parameter_specs import ParameterSpec, join_weights, parameter_specs, split_weights

LARGE = 8_192  # numbers of a matrix from which on it is a block by itself

Blocks = Any
"""The flat vector; or a tuple: the vector of all small parameter specs, then each large one in its own shape."""


def has_large(skeleton: object) -> bool:
    """Say whether a network has a matrix that is worth a block of its own."""
    return any(map(_is_large, _specs(skeleton)))


def blocks_of(skeleton: object, flat: Any) -> Blocks:
    """Return a flat vector [weights], of the weights or of what an optimizer remembers of each, in blocks."""
    return _joined(skeleton, split_weights(skeleton, flat))


def flat_of(skeleton: object, blocks: Blocks) -> Any:
    """Return the flat vector: the inverse of `blocks_of`."""
    return join_weights(arrays_of(skeleton, blocks)) if isinstance(blocks, tuple) else blocks


def arrays_of(skeleton: object, blocks: Blocks) -> list[Any]:
    """Return the arrays of the parameter specs, in order."""
    if not isinstance(blocks, tuple):
        return split_weights(skeleton, blocks)
    vector, *rest = blocks
    large, arrays, offset = iter(rest), [], 0
    for spec in _specs(skeleton):
        if _is_large(spec):
            arrays.append(next(large))
        else:
            arrays.append(vector[offset : offset + spec.size].reshape(spec.shape))
            offset += spec.size
    return arrays


def joined_as(blocks: Blocks, skeleton: object, arrays: Sequence[Any]) -> Blocks:
    """Return the arrays of the parameter specs, such as slopes, in the same blocks as others."""
    return _joined(skeleton, arrays) if isinstance(blocks, tuple) else join_weights(list(arrays))


def _joined(skeleton: object, arrays: Sequence[Any]) -> Blocks:
    pairs = list(zip(arrays, map(_is_large, _specs(skeleton)), strict=True))
    small = [array for array, is_large in pairs if not is_large]
    vector = join_weights(small) if small else jnp.zeros(0, arrays[0].dtype)
    return (vector, *(array for array, is_large in pairs if is_large))


def _specs(skeleton: object) -> list[ParameterSpec]:
    return list(parameter_specs(skeleton).values())


def _is_large(spec: ParameterSpec) -> bool:
    return spec.size >= LARGE
