"""The objective: corrupt, encode, decode, explain; the sum of named terms. It names no variant."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Corruption, Optimizer, Penalty, at
from isthmus.flow import Batch, Pass
from isthmus.model import Model
from isthmus.parts import unique_names


class Plan(NamedTuple):
    """How a model is trained. A pytree of parts: its floats are data to the compiler."""

    corruption: Corruption | None
    penalties: tuple[Penalty, ...]
    optimizer: Optimizer


def loss(model: Model, plan: Plan, batch: Batch, step: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
    """Return the loss and its terms by name: means over rows, weighted; `key=None` computes without noise."""
    corrupted = batch.x
    if key is not None and plan.corruption is not None:
        corrupted = plan.corruption(batch.x, jax.random.fold_in(key, 3))
    code = model.encode(corrupted, key)
    outcome = model.decode(code.draws, key)
    found = model.neck.terms(outcome.log_prob(batch.x), code, step)
    seen = Pass(batch, corrupted, code, outcome, model, step, key)
    for name, penalty in zip(unique_names(plan.penalties), plan.penalties, strict=True):
        found[f"{name}_penalty" if name in found else name] = at(penalty.weight, step) * penalty(seen)
    means = {name: _mean(term, batch.weight) for name, term in found.items()}
    return sum(means.values(), start=jnp.zeros(())), means


def _mean(term: Array, weight: Array) -> Array:
    """Return the weighted mean over real rows; weights average 1 over the table, not in each batch."""
    if jnp.ndim(term) == 0:
        return term
    return jnp.sum(term * weight) / jnp.maximum(jnp.sum(weight > 0), 1)
