"""The modules that parts build.

Parts describe; modules compute. A module is an `equinox.Module` built of specs (`core/parameter_specs.py`), filled
with numbers later. n rows, d columns, k draws of a code, its size, the width of a layer.
`key=None` means inference: no noise.
"""

from __future__ import annotations

import abc
import math
from typing import ClassVar, Protocol

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts.outcomes import Outcome
from isthmus.contracts.records import LAST_STEP, Code, ForwardPass


class BackboneModule(eqx.Module):
    """An encoder or a decoder: [n, ...] in, [n, width] out."""

    @abc.abstractmethod
    def __call__(self, x: Array, key: Array | None) -> Array: ...

    @property
    def is_identity(self) -> bool:
        """Say whether it only returns what it is given, flat."""
        return False

    @property
    def reads_missing(self) -> bool:
        """Say whether it reads entries that are NaN as missing; for all other modules they are set to 0."""
        return False

    def start(self, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Return by path what its fixed weights hold, of scaled rows [n, d], NaN where missing, and their weights."""
        return {}


class Neck(eqx.Module):
    """The module of a bottleneck."""

    is_random: ClassVar[bool] = False  # its draws differ from key to key: a loss is known by the mean over several

    @property
    def span(self) -> tuple[float, float]:
        """Return the range of what a unit can give."""
        return -math.inf, math.inf

    @abc.abstractmethod
    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        """Return the code of `hidden` [n, width]; without a key as it is after the last step."""

    def terms(self, log_likelihood: Array, forward: ForwardPass) -> dict[str, Array]:
        """Return what to minimise, by name, [n] each or a scalar; the likelihood is given as [k, n]."""
        return {"reconstruction": -jnp.mean(log_likelihood, axis=0)}

    def for_penalties(self, code: Code) -> Code:
        """Return the code that penalties are computed from: without what the neck does to its gradient."""
        return code

    def discriminator_terms(self, forward: ForwardPass) -> dict[str, Array]:
        """Return what the discriminator, the weights below the field `rival`, minimises, by name; none without one.

        The two sides enter each other's terms, but learn apart: `terms` holds the weights of the discriminator fixed
        by `jax.lax.stop_gradient`, and these terms the code.
        """
        return {}

    def slopes(self, hidden: Array) -> tuple[Array, Array] | None:
        """Return s [n, size] and W [width, size] where the code is a(hidden W + b) unit by unit, s the slope of a.

        Then the Jacobian of row i is diag(s_i) Wᵀ; None where it has no such form.
        """
        return None

    def sample(self, key: Array, n: int, label: Array | None = None) -> Array | None:
        """Return codes [n, size] drawn from the prior, with labels [n] from what belongs to them.

        None where the code has no prior, or is given labels and the prior does not go by them.
        """
        return None

    def nearest(self, code: Array) -> Array:
        """Return what the neck can give that is nearest to `code` [n, size]: of a sparse code, few units."""
        return code

    def decoded(self, code: Array) -> Array:
        """Return what is decoded of `code` [n, size]: of a sparse one fewer units, where `transform` keeps more."""
        return code

    def baseline(self, code: Array) -> Array:
        """Return what each unit is set to where it is left out, [size], of rows with `code` [n, size]: their mean."""
        return jnp.mean(code, axis=0)


class Head(eqx.Module):
    """The module of a likelihood."""

    @abc.abstractmethod
    def __call__(self, features: Array) -> Outcome:
        """Return the outcome, its arrays [n, d], of `features` [n, width]."""


class Network(Protocol):
    """A model, as far as a part may ask of it: an encoder and a code, and a decoder where rows are explained."""

    @property
    def encoder(self) -> BackboneModule: ...

    @property
    def neck(self) -> Neck: ...

    @property
    def target(self) -> Head | None:
        """The head of a target, None where none is explained."""

    @property
    def size(self) -> int:
        """The units of the code."""

    def encode(
        self, x: Array, key: Array | None = None, step: Array = LAST_STEP, *, has_layer_noise: bool = True
    ) -> Code:
        """Return the code of `x` [n, d]; the noise of a key is that of the encoder's layers too, if they have it."""

    def decode(self, draws: Array, key: Array | None = None, condition: Array | None = None) -> Outcome:
        """Return the outcome of rows, arrays [k, n, d], of codes `draws` [k, n, size] and their condition [n, c]."""
