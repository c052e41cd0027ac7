"""The input of an encoder of numbers where rows are those of a table: missing values marked, categories one-hot."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import BackboneModule, Row
from isthmus.core.parameter_specs import constant


class MixedInput(BackboneModule):
    """An encoder of numbers, given rows of a table.

    It is given the numbers with 0 for missing values, then a missing-value indicator of each, then categories one-hot,
    then those categories that it reads as such. The indicator is γ_j, a weight that starts at 0: a missing value is at
    first the middle of its column, and stays it where training has had none; what it tells beyond that is learned. A
    missing category is zero at every place of its one-hot.
    """

    gate: Array  # [numbers], γ
    road: Any  # the encoder, a BackboneModule; model files know it by this name
    numbers: tuple[int, ...] = eqx.field(static=True)  # columns
    categories: tuple[tuple[int, int], ...] = eqx.field(static=True)  # column and how many values
    rest: tuple[int, ...] = eqx.field(static=True)  # columns of categories that the encoder reads as such

    def __call__(self, x: Array, key: Array | None) -> Array:
        features: Array = self.road(self.encoder_input(x), key)
        return features

    @property
    def reads_missing(self) -> bool:
        return True

    def encoder_input(self, x: Array) -> Array:
        """Return what the encoder is given of `x` [n, d], NaN where a value is missing, [n, width]."""
        x = x.reshape(x.shape[0], -1)
        number = x[:, np.array(self.numbers, int)]
        is_missing = jnp.isnan(number)
        columns = [jnp.where(is_missing, 0, number), jnp.where(is_missing, self.gate, 0)]
        if self.categories:
            places = np.repeat([column for column, _ in self.categories], [count for _, count in self.categories])
            values = np.concatenate([np.arange(count) for _, count in self.categories])
            columns.append((x[:, places] == values).astype(x.dtype))
        if self.rest:
            columns.append(x[:, np.array(self.rest)])
        return jnp.concatenate(columns, axis=1)


def mixed_input(row: Row, read: Collection[int]) -> tuple[MixedInput, Row]:
    """Return the input of a row of a table, its weights still specs, its encoder not yet built, and the row for that.

    Parameters
    ----------
    read : columns of categories that the encoder reads as such.
    """
    counts = row.categories or (0,) * row.size
    numbers = tuple(i for i, count in enumerate(counts) if not count)
    categories = tuple((i, count) for i, count in enumerate(counts) if count and i not in read)
    rest = tuple(i for i in range(row.size) if counts[i] and i in read)
    columns = row.columns or tuple(map(str, range(row.size)))
    names = [columns[i] for i in numbers] + [f"{columns[i]} is missing" for i in numbers]
    names += [f"{columns[i]} = {value}" for i, count in categories for value in range(count)]
    names += [columns[i] for i in rest]
    kinds = None if not rest else (0,) * (len(names) - len(rest)) + tuple(counts[i] for i in rest)
    inner = replace(
        row, shape=(len(names),), columns=tuple(names), categories=kinds, may_be_missing=bool(rest), is_table=False
    )
    return MixedInput(constant((len(numbers),)), None, numbers, categories, rest), inner
