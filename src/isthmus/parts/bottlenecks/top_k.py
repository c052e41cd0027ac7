"""A code of which only the largest units pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import (
    LAST_STEP,
    Affine,
    Arrays,
    Bottleneck,
    Code,
    Finish,
    Neck,
    Schedule,
    TrainedNetwork,
    affine,
    at,
)
from isthmus.errors import require
from isthmus.layers.largest import keep_largest


@dataclass(frozen=True)
class TopK(Bottleneck):
    """A linear code of `size` units of which the k largest stay as they are and the others are zero.

    Largest means signed, not by magnitude. Of equal units the first stay, so exactly k do. `transform` keeps alpha·k,
    as many as `k` has come to at its end; what is decoded keeps k, also in `inverse_transform`.

    Parameters
    ----------
    size : units in the code.
    k : units that stay, from 1 to size; or a schedule, rounded, that rises or falls all the way: a larger k at
        first keeps units from dying. The paper lowers it in a straight line over the first half of training.
    alpha : how many times as many units stay in what `transform` returns, at least 1 (the paper: 3), up to all.

    References
    ----------
    Makhzani and Frey (2013), k-sparse autoencoders.

    Examples
    --------
    >>> keep_largest(jnp.array([[1.0, -2.0, 3.0, 3.0]]), 2, most=3).tolist()
    [[0.0, 0.0, 3.0, 3.0]]
    >>> TopK(1000, k="linear(100, 25, steps=5000)", alpha=3).build(784).encoded
    75
    """

    size: int
    k: int | Schedule = 8
    alpha: float = 1.0

    fact_names = ("dead_units",)

    def __post_init__(self) -> None:
        require(self.size >= 1, "TopK.size", "at least 1", self.size)
        within = all(1 <= value <= self.size for value in self._ends())
        got = str(self.k) if isinstance(self.k, Schedule) else self.k
        require(within, "TopK.k", f"from 1 to the size of the code, {self.size}", got)
        require(self.alpha >= 1, "TopK.alpha", "at least 1", self.alpha)

    def _ends(self) -> tuple[float, float]:
        """Return k before the first step and after the last."""
        return float(at(self.k, jnp.int32(0))), float(at(self.k, jnp.int32(LAST_STEP)))

    def can_copy(self, columns: int) -> bool:
        return round(self._ends()[1]) >= columns

    def build(self, width: int) -> Neck:
        first, last = map(round, self._ends())
        encoded = round(min(self.alpha * last, self.size))
        return TopKNeck(affine(width, self.size), self.k, most=max(first, last), encoded=encoded)

    def finish(self, network: TrainedNetwork) -> Finish:
        """Return the dead units: those that are zero in every training row."""
        is_active = np.any([(codes[:, : self.size] != 0).any(axis=0) for codes in network.codes()], axis=0)
        return Finish({"dead_units": np.flatnonzero(~is_active)}, self)

    def check_facts(self, facts: Mapping[str, Any]) -> Arrays:
        units: Any = facts["dead_units"]
        is_list = isinstance(units, list) and all(type(unit) is int and unit >= 0 for unit in units)
        require(is_list and units == sorted(set(units)), "dead_units", "places of units, in order", units)
        return {"dead_units": np.array(units, np.intp)}


class TopKNeck(Neck):
    affine: Affine
    k: float | Schedule
    most: int = eqx.field(static=True)  # units that stay at any step
    encoded: int = eqx.field(static=True)  # units that stay in `point`

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        linear = self.affine(hidden)
        draws = keep_largest(linear, self._units(step), self.most)[None]
        return Code(draws, keep_largest(linear, self.encoded, self.encoded), dense=linear)

    def nearest(self, code: Array) -> Array:
        # A unit that is 0 has been left out already, though others that stay are below 0.
        is_out = code == 0
        largest = keep_largest(jnp.where(is_out, -jnp.inf, code), self._units(LAST_STEP), self.most)
        return jnp.where(is_out, 0, largest)

    def decoded(self, code: Array) -> Array:
        return self.nearest(code)

    def _units(self, step: Array) -> Array:
        """Return how many units stay at a step."""
        return jnp.clip(jnp.round(at(self.k, step)), 1, self.most).astype(jnp.int32)
