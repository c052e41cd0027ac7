"""Functions as activations."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.adopted._own import Own
from isthmus.contracts import Activation
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart

NAMED = {jax.nn.relu: "relu", jax.nn.sigmoid: "sigmoid", jax.nn.softplus: "softplus", jnp.tanh: "tanh"}
FUNCTIONS = (
    *("celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "mish", "relu6", "selu", "silu"),
    *("soft_sign", "squareplus"),
)
"""Those that the activation `function` has, by their names in `jax.nn`."""


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class OwnActivation(Own, Activation, abstract=True):
    """A function of numbers, any shape, to numbers of the same shape."""

    held: Any

    def __call__(self, x: Array) -> Array:
        answer = self.held(x)
        if jnp.shape(answer) != x.shape:
            raise InvalidPart(
                f"the activation {self.title} answers {jnp.shape(answer)} for {x.shape}: it must keep the shape."
            )
        return jnp.asarray(answer)


def adopted_activation(value: Any) -> Activation | None:
    """Return the activation that a function is: of those in `jax.nn` one that has a name, which files can hold."""
    if not callable(value) or inspect.isclass(value):
        return None
    name = next((name for name in FUNCTIONS if value is getattr(jax.nn, name)), None)
    name = f"function({name})" if name else next((known for f, known in NAMED.items() if value is f), None)
    return OwnActivation(value) if name is None else resolve(Activation, name)
