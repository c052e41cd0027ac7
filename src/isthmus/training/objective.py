"""The objective: corrupt, encode, decode, explain; the sum of named terms. It names no variant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import (
    Batch,
    Code,
    Corruption,
    ForwardPass,
    KnownCategories,
    Optimizer,
    Outcome,
    Penalty,
    Schedule,
    at,
)
from isthmus.core.spelling import unique_names
from isthmus.model.model import Model, Noise, fold

RESERVED = (
    "loss",
    "epoch",
    "kept",
    "validation_loss",
    "weight_change",
    "changed_links",
    "seconds",
    "stop",
)  # names in a record

Tree = TypeVar("Tree")


class Plan(NamedTuple):
    """How a model is trained. A pytree of parts: its floats are data to the compiler."""

    corruption: Corruption | None
    penalties: tuple[Penalty, ...]
    optimizer: Optimizer
    discriminator: Optimizer | None = None
    reconstruction: float = 1.0  # weight of explaining rows beside a target
    step_scale: Array | np.ndarray | None = None  # [weights], factors on their steps: 0 holds a weight; None for 1
    limits: Array | np.ndarray | None = None  # [2, d], the lowest and the highest values, where a corruption asks

    def is_noisy(self, model: Model) -> bool:
        """Say whether the objective of a model is an expectation, over a corruption or the draws of a code."""
        return self.corruption is not None or model.neck.is_random

    def last_step(self, model: Model, *, is_exact: bool = False) -> int:
        """Return the step from which on no schedule changes: of the objective of a model, and of learning rates.

        An endless one of the objective counts as ended near its end, and one of a rate is not waited for. `is_exact`
        asks only for those of the objective that end.
        """
        objective, rates = _schedules((self.penalties, model)), _schedules((self.optimizer, self.discriminator))
        counted = [s for s in objective if not (is_exact and s.is_endless)]
        counted += [] if is_exact else [s for s in rates if not s.is_endless]
        return max((schedule.last_step for schedule in counted), default=0)


def in_steps(tree: Tree, steps_per_epoch: int) -> Tree:
    """Return a plan or a model with the lengths of all its schedules in steps."""

    def of_schedule(leaf: Any) -> Any:
        return leaf.in_steps(steps_per_epoch) if isinstance(leaf, Schedule) else leaf

    changed: Tree = jax.tree.map(of_schedule, tree, is_leaf=lambda node: isinstance(node, Schedule))
    return changed


def _schedules(tree: object) -> list[Schedule]:
    leaves = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, Schedule))
    return [leaf for leaf in leaves if isinstance(leaf, Schedule)]


class LossTerms(NamedTuple):
    """The loss terms of one forward pass."""

    loss: Array  # scalar: without the terms of a discriminator
    terms: dict[str, Array]  # scalars
    memory: tuple[Any, ...]  # of each penalty


def start_memory(plan: Plan, model: Model, known: KnownCategories) -> tuple[Any, ...]:
    """Return what each penalty remembers before the first step."""
    return tuple(penalty.start(model, known) for penalty in plan.penalties)


def loss(
    model: Model,
    plan: Plan,
    batch: Batch,
    step: Array,
    key: Array | None,
    memory: tuple[Any, ...] | None = None,
    *,
    has_layer_noise: bool = True,
) -> tuple[Array, LossTerms]:
    """Return what to minimise, and the terms: means over rows, weighted; `key=None` computes without noise.

    Without `has_layer_noise` encoder and decoder are those of use, as without dropout; the noise of corruption and code
    remains. Where the neck has a discriminator, the sum holds its terms too: its weights, and nothing else, learn from
    them.
    """
    before = start_memory(plan, model, {}) if memory is None else memory
    observed = ~jnp.isnan(batch.x) if model.may_be_missing else None
    batch = batch if observed is None else batch._replace(x=jnp.nan_to_num(batch.x))
    corrupted = _corrupted(model, plan, batch.x, observed, key)
    layers_key = key if has_layer_noise else None
    encode = model.encode if has_layer_noise else partial(model.encode, has_layer_noise=False)
    code = encode(corrupted, key, step)
    outcome = None if model.head is None else model.decode(code.draws, layers_key, code.condition)
    neck_key = fold(key, Noise.NECK_TERMS)
    forward = ForwardPass(
        batch,
        corrupted,
        code,
        outcome,
        model,
        step,
        neck_key,
        decoder_key=layers_key,
        observed=observed,
        counts=model.counts,
        is_table=model.categories is not None,
        is_round=plan.optimizer.full_batch,
    )
    terms = {} if outcome is None else model.neck.terms(_log_likelihood(outcome, batch, observed), forward)
    if model.target is not None:
        terms = {name: plan.reconstruction * term for name, term in terms.items()}
        terms["target"] = -_explained(model, batch, batch.target, code)
    memories, visible = [], forward._replace(code=model.neck.for_penalties(code), model=_without_discriminator(model))
    named = zip(unique_names(plan.penalties), plan.penalties, before, strict=True)
    for place, (name, penalty, memory) in enumerate(named):
        own = visible._replace(memory=memory, key=fold(fold(key, Noise.PENALTIES), place))
        is_used = name in terms or name in RESERVED
        terms[f"{name}_penalty" if is_used else name] = at(penalty.weight, step) * penalty(own)
        memories.append(jax.lax.stop_gradient(penalty.remember(own)))
    means = {name: _mean(term, batch.weight) for name, term in terms.items()}
    total = sum(means.values(), start=jnp.zeros(()))
    against = {} if key is None else model.neck.discriminator_terms(forward)
    other = {name: _mean(term, batch.weight) for name, term in against.items()}
    everything = sum(other.values(), start=total)
    return everything, LossTerms(total, means | other, tuple(memories))


def _without_discriminator(model: Model) -> Model:
    """Return the model as penalties see it: without the arrays of a discriminator, which learn from its terms alone."""

    def held(path: Any, leaf: Any) -> Any:
        place = jax.tree_util.keystr(path, simple=True, separator=".")
        return None if place.startswith("neck.rival.") else leaf

    return jax.tree_util.tree_map_with_path(held, model)


def _corrupted(model: Model, plan: Plan, x: Array, observed: Array | None, key: Array | None) -> Array:
    """Return `x` [n, d] with noise, and NaN again where a value is missing."""
    if model.categories is not None and observed is not None:
        return _mixed(model, plan, jnp.where(observed, x, jnp.nan), key)
    if key is not None and plan.corruption is not None:
        corruption, own = plan.corruption, jax.random.fold_in(key, Noise.CORRUPTION)
        noisy = _on_range(plan, lambda x: corruption(x.reshape(-1, *model.shape), own).reshape(x.shape), x)
        if model.condition:  # what encoder and decoder must know has no noise
            known = np.array(model.condition)
            noisy = noisy.at[:, known].set(x[:, known])
        x = noisy
    return x if observed is None else jnp.where(observed, x, jnp.nan)


def _on_range(plan: Plan, corrupt: Callable[[Array], Array], x: Array) -> Array:
    """Return scaled rows `x` [n, d] with noise, which acts between the lowest and the highest values if it asks."""
    if plan.limits is None:
        return corrupt(x)
    low, high = plan.limits
    width = jnp.where(high > low, high - low, 1)
    unit = (x - low) / width
    noisy = corrupt(unit)
    return jnp.where(noisy == unit, x, low + width * noisy)


def _mixed(model: Model, plan: Plan, x: Array, key: Array | None) -> Array:
    """Return mixed rows `x` [n, d], NaN where a value is missing, with noise."""
    if key is None or plan.corruption is None:
        return x
    corruption, own, is_category = (
        plan.corruption,
        jax.random.fold_in(key, Noise.CORRUPTION),
        np.array(model.categories),
    )
    noisy = _on_range(plan, lambda x: corruption.on_table(x, own, is_category > 0), x)
    known = np.array(model.condition, int)
    return noisy.at[:, known].set(x[:, known]) if model.condition else noisy


def _log_likelihood(outcome: Outcome, batch: Batch, observed: Array | None) -> Array:
    """Return the log-likelihood [k, n] of what each row must explain: itself, or rows by their strengths."""
    if batch.neighbors is None or batch.strength is None:
        return outcome.log_prob(batch.x, observed)
    own = jax.vmap(lambda x: _log_prob(outcome, x, observed is not None), in_axes=1)(batch.neighbors)  # [m, k, n]
    return jnp.einsum("nm,mkn->kn", batch.strength, own)


def _log_prob(outcome: Outcome, x: Array, may_be_missing: bool) -> Array:
    return outcome.log_prob(jnp.nan_to_num(x), ~jnp.isnan(x)) if may_be_missing else outcome.log_prob(x)


def _explained(model: Model, batch: Batch, target: Any, code: Code) -> Array:
    """Return the log-likelihood of each target, [n], the mean over draws, by its weight."""
    observed = ~jnp.isnan(target) if model.target_may_be_missing else None
    log_prob = jnp.mean(model.answer(code.draws, code.condition).log_prob(target, observed), axis=0)
    return log_prob if batch.target_weight is None else log_prob * batch.target_weight


def _mean(term: Array, weight: Array) -> Array:
    """Return the weighted mean over real rows; weights average 1 over the table, not in each batch."""
    if jnp.ndim(term) == 0:
        return term
    return jnp.sum(term * weight) / jnp.maximum(jnp.sum(weight > 0), 1)
