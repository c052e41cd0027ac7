"""Hypernetworks: networks that make the weights of another one, from a task or from a number.

The weights that learn are those of the hypernetwork; the other network is structure, and no spec of it is found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Activation, BackboneModule
from isthmus.core.affine import Affine
from isthmus.core.parameter_specs import constant, fill_specs, join_weights, parameter_specs, uniform

FAINT = 1e-6  # a mean square below is none
MOST_NUMBERS = 2**23  # that are held at once of the weights made for rows, and of what makes them


@dataclass(frozen=True)
class Form:
    """What a hypernetwork is made of."""

    tasks: int | None  # how many; None where the condition is a number
    embedding: int  # numbers in each embedding
    hidden: tuple[int, ...]
    chunk: int | None  # weights made at once
    activation: Activation


class Layer(eqx.Module):
    """a(x W + b)."""

    weight: Array  # [inputs, outputs]
    bias: Array  # [outputs]
    activation: Callable[[Array], Array]

    def __call__(self, x: Array) -> Array:
        return self.activation(x @ self.weight + self.bias)


class Generator(eqx.Module):
    """From a condition, and the embedding of each chunk, to as many numbers as there are chunks of them."""

    chunks: Array  # [chunks, embedding]
    layers: tuple[Layer, ...]
    weight: Array  # [features, numbers in a chunk]
    bias: Array  # [numbers in a chunk]
    count: int = eqx.field(static=True)  # numbers in all: what the last chunk has too many is cut off

    @property
    def numbers_held(self) -> int:
        """Return how many numbers are held at once: the widest layer of all chunks, and what they make."""
        widths = [self.chunks.shape[1], *(layer.bias.shape[0] for layer in self.layers)]
        return len(self.chunks) * max(widths) + self.count

    def __call__(self, condition: Array) -> Array:
        """Return the numbers [count] for a condition [inputs]."""
        conditions = jnp.broadcast_to(condition, (len(self.chunks), *condition.shape))
        features = jnp.concatenate([conditions, self.chunks], axis=1)
        for layer in self.layers:
            features = layer(features)
        # Of mean square 1 whatever the layers did, so that the numbers start at a known scale.
        features *= jax.lax.rsqrt(jnp.mean(features**2, axis=1, keepdims=True) + FAINT)
        numbers = (features @ self.weight + self.bias).ravel()[: self.count]
        # Chunks of one task start alike. With signs drawn once for all, a sum over several of them is as large as one
        # over independent numbers.
        signs = np.random.Generator(np.random.Philox(0)).integers(0, 2, self.count, dtype=np.int8) * 2 - 1
        return numbers * signs.astype(np.int8)


def generator(inputs: int, count: int, form: Form, variance: float) -> Generator:
    """Return a generator of specs whose numbers start with this variance, for every condition and every chunk."""
    widths = [inputs + form.embedding, *form.hidden]
    chunk = min(form.chunk or -(-count // widths[-1]), count)
    layers = tuple(
        Layer(
            uniform((before, after), form.activation.gain * math.sqrt(6 / (before + after))),
            constant((after,)),
            form.activation.build(after),
        )
        for before, after in pairwise(widths)
    )
    return Generator(
        chunks=uniform((-(-count // chunk), form.embedding), math.sqrt(3)),
        layers=layers,
        weight=uniform((widths[-1], chunk), math.sqrt(3 * variance / widths[-1])),
        bias=constant((chunk,)),
        count=count,
    )


class Hypernetwork(eqx.Module):
    """Makes the weights of a module: each is its parameter spec's value + its parameter spec's limit · u.

    Of the specs that start at random u starts with variance 1/3, as the uniform draw that it stands for has; of those
    that start at a value it starts as 0, and a limit is lent to it, so that it moves at the others' pace.
    """

    tasks: Array | None  # [tasks, embedding]; None where the condition is a number
    drawn: Generator | None  # of the parameter specs that start at random
    held: Generator | None  # of the parameter specs that start at a value
    numbers: tuple[Any, ...]  # of the module, beside its parameter specs: its settings
    frame: Any = eqx.field(static=True)  # the module's structure
    column: int = eqx.field(static=True)  # of the row, that holds the condition

    def module(self, condition: Array) -> BackboneModule:
        """Return the module with its weights for a condition [inputs]."""
        return fill_specs(self.skeleton, self._arrays(condition))

    def weights(self, condition: Array) -> Array:
        """Return the weights of the module for a condition [inputs], one flat vector."""
        return join_weights(self._arrays(condition))

    @property
    def skeleton(self) -> BackboneModule:
        """Return the module of parameter specs."""
        module: BackboneModule = jax.tree.unflatten(self.frame, self.numbers)
        return module

    @property
    def numbers_held(self) -> int:
        """Return how many numbers are held while the weights for one condition are made."""
        return sum(make.numbers_held for make in (self.drawn, self.held) if make is not None)

    @property
    def makes_nothing(self) -> bool:
        return self.drawn is None and self.held is None

    def _arrays(self, condition: Array) -> list[Array]:
        specs = list(parameter_specs(self.skeleton).values())
        lent = max((spec.limit for spec in specs), default=0.0) or 1.0
        kinds = {True: self.drawn, False: self.held}
        numbers = {kind: make(condition) for kind, make in kinds.items() if make is not None}
        arrays, offsets = [], {True: 0, False: 0}
        for spec in specs:
            kind = spec.limit > 0
            u = numbers[kind][offsets[kind] : offsets[kind] + spec.size].reshape(spec.shape)
            arrays.append(spec.value + (spec.limit or lent) * u)
            offsets[kind] += spec.size
        return arrays


def hypernetwork(skeleton: BackboneModule, column: int, form: Form) -> Hypernetwork:
    """Return a hypernetwork of parameter specs that makes the weights of `skeleton`, a module of parameter specs."""
    limits = [(spec.limit, spec.size) for spec in parameter_specs(skeleton).values()]
    drawn = sum(size for limit, size in limits if limit > 0)
    held = sum(size for limit, size in limits if limit <= 0)
    inputs = 1 if form.tasks is None else form.embedding
    has_tasks = form.tasks is not None and bool(limits)
    numbers, frame = jax.tree.flatten(skeleton)
    return Hypernetwork(
        tasks=uniform((form.tasks or 0, form.embedding), math.sqrt(3)) if has_tasks else None,
        drawn=generator(inputs, drawn, form, 1 / 3) if drawn else None,
        held=generator(inputs, held, form, 0.0) if held else None,
        numbers=tuple(numbers),
        frame=frame,
        column=column,
    )


def hypernetworks(model: object) -> list[Hypernetwork]:
    """Return the hypernetworks of a model that tell tasks apart."""
    return [network for network in _all(model) if network.tasks is not None]


def made(model: object) -> list[BackboneModule]:
    """Return the modules of specs whose weights the hypernetworks of a model make, also those inside others."""
    skeletons = [network.skeleton for network in _all(model)]
    return [*skeletons, *(inner for skeleton in skeletons for inner in made(skeleton))]


def _all(model: object) -> list[Hypernetwork]:
    nodes = jax.tree.leaves(model, is_leaf=lambda node: isinstance(node, Hypernetwork))
    return [node for node in nodes if isinstance(node, Hypernetwork)]


class Generated(BackboneModule):
    """A module whose weights a hypernetwork makes, row by row as the row's condition asks for."""

    hypernetwork: Hypernetwork
    place: int = eqx.field(static=True)  # of the condition in what is given; the module sees the rest
    hands_on: bool = eqx.field(static=True, default=False)  # the condition follows what the module gives

    def __call__(self, x: Array, key: Array | None = None) -> Array:
        rows = x.reshape(x.shape[0], -1)
        condition = jnp.nan_to_num(rows[:, self.place])
        outputs = self._through(condition, jnp.delete(rows, self.place, axis=1), key)
        return jnp.concatenate([outputs, condition[:, None]], axis=1) if self.hands_on else outputs

    @property
    def reads_missing(self) -> bool:
        return bool(self.hypernetwork.skeleton.reads_missing)

    def _through(self, condition: Array, x: Array, key: Array | None) -> Array:
        tasks = self.hypernetwork.tasks
        if self.hypernetwork.makes_nothing:
            return self.hypernetwork.skeleton(x, key)
        if tasks is None:
            return self._row_by_row(condition[:, None], x, key)
        task = jnp.clip(jnp.round(condition).astype(jnp.int32), 0, len(tasks) - 1)
        rows = x.shape[0]
        by_task = isinstance(rows, int) and len(tasks) <= rows  # else the number is free, as in an exported graph
        return self._task_by_task(tasks, task, x, key) if by_task else self._row_by_row(tasks[task], x, key)

    def _row_by_row(self, conditions: Array, x: Array, key: Array | None) -> Array:
        """Return what is made of `x` [n, d] with weights made for each of `conditions` [n, inputs]."""

        def run_row(condition: Array, row: Array, key: Array | None) -> Array:
            return self.hypernetwork.module(condition)(row[None], key)[0]

        keys = None if key is None else jax.random.split(key, len(x))
        at_once = max(MOST_NUMBERS // max(self.hypernetwork.numbers_held, 1), 1)
        rows = x.shape[0]
        if not isinstance(rows, int) or at_once >= rows:
            return jax.vmap(run_row)(conditions, x, keys)
        return jax.lax.map(lambda row: run_row(*row), (conditions, x, keys), batch_size=at_once)

    def _task_by_task(self, tasks: Array, task: Array, x: Array, key: Array | None) -> Array:
        """Return what is made of `x` [n, d] with weights made once for each task that a row has."""

        def run(embedding: Array) -> Array:
            return self.hypernetwork.module(embedding)(x, key)

        def take(outputs: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
            embedding, number = pair
            is_own = task == number
            # No gradient reaches a task without rows, and no work is done for it.
            made = jax.lax.cond(jnp.any(is_own), run, lambda _: jnp.zeros_like(outputs), embedding)
            return jnp.where(is_own[:, None], made, outputs), None

        like = jax.eval_shape(run, tasks[0])
        outputs = jnp.zeros(like.shape, like.dtype)
        return jax.lax.scan(take, outputs, (tasks, jnp.arange(len(tasks))))[0]


class Last(BackboneModule):
    """One affine layer, as a module of a backbone."""

    affine: Affine

    def __call__(self, x: Array, key: Array | None) -> Array:
        return self.affine(x)
