"""Modules of Equinox as encoders and decoders: any that computes one row."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import BackboneModule
from isthmus.core.parameter_specs import ParameterSpec
from isthmus.errors import InvalidPart


class EquinoxModule(BackboneModule):
    """A module for one row, mapped over rows; in inference without noise."""

    weights: Any  # the module's arrays, as parameter specs until they are filled
    rest: Any = eqx.field(static=True)  # its structure, and what in it is no array
    takes_key: bool = eqx.field(static=True)

    def __call__(self, x: Array, key: Array | None) -> Array:
        structure, leaves = self.rest
        module = eqx.combine(self.weights, jax.tree.unflatten(structure, leaves))
        if key is None:
            module = eqx.nn.inference_mode(module)
        if key is None or not self.takes_key:
            return jax.vmap(module)(x)
        return jax.vmap(lambda row, own: module(row, key=own))(x, jax.random.split(key, x.shape[0]))


def from_equinox(module: Callable[..., Any]) -> BackboneModule:
    """Return an Equinox module for one row, [d] to [width], as a module of a backbone, [n, d] to [n, width].

    Its weights are drawn again for each `random_state`: uniform, with the mean and the deviation of the array they
    replace. Arrays of one value start as they are.

    Parameters
    ----------
    module : called as `module(row)`, or as `module(row, key=key)` in training where it takes a key.

    Raises
    ------
    InvalidPart
        If it is not callable, or holds arrays of whole numbers, or a state.

    Examples
    --------
    >>> module = from_equinox(eqx.nn.Linear(3, 2, key=jax.random.key(0)))
    >>> module.weights.weight.shape
    (2, 3)
    """
    if not callable(module):
        raise InvalidPart(f"from_equinox needs a callable module. Got a {type(module).__name__}.")
    weights, rest = eqx.partition(module, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(rest)
    is_complex = any(jnp.iscomplexobj(leaf) for leaf in jax.tree.leaves(weights))
    if is_complex or any(isinstance(leaf, np.ndarray | jax.Array | eqx.nn.StateIndex) for leaf in leaves):
        raise InvalidPart("from_equinox takes modules whose arrays are all of floats and learned, without a state.")
    takes_key = "key" in inspect.signature(module).parameters
    return EquinoxModule(jax.tree.map(_spec_like, weights), (structure, tuple(leaves)), takes_key)


def _spec_like(array: Any) -> ParameterSpec:
    values = np.asarray(array, np.float64)
    return ParameterSpec(values.shape, limit=math.sqrt(3) * float(values.std()), value=float(jnp.mean(values)))
