"""How far fillings are off: measured on cells that are hidden on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

RANKS = np.concatenate([[0.0025], np.linspace(0.005, 0.995, 199), [0.9975]])  # of the residuals that are kept
LEAST_CELLS = 80  # of a column whose residuals stand for themselves; of fewer, those of all columns do
LEAST_SHARE = 0.1  # of the cells that are hidden
LEAST_CHANCE = 0.05  # of a cell that is hidden by value, beside the square of its rank
AT_RANDOM, SMALL, LARGE = "at random", "small", "large"
HIDINGS = (AT_RANDOM, SMALL, LARGE) * 4  # in what ways cells are hidden, drawn again each time


class Hiding(NamedTuple):
    """Cells of scaled rows that were hidden, and their predictions, [n, d] each."""

    way: str
    is_hidden: np.ndarray
    mean: np.ndarray
    uncertainty: np.ndarray


def hide_cells(
    x: np.ndarray, predict: Callable[[np.ndarray], Any], is_learned: np.ndarray, random: np.random.Generator
) -> list[Hiding]:
    """Return cells of scaled rows `x` [n, d], hidden in each way, and what is predicted of them.

    Parameters
    ----------
    predict : gives the `mean` x̂ and the `uncertainty` σ̂ of every cell, [n, d] each, where some are hidden, [n, d].
    is_learned : [d]; as many cells are hidden as are missing of what is learned, but at least a tenth.
    """
    share = max(float(np.isnan(x[:, is_learned]).mean()), LEAST_SHARE)
    hidings = []
    for way in HIDINGS:
        is_hidden = (random.random(x.shape) < chance_to_be_hidden(x, share, way)) & ~np.isnan(x)
        cells = predict(is_hidden)
        hidings.append(Hiding(way, is_hidden, cells.mean, cells.uncertainty))
    return hidings


def residual_quantiles(x: np.ndarray, hidings: Sequence[Hiding], is_category: np.ndarray) -> np.ndarray:
    """Return quantiles of (x − x̂) / σ̂ of cells hidden in scaled rows `x` [n, d], [ranks, d]; 0 of categories.

    Those below the median are of cells hidden at random or since they are small, the others of cells hidden at
    random or since they are large: a missing cell may be missing for what it holds.
    """
    ratios: dict[str, list[np.ndarray]] = {way: [] for way in HIDINGS}  # [n, d] each, NaN where no cell was hidden
    for way, is_hidden, mean, uncertainty in hidings:
        ratio = (x - mean) / np.where(is_category, 1.0, uncertainty)
        ratios[way].append(np.where(is_hidden & ~is_category, ratio, np.nan))
    lower, upper = (_quantiles(np.concatenate(ratios[AT_RANDOM] + ratios[way]), is_category) for way in (SMALL, LARGE))
    return np.sort(np.where(RANKS[:, None] < 0.5, lower, upper), axis=0)


def chance_to_be_hidden(x: np.ndarray, share: float, way: str) -> np.ndarray:
    """Return how probable it is that each cell of `x` [n, d] is hidden, `share` in the mean over a column, [n, d].

    It is alike for all cells, or goes with the square of the rank of a value, from the smallest or from the largest.
    """
    if way == AT_RANDOM:
        return np.full(x.shape, share)
    ranks = rankdata(x if way == LARGE else -x, axis=0, nan_policy="omit") / np.maximum((~np.isnan(x)).sum(axis=0), 1)
    weight = np.nan_to_num(ranks) ** 2 + LEAST_CHANCE
    chance: np.ndarray = np.minimum(weight * share / weight.mean(axis=0), 1)
    return chance


def _quantiles(ratios: np.ndarray, is_category: np.ndarray) -> np.ndarray:
    """Return the quantiles of the columns of `ratios` [n, d], NaN not counted, [ranks, d]; 0 of categories.

    Where a column has few, they are those of all.
    """
    pooled = ratios[~np.isnan(ratios)]
    quantiles = np.zeros((len(RANKS), len(is_category)))
    for place in np.flatnonzero(~is_category):
        own = ratios[~np.isnan(ratios[:, place]), place]
        own = own if len(own) >= LEAST_CELLS else pooled
        quantiles[:, place] = np.quantile(own, RANKS) if len(own) else 0.0
    return quantiles
