"""How often each unit of the code is on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import ForwardPass, KnownCategories, Network, Penalty, Schedule
from isthmus.errors import require

EDGE = 1e-3  # of the way from an end of (0, 1) to rho: closer to the end the divergence goes on as a straight line
CHANCE = 3.0  # standard errors by which a batch may miss the mean of the sample


class Sample(NamedTuple):
    """What is known of the activation of each unit."""

    rows: Any  # [size], from how many
    mean: Any  # [size]
    variance: Any  # [size]


@dataclass(frozen=True)
class Sparsity(Penalty):
    """weight · Σ_j KL(rho ‖ ρ̂_j), ρ̂_j the mean activation a of unit j over the sample, between 0 and 1.

    a is the unit's place in its span: h for a sigmoid code, (h + 1) / 2 for tanh. Of a code without ends a is the
    sigmoid of the unit, of one with a lower end alone, as relu, tanh(h / 2).

    KL(ρ ‖ ρ̂) = ρ log(ρ/ρ̂) + (1−ρ) log((1−ρ)/(1−ρ̂)), whose slope is −ρ/ρ̂ + (1−ρ)/(1−ρ̂). A small batch tells
    little of ρ̂, so ρ̂ is a running mean over this batch and those before; where they disagree by more than chance
    explains, the unit has moved and the past counts less. The gradient goes through the mean of the batch as if it
    were that of the sample: it does not weaken with the length of the memory.

    Where a mean comes within a thousandth of the
    way from an end of the span to rho, or lies beyond it, the divergence goes on as a straight line, which pulls
    back with a slope of about 1000 times the weight.

    Parameters
    ----------
    rho : how much of its span each unit should be on, on average, in (0, 1).
    weight : a number of at least 0, or a schedule.
    memory : share of the rows seen before that still counts in the next step, in [0, 1); 0 looks at each batch alone.
    span : the lowest and the highest value of a unit; None takes that of the code.

    References
    ----------
    Ng (2011), Sparse autoencoder, CS294A lecture notes.

    Examples
    --------
    >>> str(Sparsity(0.1, 1.0))
    'sparsity(0.1, weight=1.0)'
    """

    rho: float = 0.05
    weight: float | Schedule = 3.0
    memory: float = 0.99
    span: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        require(0 < self.rho < 1, "Sparsity.rho", "in (0, 1)", self.rho)
        require(0 <= self.memory < 1, "Sparsity.memory", "in [0, 1)", self.memory)
        is_span = self.span is None or (len(self.span) == 2 and self.span[0] < self.span[1])
        require(is_span, "Sparsity.span", "the lowest and the highest activation", self.span)

    def __call__(self, forward: ForwardPass) -> Array:
        mean, sample = self._batch(forward).mean, self.remember(forward)
        known = jnp.where(sample.rows > 0, sample.mean, self.rho)
        return jnp.sum(_divergence(self.rho, jax.lax.stop_gradient(known - mean) + mean))

    def start(self, model: Network, known: KnownCategories) -> Sample:
        return _nothing(model.size)

    def remember(self, forward: ForwardPass) -> Sample:
        batch = self._batch(forward)
        past = _nothing(batch.mean.size) if forward.memory is None else forward.memory
        variance = jnp.maximum(past.variance, batch.variance)
        # A past that has strayed by b tells as much as variance / b² rows.
        strayed = jnp.square(batch.mean - past.mean) - CHANCE**2 * variance / jnp.maximum(batch.rows, 1)
        worth = jnp.where(strayed > 0, variance / jnp.where(strayed > 0, strayed, 1), jnp.inf)
        past_rows = jnp.where(batch.rows > 0, jnp.minimum(self.memory * past.rows, worth), past.rows)
        share = batch.rows / jnp.where(past_rows + batch.rows > 0, past_rows + batch.rows, 1)
        return Sample(
            rows=past_rows + batch.rows,
            mean=past.mean + share * (batch.mean - past.mean),
            variance=past.variance + share * (batch.variance - past.variance),
        )

    def _activation(self, forward: ForwardPass) -> Array:
        """Return how far each unit is on, between 0 and 1, [k, n, size]."""
        code, neck = forward.code.draws, None if forward.model is None else forward.model.neck
        low, high = self.span or ((0.0, 1.0) if neck is None else neck.span)
        if self.span is not None or (math.isfinite(low) and math.isfinite(high)):
            return (code - low) / (high - low)
        return jnp.tanh((code - low) / 2) if math.isfinite(low) else jax.nn.sigmoid(code)

    def _batch(self, forward: ForwardPass) -> Sample:
        """Return what the batch alone tells."""
        shares = jnp.mean(self._activation(forward), axis=0)  # [n, size]
        rows = jnp.sum(forward.batch.weight)
        weight = forward.batch.weight / jnp.where(rows > 0, rows, 1)
        mean = weight @ shares
        return Sample(jnp.full_like(mean, rows), mean, weight @ jnp.square(shares - mean))


def _nothing(size: int) -> Sample:
    return Sample(*np.zeros((3, size), np.float32))


def _divergence(rho: Array | float, mean: Array) -> Array:
    """Return KL(ρ ‖ ρ̂), a straight line near the ends and beyond."""
    inside = jnp.clip(mean, EDGE * rho, 1 - EDGE * (1 - rho))
    value = rho * jnp.log(rho / inside) + (1 - rho) * jnp.log((1 - rho) / (1 - inside))
    slope = (1 - rho) / (1 - inside) - rho / inside
    return value + slope * (mean - inside)
