"""What flows through the house: rows, batches, codes, outcomes, and the modules that pass them on.

Parts describe; modules compute. A module is an `equinox.Module` built of slots (`weights.py`), filled with numbers
later. n rows, d columns, k draws of a code, its size, the width of a layer. `key=None` means inference: no noise.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

Record = Mapping[str, float]  # an epoch: epoch, loss, every term by name, held_out_loss, weight_change, seconds
Arrays = dict[str, np.ndarray]
Blocks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]  # reads a table anew: rows [n, d], weights [n]


@dataclass(frozen=True)
class Row:
    """What one row is."""

    shape: tuple[int, ...]
    columns: tuple[str, ...] | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def column(self, index: int) -> str:
        """Return the name of a column for a message."""
        return f"column {self.columns[index]!r}" if self.columns else f"column {index}"


class Batch(NamedTuple):
    x: Array  # [n, d], clean and scaled
    weight: Array  # [n], 0 for a row that only fills the batch up


class Code(NamedTuple):
    draws: Array  # [k, n, size]; deterministic codes have k = 1
    point: Array  # [n, size], the code without noise: what `transform` answers
    posterior: Any = None
    prior: Any = None


class Outcome(eqx.Module):
    """A distribution over rows; its arrays are [k, n, d]."""

    @abc.abstractmethod
    def by_column(self, x: Array) -> Array:
        """Return the log-likelihood of `x` [n, d] by column, [k, n, d]."""

    def log_prob(self, x: Array) -> Array:
        """Return the log-likelihood of each row, [k, n]."""
        return jnp.sum(self.by_column(x), axis=-1)

    @abc.abstractmethod
    def mean(self) -> Array:
        """Return the expected row, [k, n, d]."""

    @abc.abstractmethod
    def sample(self, key: Array) -> Array:
        """Return one draw of every row, [k, n, d]."""


class Pass(NamedTuple):
    """All that one pass through the model saw; what penalties are computed from."""

    batch: Batch
    corrupted: Array  # [n, d]
    code: Code
    outcome: Outcome
    model: Any
    step: Array
    key: Array | None


class Module(eqx.Module):
    """A road: [n, ...] in, [n, width] out."""

    @abc.abstractmethod
    def __call__(self, x: Array, key: Array | None) -> Array: ...


class Neck(eqx.Module):
    """The module of a bottleneck."""

    @abc.abstractmethod
    def __call__(self, hidden: Array, key: Array | None) -> Code:
        """Return the code of `hidden` [n, width]."""

    def terms(self, log_likelihood: Array, code: Code, step: Array) -> dict[str, Array]:
        """Return what to minimise, by name, [n] each; the likelihood is given as [k, n]."""
        return {"reconstruction": -jnp.mean(log_likelihood, axis=0)}


class Head(eqx.Module):
    """The module of a likelihood."""

    @abc.abstractmethod
    def __call__(self, features: Array) -> Outcome:
        """Return the outcome, its arrays [n, d], of `features` [n, width]."""


def watched(history: Sequence[Record]) -> list[float]:
    """Return the losses that decide: held out where rows are held out, else of training."""
    return [record.get("held_out_loss", record["loss"]) for record in history]
