"""Modules of Equinox as encoders and decoders, with the weights that they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isthmus.adopted._own import Own
from isthmus.contracts import Backbone, BackboneModule, Row
from isthmus.core.parameter_specs import parameter_specs
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart
from isthmus.layers.equinox_module import EquinoxModule, from_equinox


class Held:
    """Arrays that are structure to a compiler: the same object is the same structure."""

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays


class StartedAsHeld(BackboneModule):
    """What weights start as that somebody has: as they are."""

    own: Held = eqx.field(static=True)

    def start(self, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(parameter_specs(self), self.own.arrays, strict=True))


class Started(StartedAsHeld, EquinoxModule):
    """A module for one row whose weights start as they are."""


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class OwnBackbone(Own, Backbone, abstract=True):
    """A module for one row, called as `module(row)`, or `module(row, key=key)` in training where it takes a key."""

    held: Any

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._module(row.shape, "a row")

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._module((size,), "a code")

    @property
    def reversed(self) -> Backbone:
        return resolve(Backbone, "mlp")  # no module can be turned round

    def _module(self, shape: tuple[int, ...], what: str) -> tuple[BackboneModule, int]:
        if isinstance(self.held, BackboneModule):  # `from_equinox` has made it: its weights are drawn
            return self.held, self._width(jax.vmap(lambda x: x), shape, what)
        module = from_equinox(self.held)
        width = self._width(self.held, shape, what)
        arrays = [np.asarray(leaf, np.float32) for leaf in jax.tree.leaves(eqx.filter(self.held, eqx.is_inexact_array))]
        return Started(module.weights, module.rest, module.takes_key, Held(arrays)), width  # type: ignore[attr-defined]

    def _width(self, module: Any, shape: tuple[int, ...], what: str) -> int:
        """Return the width of what a module answers for an input of a shape."""
        try:
            answer = eqx.filter_eval_shape(module, jax.ShapeDtypeStruct(shape, jnp.float32))
        except (TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise InvalidPart(
                f"the module {self.title} does not take {what} of shape {shape}: {reason} Give it that many inputs."
            ) from error
        if getattr(answer, "ndim", None) != 1:
            raise InvalidPart(f"the module {self.title} answers no vector for {what} of shape {shape}.")
        return int(answer.shape[0])


def adopted_backbone(value: Any) -> Backbone | None:
    """Return the backbone that a module of Equinox is."""
    return OwnBackbone(value) if isinstance(value, eqx.Module) and callable(value) else None
