"""A function of `jax.nn` by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Function(Activation):
    """A function of `jax.nn` by its name, as `silu`: x · σ(x), and `mish`: x · tanh(log(1 + exp(x))).

    Parameters
    ----------
    called : its name there; `silu` where nothing is said.

    References
    ----------
    Ramachandran, Zoph and Le (2017), Searching for activation functions. Misra (2019), Mish.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> round(float(Function("silu")(jnp.array(1.0))), 4)
    0.7311
    """

    called: Literal[
        "celu",
        "elu",
        "gelu",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "leaky_relu",
        "mish",
        "relu6",
        "selu",
        "silu",
        "soft_sign",
        "squareplus",
    ] = "silu"
    gain = 2**0.5

    def __call__(self, x: Array) -> Array:
        answer: Array = getattr(jax.nn, self.called)(x)
        return answer
