"""Weights that a hypernetwork makes for earlier tasks, held where they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import ForwardPass, KnownCategories, Network, Penalty, Schedule
from isthmus.core.parameter_specs import parameter_specs
from isthmus.core.programs import compiled
from isthmus.errors import InvalidPart
from isthmus.layers.hypernetwork import Hypernetwork, hypernetworks


class Remembered(NamedTuple):
    """What a hypernetwork made before this fit."""

    weights: Any  # [tasks, weights]
    is_old: Any  # [tasks] int32, 1 where an earlier fit has seen the task


@dataclass(frozen=True)
class TaskMemory(Penalty):
    """How far the weights of earlier tasks have moved in this fit: mean over these tasks of ‖g(e_t, θ*) − g(e_t, θ)‖².

    g(e_t, θ) are all weights that a hypernetwork makes for task t, their squares summed; θ* are its own weights as the
    fit began. The embedding e_t of an earlier task is not moved by this term; without rows of that task nothing else
    moves it. 0 in the first fit. The terms of several hypernetworks are summed. In the paper θ is
    a step ahead of the present weights; here it is where they are.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule: β of the paper, whose loss is a mean over rows too.

    References
    ----------
    von Oswald, Henning, Grewe and Sacramento (2020), Continual learning with hypernetworks, equation 2.

    Examples
    --------
    >>> str(TaskMemory(0.1))
    'task_memory(0.1)'
    """

    weight: float | Schedule = 0.01

    def start(self, model: Network, known: KnownCategories) -> tuple[Remembered, ...]:
        """Return what each hypernetwork makes now, for the tasks that earlier fits have seen."""
        return tuple(_remember(network, known.get(network.column, ())) for network in _task_networks(model))

    def __call__(self, forward: ForwardPass) -> Array:
        networks = _task_networks(forward.model)
        return sum((_movement(*pair) for pair in zip(networks, forward.memory, strict=True)), start=jnp.zeros(()))


def _task_networks(model: Network) -> list[Hypernetwork]:
    networks = hypernetworks(model)
    if not networks:
        raise InvalidPart(
            "the penalty task_memory needs a hypernetwork that tells tasks apart: use "
            "encoder='hyper(mlp, column=-1, tasks=…)'."
        )
    return networks


def _remember(network: Hypernetwork, old: tuple[int, ...]) -> Remembered:
    tasks: Any = network.tasks
    is_old = np.isin(np.arange(tasks.shape[0]), old).astype(np.int32)
    if old:
        return Remembered(np.where(is_old[:, None], _all(network), np.float32(0)), is_old)
    size = sum(spec.size for spec in parameter_specs(network.skeleton).values())
    return Remembered(np.zeros((len(is_old), size), np.float32), is_old)


@compiled
def _all(network: Hypernetwork) -> Array:
    """Return the weights of every task, [tasks, weights]."""
    return jax.lax.map(network.weights, network.tasks)


def _movement(network: Hypernetwork, past: Remembered) -> Array:
    """Return the mean over earlier tasks of the squared distance that their weights have moved."""

    def distance(embedding: Array, weights: Array) -> Array:
        return jnp.sum(jnp.square(network.weights(jax.lax.stop_gradient(embedding)) - weights))

    def add(total: Array, task: tuple[Array, Array, Array]) -> tuple[Array, None]:
        embedding, weights, is_old = task
        # No work is done for a task that is not held.
        return total + jax.lax.cond(is_old > 0, distance, lambda *_: jnp.zeros_like(total), embedding, weights), None

    tasks: Any = network.tasks
    total = jax.lax.scan(add, jnp.zeros((), tasks.dtype), (tasks, *past))[0]
    return total / jnp.maximum(jnp.sum(jnp.asarray(past.is_old) > 0), 1)
