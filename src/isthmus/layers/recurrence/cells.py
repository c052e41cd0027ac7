"""Cells: what one step of a sequence makes of the state before it.

The products of all inputs with U are taken at once, outside the loop over steps; the gates of a cell share one product
of the state with W.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation
from isthmus.core.affine import Affine
from isthmus.core.parameter_specs import constant, uniform

Kind = Literal["simple", "gru", "lstm"]
State = tuple[Array, ...]  # [n, hidden] each; the first is what a cell shows


class Cell(eqx.Module):
    """One step: of a state, and the drive x U + b of what came in, the state after it."""

    inputs: Affine  # U [width, gates · hidden] and b
    recurrent: Array  # W [hidden, gates · hidden]
    activation: Callable[[Array], Array]

    gates: ClassVar[int] = 1  # how many numbers a unit is driven by
    memories: ClassVar[int] = 1  # how many numbers a unit keeps

    @property
    def hidden(self) -> int:
        return self.recurrent.shape[0]

    def start(self, n: int) -> State:
        """Return the state before the first step: zero."""
        zero = jnp.zeros((n, self.hidden), self.recurrent.dtype)
        return (zero,) * self.memories

    def drive(self, x: Array) -> Array:
        """Return what inputs `x` [..., width] drive the gates by, [..., gates · hidden]."""
        return self.inputs(x)

    @abc.abstractmethod
    def __call__(self, state: State, drive: Array) -> State:
        """Return the state after a step that is driven by `drive` [n, gates · hidden]."""

    def gate(self, values: Array, index: int) -> Array:
        """Return the columns of one gate of `values` [n, gates · hidden]."""
        return values[:, index * self.hidden : (index + 1) * self.hidden]


class Simple(Cell):
    """s_t = a(x_t U + s_{t−1} W + b) (Elman 1990, Finding structure in time)."""

    def __call__(self, state: State, drive: Array) -> State:
        return (self.activation(drive + state[0] @ self.recurrent),)


class Gru(Cell):
    """The gated recurrent unit.

    r, z = σ(x_t U + s_{t−1} W + b), the candidate c = a(x_t U + r ⊙ (s_{t−1} W) + b), s_t = z s_{t−1} + (1 − z) c; the
    columns of U, W and b stand in the order r, z, c. The gate r weighs the product, as in the first version of the
    paper: then one product serves all three.

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder for statistical machine translation,
    arXiv:1406.1078v1.
    """

    gates: ClassVar[int] = 3

    def __call__(self, state: State, drive: Array) -> State:
        before = state[0]
        back = before @ self.recurrent
        reset = jax.nn.sigmoid(self.gate(drive, 0) + self.gate(back, 0))
        forget = jax.nn.sigmoid(self.gate(drive, 1) + self.gate(back, 1))
        candidate = self.activation(self.gate(drive, 2) + reset * self.gate(back, 2))
        return (candidate + forget * (before - candidate),)


class Lstm(Cell):
    """Long short-term memory, with a forget gate and without peepholes.

    i, f, o = σ(x_t U + s_{t−1} W + b), g = a(x_t U + s_{t−1} W + b), c_t = f c_{t−1} + i g, s_t = o a(c_t); the columns
    of U, W and b stand in the order i, f, g, o. The bias of f starts at 1, so that a cell remembers before it has
    learned what to forget: the 1 is added to it in `drive`.

    References
    ----------
    Hochreiter and Schmidhuber (1997), Long short-term memory.
    Gers, Schmidhuber and Cummins (2000), Learning to forget: continual prediction with LSTM.
    Jozefowicz, Zaremba and Sutskever (2015), An empirical exploration of recurrent network architectures.
    """

    gates: ClassVar[int] = 4
    memories: ClassVar[int] = 2

    def drive(self, x: Array) -> Array:
        is_forget = jnp.repeat(jnp.array([0, 1, 0, 0], x.dtype), self.hidden)
        return x @ self.inputs.matrix + (self.inputs.bias + is_forget)

    def __call__(self, state: State, drive: Array) -> State:
        shown, memory = state
        gates = drive + shown @ self.recurrent
        input_gate, forget = jax.nn.sigmoid(self.gate(gates, 0)), jax.nn.sigmoid(self.gate(gates, 1))
        candidate, given = self.activation(self.gate(gates, 2)), jax.nn.sigmoid(self.gate(gates, 3))
        memory = forget * memory + input_gate * candidate
        return given * self.activation(memory), memory


CELLS: dict[str, type[Cell]] = {"simple": Simple, "gru": Gru, "lstm": Lstm}


def cell(kind: Kind, inputs: int, hidden: int, activation: Activation) -> Cell:
    """Return a cell of specs: U starts as in `weights.affine`, gate by gate, b as 0, W uniform in ±sqrt(3 / hidden).

    The entries of W then have variance 1 / hidden, so that the eigenvalues of each gate's square fill the disc of
    radius 1 (the circular law): near an orthogonal start, states neither die out nor grow.
    """
    made = CELLS[kind]
    total = made.gates * hidden
    limit = activation.gain * math.sqrt(6 / (inputs + hidden))
    drive = Affine(uniform((inputs, total), limit), constant((total,)))
    return made(drive, uniform((hidden, total), math.sqrt(3 / hidden)), activation.build(hidden))
