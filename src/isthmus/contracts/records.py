"""What flows between parts: rows, batches, codes, links, and the records of epochs.

n rows, d columns, k draws of a code, its size. `key=None` means inference: no noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts.outcomes import Outcome, Posterior

if TYPE_CHECKING:
    from isthmus.contracts.modules import Network

LAST_STEP: Any = np.int32(2**31 - 1)  # the step at which every schedule has ended: that of inference
Record = Mapping[str, float]  # an epoch: epoch, loss, every term by name, validation_loss, weight_change, seconds
Arrays = dict[str, np.ndarray]
KnownCategories = Mapping[int, tuple[int, ...]]  # those that earlier fits had, by column read as categories
Blocks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]  # reads a table again: rows [n, d], weights [n]


class End(NamedTuple):
    """Why training has ended."""

    stop: str  # the name of the stop, or "max_epochs", "settled", "diverged", "interrupted"
    reason: str  # a sentence


@dataclass(frozen=True)
class Row:
    """What one row is."""

    shape: tuple[int, ...]
    columns: tuple[str, ...] | None = None
    categories: tuple[int, ...] | None = None  # by column: how many there are, numbered 0, 1, …; 0 where it has numbers
    is_sequence: bool = False  # the first axis is time: (steps, features)
    may_be_missing: bool = False  # entries may be NaN: missing, or behind the end of a shorter sequence or text
    is_table: bool = False  # a table of numbers and categories: encoders see it through a `MixedInput`
    ignored: tuple[int, ...] = ()  # columns that are left out: to the network they are missing in every row
    channels: tuple[str, ...] | None = None  # of a sequence, the names of its features
    unseen: tuple[int, ...] | None = None  # by column: what stands for a category that the fit has not had; 0 for none

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def is_unseen(self, x: np.ndarray) -> np.ndarray:
        """Say of each cell of rows [n, d] that are not scaled whether it holds a category that the fit has not had."""
        if self.unseen is None:
            return np.zeros(x.shape, bool)
        numbers = np.array(self.unseen)
        return (x == numbers) & (numbers > 0)

    def column(self, index: int) -> str:
        """Return the name of a column for a message."""
        if self.columns:
            return f"column {self.columns[index]!r}"
        if len(self.shape) == 1:
            return f"column {index}"
        return f"value {tuple(map(int, np.unravel_index(index, self.shape)))} of a row"


class Links(NamedTuple):
    """The rows that each row must explain: Ω_i and s_ij of a neighborhood."""

    index: Any  # [n, m] int32, places in the table
    strength: Any  # [n, m] float32, 0 where a row has fewer than m


class Batch(NamedTuple):
    x: Array  # [n, d], clean and scaled
    weight: Array  # [n], 0 for a row that only fills the batch up
    label: Array | None = None  # [n] int32, -1 for an unlabelled row; None where no part needs labels
    neighbors: Array | None = None  # [n, m, d], the rows that each row must explain; None for itself
    strength: Array | None = None  # [n, m]
    target: Array | None = None  # [n, t], what the code must explain beside the row or in place of it
    target_weight: Array | None = None  # [n], factors on the weight of the target; None for 1


class Code(NamedTuple):
    draws: Array  # [k, n, size], what is decoded; k = 1 without a key, and always where the code is deterministic
    point: Array  # [n, size], the code without noise: what `transform` answers
    posterior: Posterior | None = None  # the distribution of the code; None where it is a point
    condition: Array | None = None  # [n, c], the columns of the row that the decoder must know beside the code
    dense: Array | None = None  # [n, size], the units of a sparse code before some of them were set to zero
    own: Any = None  # what the neck needs again for its own terms; nobody else reads it


class ForwardPass(NamedTuple):
    """One forward pass through the model: what terms and penalties are computed from."""

    batch: Batch
    corrupted: Array  # [n, d]
    code: Code
    outcome: Outcome | None  # None where rows are not explained
    model: Network
    step: Array
    key: Array | None  # of this penalty alone, or of the terms of the neck alone; None for no noise
    memory: Any = None  # what a penalty remembers of the steps before
    decoder_key: Array | None = None  # that of the decoder in this pass: with it codes are decoded under the same noise
    observed: Array | None = None  # [n, d], which entries of the batch are there; None for all
    counts: tuple[int, ...] | None = None  # of the categories of each column, 0 for numbers; None for numbers only
    is_table: bool = False
    is_round: bool = False  # all steps have one key, drawn once: what is estimated by it would be learned

    @property
    def rows(self) -> Array:
        """The clean rows as an encoder is given them, [n, d]: NaN where a value is missing."""
        return self.batch.x if self.observed is None else jnp.where(self.observed, self.batch.x, jnp.nan)

    @property
    def is_measured(self) -> Array:
        """Which entries are numbers that are there, [n, d]: their differences mean something."""
        is_there = jnp.ones(self.batch.x.shape, bool) if self.observed is None else self.observed
        return is_there if self.counts is None else is_there & (np.array(self.counts) == 0)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network after training, as far as a bottleneck may ask: all rows are scaled, NaN where a value is missing."""

    codes: Callable[[], Iterator[np.ndarray]]  # of all training rows without noise, block by block, [n, size + c]
    sample: np.ndarray  # [m, d], some of the training rows
    encode: Callable[[np.ndarray], np.ndarray]  # from rows [n, d] to codes without noise [n, size + c]
    decode: Callable[[np.ndarray], np.ndarray]  # from codes [n, size + c] to expected rows [n, d]
    baseline: Callable[[np.ndarray], np.ndarray]  # from codes [n, size + c] to what replaces a unit left out, [size]
    is_number: Any = True  # [d] bool, whether each column holds numbers


def watched(history: Sequence[Record]) -> list[float]:
    """Return the losses that decide: those of validation rows where there are some, else of training."""
    return [record.get("validation_loss", record["loss"]) for record in history]
