"""The map of the house: what each room promises. What flows between the rooms stands in `flow.py`."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from isthmus.flow import Arrays, Blocks, Head, Module, Neck, Pass, Record, Row
from isthmus.parts import Part


class Corruption(Part, room="corruptions"):
    """Noise on the input in training, pure and of the same shape; the error is taken against the clean row."""

    @abc.abstractmethod
    def __call__(self, x: Array, key: Array) -> Array: ...


class Activation(Part, room="activations"):
    """A function of each unit; one with weights of its own builds a module."""

    gain: ClassVar[float] = 1.0  # a layer that ends in it starts in ±gain · sqrt(6 / (inputs + outputs))

    def build(self, width: int) -> Callable[[Array], Array]:
        return self

    @abc.abstractmethod
    def __call__(self, x: Array) -> Array: ...


class Backbone(Part, room="backbones"):
    """The road down and the road up: one part describes both, so a decoder mirrors by default."""

    shorthand = "mlp"

    @abc.abstractmethod
    def encoder(self, row: Row) -> tuple[Module, int]:
        """Return the road from a row, and the width at its end."""

    @abc.abstractmethod
    def decoder(self, row: Row, size: int) -> tuple[Module, int]:
        """Return the road from a code of `size`, and the width at its end."""


class Bottleneck(Part, room="bottlenecks"):
    """The code: what passes the narrow land."""

    shorthand = "deterministic"
    size: int

    def room_for_identity(self, columns: int) -> bool:
        """Say whether a row of so many columns can be copied through, so that nothing need be learned."""
        return self.size >= columns

    @abc.abstractmethod
    def build(self, width: int) -> Neck: ...


class Likelihood(Part, room="likelihoods"):
    """How a row is explained: the output layer, and the loss `-log_prob`."""

    support: ClassVar[tuple[float, float]] = (-math.inf, math.inf)  # what a scaled row may hold

    @abc.abstractmethod
    def build(self, row: Row, width: int) -> Head: ...


class Schedule(Part, room="schedules"):
    """A number that changes in training; pure."""

    @abc.abstractmethod
    def __call__(self, step: Array) -> Array:
        """Return the value at a step; one step is one batch."""

    def factor(self, history: Sequence[Record]) -> float:
        """Return a factor on the value, seen from the epochs so far."""
        return 1.0


def at(value: float | Schedule, step: Array) -> Array:
    """Return a number or schedule at a step."""
    return value(step) if isinstance(value, Schedule) else jnp.asarray(value)


class Penalty(Part, room="penalties"):
    """One named term beside the reconstruction, for each row [n] or the batch; the objective weighs it."""

    weight: float | Schedule

    @abc.abstractmethod
    def __call__(self, seen: Pass) -> Array: ...


class Optimizer(Part, room="optimizers"):
    """How the weights learn: by one step a batch (`direction`), or in rounds over all rows (`round`)."""

    full_batch: ClassVar[bool] = False
    learning_rate: float | Schedule = 1.0

    def direction(self) -> optax.GradientTransformation:
        """Return the rule from gradients to directions; the loop subtracts learning_rate x direction."""
        return optax.identity()

    def round(self, value_and_gradient: Callable[..., Any], start: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return better weights [weights] and whether they have settled; only where `full_batch`."""
        raise NotImplementedError


class Stop(Part, room="stops"):
    """When to stop; pure."""

    @abc.abstractmethod
    def __call__(self, history: Sequence[Record]) -> str | None:
        """Return the reason to stop, or None."""


class Scaling(Part, room="scalings"):
    """Columns to a common scale on the way in, undone on the way out; constant columns pass safely."""

    learned: ClassVar[tuple[str, ...]] = ()  # the names of the float64 arrays that `fit` returns, last axis d
    axes: ClassVar[int] = 1  # of each of them

    @abc.abstractmethod
    def fit(self, blocks: Blocks) -> Arrays: ...

    @abc.abstractmethod
    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray: ...


class Source(abc.ABC):
    """A table read in blocks of rows, as often as wanted, and answered in its own form."""

    row: Row
    n_rows: int
    dtype: np.dtype[Any]  # float32 where all is float32, else float64
    names: Sequence[str] = ()  # of the columns before they are chosen
    index: Any = None  # names of the rows, kept for the way out
    suffixes: ClassVar[tuple[str, ...]] = ()  # of the files it reads

    @classmethod
    @abc.abstractmethod
    def accepts(cls, data: Any) -> bool:
        """Say whether `data` is of this kind, without importing what it would need."""

    @abc.abstractmethod
    def __init__(self, data: Any) -> None: ...

    def choose(self, columns: Sequence[str] | None) -> None:  # noqa: B027 -- arrays have no names to choose by
        """Keep these columns, in this order (None keeps all), and refuse what are no numbers; before all else."""

    @abc.abstractmethod
    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the values in order, [at most rows, d], as floats."""

    def labels(self) -> list[str | int] | None:
        """Return the names of the columns as the kind has them."""
        return None if self.row.columns is None else list(self.row.columns)

    @classmethod
    def frame(cls, values: np.ndarray, labels: Sequence[str | int], index: Any = None) -> Any:
        """Return `values` in the form of this kind."""
        return values
