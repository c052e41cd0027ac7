"""Functions of the code as penalties."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.adopted._own import Own
from isthmus.contracts import ForwardPass, Penalty
from isthmus.errors import InvalidPart


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class OwnPenalty(Own, Penalty, abstract=True):
    """A function of codes [n, size], of one draw where there are several, to [n] or a number: what is added."""

    held: Any

    @property
    def name(self) -> str:  # type: ignore[override]
        """What records call it."""
        return self.title if self.title.isidentifier() else "own_penalty"

    def __call__(self, forward: ForwardPass) -> Array:
        draws = forward.code.draws
        answer = jnp.mean(jnp.asarray(jax.vmap(self.held)(draws)), axis=0)
        if answer.shape not in ((), draws.shape[1:2]):
            raise InvalidPart(
                f"the penalty {self.title} answers {answer.shape} for codes of {draws.shape[1:]}: it must give a "
                "number for each row, or one."
            )
        return answer


def adopted_penalty(value: Any) -> Penalty | None:
    """Return the penalty that a function of the code is."""
    return OwnPenalty(value) if callable(value) and not inspect.isclass(value) else None
