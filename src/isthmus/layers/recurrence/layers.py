"""Layers of cells over all steps of a sequence; time is the first axis within, the second one outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation
from isthmus.layers.recurrence.cells import Cell, Kind, State, cell

UNROLL = 1  # steps to one turn of the compiled loop


class States(NamedTuple):
    """What a layer shows after each step, and at the end of each row: its own last step, where rows are ragged."""

    every: Array  # [n, steps, width]; behind the end of a row the state of its end
    last: Array  # [n, width]


class Layer(eqx.Module):
    """A cell over all steps, and where it is bidirectional another one from the last step to the first.

    The last state of the second is the one at the first step, when it has read the whole row.
    """

    forward: Cell
    backward: Cell | None
    dropout: float | None  # of what goes up to the next layer, not of what goes on in time (Zaremba et al. 2014)

    def __call__(self, x: Array, mask: Array | None, key: Array | None) -> States:
        """Return the states of `x` [steps, n, width], time first, where `mask` [steps, n, 1] is not False."""
        runs = [scan(self.forward, self.forward.drive(x), len(x), mask)]
        if self.backward is not None:
            runs.append(scan(self.backward, self.backward.drive(x), len(x), mask, reverse=True))
        states = [jnp.concatenate(arrays, axis=-1) for arrays in zip(*runs, strict=True)]
        return States(*(dropped(array, self.dropout, _fold(key, i)) for i, array in enumerate(states)))


class Stack(eqx.Module):
    """Layers on top of each other, each reading the states of the one below at every step."""

    layers: tuple[Layer, ...]

    def __call__(self, x: Array, mask: Array | None = None, key: Array | None = None) -> States:
        """Return the states of the last layer.

        Parameters
        ----------
        x : [n, steps, width]; what it holds where the mask is False does not matter, as long as it is finite.
        mask : [n, steps], False where a row has no step: there its state stays. None where all steps are real.
        """
        moved = jnp.swapaxes(x, 0, 1)
        real = None if mask is None else mask.T[:, :, None]
        for i, layer in enumerate(self.layers):
            states = layer(moved, real, _fold(key, i))
            moved = states.every
        return States(jnp.swapaxes(states.every, 0, 1), states.last)


class Unroll(eqx.Module):
    """Layers that tell a sequence from a code, which enters the first of them at every step.

    No step sees what another one gave (Srivastava et al. 2015 call this unconditional).
    """

    layers: tuple[Layer, ...]
    steps: int = eqx.field(static=True)
    is_reversed: bool = eqx.field(static=True)  # the last step of the sequence is written first

    def __call__(self, code: Array, key: Array | None = None) -> Array:
        """Return the states [n, steps, width] of `code` [n, size]; step 0 is the first of the sequence."""
        drive = self.layers[0].forward.drive(code)
        for i, layer in enumerate(self.layers):
            every = scan(layer.forward, drive, self.steps, reverse=self.is_reversed).every
            every = dropped(every, layer.dropout, _fold(key, i))
            if i + 1 < len(self.layers):
                drive = self.layers[i + 1].forward.drive(every)
        return jnp.swapaxes(every, 0, 1)


def layer(
    kind: Kind, inputs: int, hidden: int, activation: Activation, bidirectional: bool = False, dropout: float = 0.0
) -> Layer:
    """Return a layer of parameter specs; it is `hidden` wide, or twice that where it is bidirectional."""
    cells = [cell(kind, inputs, hidden, activation) for _ in range(1 + bidirectional)]
    # A rate of exactly zero is structure: no random bits are drawn for it.
    return Layer(cells[0], cells[1] if bidirectional else None, dropout or None)


def scan(step: Cell, drive: Array, steps: int, mask: Array | None = None, reverse: bool = False) -> States:
    """Return the states of a cell, time first: [steps, n, hidden] and [n, hidden].

    Parameters
    ----------
    drive : [steps, n, gates · hidden], or [n, gates · hidden] where it is the same at every step.
    mask : [steps, n, 1], False where the state stays.
    reverse : the last step is the first to be taken.
    """
    is_same = drive.ndim == 2

    def after(state: State, given: tuple[Array | None, Array | None]) -> tuple[State, Array]:
        now, real = given
        following = step(state, drive if now is None else now)
        if real is not None:
            following = tuple(jnp.where(real, new, old) for new, old in zip(following, state, strict=True))
        return following, following[0]

    start = step.start(drive.shape[-2])
    given = (None if is_same else drive, mask)
    if reverse:  # turned round by hand: ONNX has no loop that goes backwards
        given = jax.tree.map(lambda array: jnp.flip(array, axis=0), given)
    end, every = jax.lax.scan(after, start, given, length=steps, unroll=UNROLL)
    return States(jnp.flip(every, axis=0) if reverse else every, end[0])


def mean(states: States, mask: Array | None) -> Array:
    """Return the mean state over the real steps, [n, width]."""
    if mask is None:
        return jnp.mean(states.every, axis=1)
    count = jnp.maximum(jnp.sum(mask, axis=1, keepdims=True), 1)
    return jnp.sum(jnp.where(mask[:, :, None], states.every, 0), axis=1) / count


def largest(states: States, mask: Array | None) -> Array:
    """Return the largest value of each unit over the real steps, [n, width]; 0 where there are none."""
    if mask is None:
        return jnp.max(states.every, axis=1)
    maxima = jnp.max(jnp.where(mask[:, :, None], states.every, -jnp.inf), axis=1)
    return jnp.where(jnp.any(mask, axis=1, keepdims=True), maxima, 0)


def last(states: States, _: Array | None) -> Array:
    """Return the state at the end of each row, [n, width]."""
    return states.last


POOLINGS: dict[str, Callable[[States, Array | None], Array]] = {"last": last, "mean": mean, "max": largest}


def dropped(x: Array, rate: float | None, key: Array | None) -> Array:
    """Return `x` with inverted dropout."""
    if key is None or rate is None:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def _fold(key: Array | None, number: int) -> Array | None:
    return None if key is None else jax.random.fold_in(key, number)
