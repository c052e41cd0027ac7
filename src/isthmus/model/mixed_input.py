"""The input of an encoder of numbers where rows are those of a table: missing values marked, categories one-hot."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.special import ndtri

from isthmus.contracts import BackboneModule, Row
from isthmus.core.parameter_specs import constant, fixed
from isthmus.distributions.quantiles import quantiles


class MixedInput(BackboneModule):
    """An encoder of numbers, given rows of a table.

    It is given the numbers with 0 for missing values, a missing-value indicator of each, then categories one-hot,
    then those categories that it reads as such. The indicator is γ_j, a weight that starts at 0: a missing value is at
    first the middle of its column, and stays it where training has had none; what it tells beyond that is learned. A
    missing category is zero at every place of its one-hot.

    Where it has `knots`, quantiles of each column of numbers, each number is followed by its normal score, which is
    Φ⁻¹ of its rank, straight between the quantiles; that of equal quantiles is their middle, and of a missing value 0.
    """

    gate: Array  # [numbers], γ
    road: BackboneModule | None  # the encoder, None before it is built; model files know it by this name
    numbers: tuple[int, ...] = eqx.field(static=True)  # columns
    categories: tuple[tuple[int, int], ...] = eqx.field(static=True)  # column and how many values
    rest: tuple[int, ...] = eqx.field(static=True)  # columns of categories that the encoder reads as such
    knots: Array | None = None  # [quantiles · numbers], fixed, or None; flat, since it is no matrix of weights

    def __call__(self, x: Array, key: Array | None) -> Array:
        features = self.encoder_input(x)
        return features if self.road is None else self.road(features, key)

    @property
    def reads_missing(self) -> bool:
        return True

    def start(self, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        inner = {} if self.road is None else self.road.start(x, weight)
        own = {f"road.{path}": values for path, values in inner.items()}
        if self.knots is None:
            return own
        levels = np.linspace(0, 1, self.knots.shape[0] // len(self.numbers))
        return own | {"knots": quantiles(x[:, np.array(self.numbers)], weight, levels).ravel()}

    def encoder_input(self, x: Array) -> Array:
        """Return what the encoder is given of `x` [n, d], NaN where a value is missing, [n, width]."""
        x = x.reshape(x.shape[0], -1)
        number = x[:, np.array(self.numbers, int)]
        is_missing = jnp.isnan(number)
        columns = [jnp.where(is_missing, 0, number), jnp.where(is_missing, self.gate, 0)]
        if self.knots is not None:
            knots = self.knots.reshape(-1, len(self.numbers))
            columns.append(jnp.where(is_missing, 0, normal_scores(knots, columns[0])))
        if self.categories:
            places = np.repeat([column for column, _ in self.categories], [count for _, count in self.categories])
            values = np.concatenate([np.arange(count) for _, count in self.categories])
            columns.append((x[:, places] == values).astype(x.dtype))
        if self.rest:
            columns.append(x[:, np.array(self.rest)])
        return jnp.concatenate(columns, axis=1)


def normal_scores(knots: Array, x: Array) -> Array:
    """Return Φ⁻¹ of the ranks of `x` [n, d] among rows of which `knots` [q, d] are the quantiles, [n, d]."""
    count = knots.shape[0]
    scores = ndtri((np.arange(count) + 0.5) / count)  # of the quantiles; the first and the last are no infinities
    low, width = knots[:-1, None, :], jnp.diff(knots, axis=0)[:, None, :]
    beyond = x - low  # [quantiles - 1, n, d]
    share = jnp.where(width > 0, jnp.clip(beyond / jnp.where(width > 0, width, 1), 0, 1), (jnp.sign(beyond) + 1) / 2)
    steps = np.diff(scores).astype(np.float32)[:, None, None]
    return scores[0] + jnp.sum(share * steps, axis=0)  # a sum and no product of matrices: nothing is kept of a share


def mixed_input(row: Row, read: Collection[int], ranks: int = 0) -> tuple[MixedInput, Row]:
    """Return the input of a row of a table, its weights still specs, its encoder not yet built, and the row for that.

    Parameters
    ----------
    read : columns of categories that the encoder reads as such.
    ranks : of how many quantiles the ranks of numbers are read, 0 for none.
    """
    counts = row.categories or (0,) * row.size
    numbers = tuple(i for i, count in enumerate(counts) if not count)
    categories = tuple((i, count) for i, count in enumerate(counts) if count and i not in read)
    rest = tuple(i for i in range(row.size) if counts[i] and i in read)
    columns = row.columns or tuple(map(str, range(row.size)))
    names = [columns[i] for i in numbers] + [f"{columns[i]} is missing" for i in numbers]
    names += [f"rank of {columns[i]}" for i in numbers if ranks]
    names += [f"{columns[i]} = {value}" for i, count in categories for value in range(count)]
    names += [columns[i] for i in rest]
    kinds = None if not rest else (0,) * (len(names) - len(rest)) + tuple(counts[i] for i in rest)
    inner = replace(
        row, shape=(len(names),), columns=tuple(names), categories=kinds, may_be_missing=bool(rest), is_table=False
    )
    knots = fixed((ranks * len(numbers),)) if ranks and numbers else None
    return MixedInput(constant((len(numbers),)), None, numbers, categories, rest, knots), inner
