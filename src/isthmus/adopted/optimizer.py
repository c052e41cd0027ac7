"""Transformations of optax as optimizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import optax

from isthmus.adopted._own import Own
from isthmus.contracts import Optimizer


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class OwnOptimizer(Own, Optimizer, abstract=True):
    """A transformation of gradients whose updates are added to the weights, its learning rate and sign inside."""

    held: Any
    takes_blocks = False  # nothing says that it does
    learning_rate = 1.0

    @property
    def title(self) -> str:
        return "of optax"

    @property
    def decays(self) -> bool:
        return True  # nothing says that it does not

    def direction(self) -> optax.GradientTransformation:
        return optax.chain(self.held, optax.scale(-1.0))


def adopted_optimizer(value: Any) -> Optimizer | None:
    """Return the optimizer that a transformation of optax is."""
    return OwnOptimizer(value) if isinstance(value, optax.GradientTransformation) else None
