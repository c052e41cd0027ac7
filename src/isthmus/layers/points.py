"""Rows as points between which distances mean something: the number of a category is no place on a line."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from isthmus.errors import InvalidPart


def row_points(x: Any, counts: tuple[int, ...] | None, weight: Any, *, is_table: bool = True, xp: Any = jnp) -> Any:
    """Return rows `x` [n, d], NaN where a value is missing, as points [n, width].

    Categories are one-hot, as an encoder sees them, and follow the numbers; what is missing, of either, stands at the
    mean of the rows that have it, by their `weight` [n].

    Parameters
    ----------
    counts : of the categories of each column, 0 for numbers; None for numbers only.
    is_table : else columns that are all categories are the tokens of texts.
    xp : jax.numpy, or NumPy for arrays of its own.

    Raises
    ------
    InvalidPart
        If rows are tokens: as points they would be as wide as the vocabulary for each token.

    Examples
    --------
    >>> x = np.array([[0.5, 1.0], [1.5, 0.0], [np.nan, 1.0]])
    >>> row_points(x, (0, 2), np.ones(3), xp=np).tolist()
    [[0.5, 0.0, 1.0], [1.5, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    counts = counts or (0,) * x.shape[1]
    if not is_table and all(counts):
        raise InvalidPart("texts read as tokens have no distances from each other: use text='tfidf'.")
    numbers = np.array([column for column, count in enumerate(counts) if not count], int)
    places = np.repeat(np.arange(len(counts)), counts)
    values = np.concatenate([np.arange(count) for count in counts])
    one_hot = xp.where(xp.isnan(x[:, places]), xp.nan, x[:, places] == values)
    points = xp.concatenate([x[:, numbers], one_hot], axis=1).astype(x.dtype)
    is_there = ~xp.isnan(points)
    share = is_there * xp.asarray(weight)[:, None]
    mean = xp.sum(xp.where(is_there, points, 0) * share, axis=0) / xp.maximum(xp.sum(share, axis=0), 1e-12)
    return xp.where(is_there, points, mean).astype(x.dtype)
