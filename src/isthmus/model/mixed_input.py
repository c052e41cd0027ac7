"""The entrance: how a row of a mixed table is shown to a road that reads numbers."""

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
    """A road behind an entrance.

    It sees numbers with 0 for what is not there, then a mark for each that is not, then codes one-hot, then codes as
    such. The mark is γ_j, a weight that starts at 0: a number that is not there is at first the middle of its column,
    and stays it where training has seen no hole; what a hole tells beyond that is learned. A code that is not there is
    zero at every place of its one-hot.
    """

    gate: Array  # [numbers], γ
    road: Any  # a Module
    numbers: tuple[int, ...] = eqx.field(static=True)  # columns
    codes: tuple[tuple[int, int], ...] = eqx.field(static=True)  # column and how many values
    rest: tuple[int, ...] = eqx.field(static=True)  # columns of codes that the road reads as such

    def __call__(self, x: Array, key: Array | None) -> Array:
        found: Array = self.road(self.shown(x), key)
        return found

    @property
    def reads_missing(self) -> bool:
        return True

    def shown(self, x: Array) -> Array:
        """Return what the road sees of `x` [n, d], NaN where nothing is, [n, width]."""
        x = x.reshape(x.shape[0], -1)
        number = x[:, np.array(self.numbers, int)]
        is_missing = jnp.isnan(number)
        shown = [jnp.where(is_missing, 0, number), jnp.where(is_missing, self.gate, 0)]
        if self.codes:
            columns = np.repeat([column for column, _ in self.codes], [count for _, count in self.codes])
            values = np.concatenate([np.arange(count) for _, count in self.codes])
            shown.append((x[:, columns] == values).astype(x.dtype))
        if self.rest:
            shown.append(x[:, np.array(self.rest)])
        return jnp.concatenate(shown, axis=1)


def mixed_input(row: Row, read: Collection[int]) -> tuple[MixedInput, Row]:
    """Return the entrance of a mixed row, its weights still slots, its road not yet built, and the row that it sees.

    Parameters
    ----------
    read : columns of codes that the road reads as such.
    """
    counts = row.codes or (0,) * row.size
    numbers = tuple(i for i, count in enumerate(counts) if not count)
    codes = tuple((i, count) for i, count in enumerate(counts) if count and i not in read)
    rest = tuple(i for i in range(row.size) if counts[i] and i in read)
    columns = row.columns or tuple(map(str, range(row.size)))
    names = [columns[i] for i in numbers] + [f"{columns[i]} is missing" for i in numbers]
    names += [f"{columns[i]} = {value}" for i, count in codes for value in range(count)]
    names += [columns[i] for i in rest]
    kinds = None if not rest else (0,) * (len(names) - len(rest)) + tuple(counts[i] for i in rest)
    shown = replace(
        row, shape=(len(names),), columns=tuple(names), codes=kinds, may_be_missing=bool(rest), is_table=False
    )
    return MixedInput(constant((len(numbers),)), None, numbers, codes, rest), shown
