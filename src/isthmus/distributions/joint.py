"""Several targets on one code: a head for each, their columns side by side."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Outcome


class JointHead(Head):
    """One head for each target."""

    heads: tuple[Head, ...]
    widths: tuple[int, ...] = eqx.field(static=True)  # columns of each

    def __call__(self, features: Array) -> Outcome:
        return JointOutcome(tuple(head(features) for head in self.heads), self.widths)


class JointOutcome(Outcome):
    """Independent outcomes of several targets."""

    outcomes: tuple[Outcome, ...]
    widths: tuple[int, ...] = eqx.field(static=True)

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        masks = [None] * len(self.widths) if observed is None else self._cut(observed)
        parts = zip(self.outcomes, self._cut(x), masks, strict=True)
        return jnp.concatenate([outcome.log_prob_by_column(part, mask) for outcome, part, mask in parts], -1)

    def mean(self) -> Array:
        return jnp.concatenate([outcome.mean() for outcome in self.outcomes], -1)

    def sample(self, key: Array) -> Array:
        keys = jax.random.split(key, len(self.outcomes))
        return jnp.concatenate([o.sample(key) for o, key in zip(self.outcomes, keys, strict=True)], -1)

    def conditional_mean(self, x: Array, observed: Array) -> Array:
        parts = zip(self.outcomes, self._cut(x), self._cut(observed), strict=True)
        return jnp.concatenate([outcome.conditional_mean(part, mask) for outcome, part, mask in parts], -1)

    def _cut(self, x: Array) -> list[Array]:
        ends = np.cumsum(self.widths)
        return [x[..., end - width : end] for end, width in zip(ends, self.widths, strict=True)]
