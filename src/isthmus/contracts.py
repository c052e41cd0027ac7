"""The map of the house: what each room promises.

Letters of shapes: n rows, d columns, k draws of the code, size of the code, width of a layer.
Parts describe; modules compute. A module is an `equinox.Module` whose weights are `Slot`s (shape and way to
start) until the model is assembled with numbers. Where a `key` may be None, None means inference: no noise.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from isthmus.parts import Part

Record = Mapping[str, float]
"""One epoch of the history: `epoch`, `loss`, every term by name, `held_out_loss`, `weight_change`, `seconds`."""

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """What one row is: its shape, and the names of its columns where they have any."""

    shape: tuple[int, ...]
    columns: tuple[str, ...] | None = None

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

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
    """A distribution over rows, its arrays [k, n, d]."""

    @abc.abstractmethod
    def by_column(self, x: Array) -> Array:
        """Return the log-likelihood of `x` [n, d] by column, [k, n, d]."""

    def log_prob(self, x: Array) -> Array:
        """Return the log-likelihood of each row, [k, n]: the sum over columns."""
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
    """A road of the network: [n, ...] in, [n, width] out."""

    @abc.abstractmethod
    def __call__(self, x: Array, key: Array | None) -> Array: ...


class Neck(eqx.Module):
    """The trained form of a bottleneck."""

    @abc.abstractmethod
    def __call__(self, hidden: Array, key: Array | None) -> Code:
        """Return the code of `hidden` [n, width]."""

    def terms(self, log_likelihood: Array, code: Code, step: Array) -> dict[str, Array]:
        """Return what to minimise, by name, [n] each; the likelihood is given as [k, n]."""
        return {"reconstruction": -jnp.mean(log_likelihood, axis=0)}


class Head(eqx.Module):
    """The trained form of a likelihood."""

    @abc.abstractmethod
    def __call__(self, features: Array) -> Outcome:
        """Return the outcome, its arrays [n, d], for `features` [n, width]."""


class Corruption(Part, room="corruptions"):
    """Noise on the input during training; the error is taken against the clean row."""

    @abc.abstractmethod
    def __call__(self, x: Array, key: Array) -> Array:
        """Return a corrupted `x` of the same shape; pure."""


class Activation(Part, room="activations"):
    """A function of each unit; one with weights of its own builds a module."""

    gain: ClassVar[float] = 1.0
    """Scale of the starting weights of a layer that ends in it: limit = gain · sqrt(6 / (in + out))."""

    def build(self, width: int) -> Callable[[Array], Array]:
        return self

    @abc.abstractmethod
    def __call__(self, x: Array) -> Array: ...


class Backbone(Part, room="backbones"):
    """The road down and the road up; one part describes both, so a decoder mirrors by default."""

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
    """How a row is explained: the output layer and its loss, `-log_prob`, summed over columns."""

    support: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    """The values a row may hold, after scaling."""

    @abc.abstractmethod
    def build(self, row: Row, width: int) -> Head: ...


class Schedule(Part, room="schedules"):
    """A number that changes in training."""

    @abc.abstractmethod
    def __call__(self, step: Array) -> Array:
        """Return the value at a step (one step is one batch); pure."""

    def factor(self, history: Sequence[Record]) -> float:
        """Return a factor on the value, seen from the epochs so far."""
        return 1.0


class Penalty(Part, room="penalties"):
    """One named term beside the reconstruction; the objective multiplies it by `weight`."""

    weight: float | Schedule

    @abc.abstractmethod
    def __call__(self, seen: Pass) -> Array:
        """Return the term for each row, [n], or for the whole batch, a scalar."""


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
    """When to stop."""

    @abc.abstractmethod
    def __call__(self, history: Sequence[Record]) -> str | None:
        """Return the reason to stop, or None; pure."""


class Scaling(Part, room="scalings"):
    """Columns to a common scale on the way in, undone on the way out; constant columns pass safely."""

    learned: ClassVar[tuple[str, ...]] = ()
    """The names of the arrays that `fit` returns."""

    @abc.abstractmethod
    def fit(self, blocks: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]) -> Arrays:
        """Return what was learned, float64 arrays with last axis d.

        Each call of `blocks` reads the table anew: pairs of rows [n, d] and their weights [n].
        """

    @abc.abstractmethod
    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray: ...


class Source(abc.ABC):
    """A table to be read in blocks of rows, as often as wanted, and answered in its own form."""

    row: Row
    n_rows: int
    dtype: np.dtype[Any]  # float32 where all is float32, else float64
    index: Any = None  # names of the rows, kept for the way out

    @classmethod
    @abc.abstractmethod
    def accepts(cls, data: Any) -> bool:
        """Say whether `data` is of this kind, without importing what it would need."""

    @abc.abstractmethod
    def __init__(self, data: Any) -> None: ...

    @abc.abstractmethod
    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the values in order, [at most rows, d], as floats."""

    @classmethod
    def frame(cls, values: np.ndarray, columns: Sequence[str], index: Any = None) -> Any:
        """Return `values` in the form of this kind; a bare array unless the kind has frames."""
        return values


def at(value: float | Schedule, step: Array) -> Array:
    """Return a number or schedule at a step."""
    return value(step) if isinstance(value, Schedule) else jnp.asarray(value)


def watched(history: Sequence[Record]) -> list[float]:
    """Return the losses that decide: held out where rows are held out, else of training."""
    return [record.get("held_out_loss", record["loss"]) for record in history]
