"""The predictive distribution of a regressor: one for each row, in the units of the target."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from isthmus.contracts import Density, Outcome
from isthmus.core.programs import compiled
from isthmus.data.arrays import fill_masked
from isthmus.errors import InvalidData, InvalidPart, require
from isthmus.estimators._seeds import check_seed, seed_of
from isthmus.model.inference import BLOCK


class Distribution:
    """The distribution of each row's target, in its units: of every output alone, of all in `log_prob` and `sample`.

    Answers are float64 arrays [n, outputs], or [n] where the target had one dimension. A `y` is one number for all, or
    an array of that shape.

    Parameters
    ----------
    outcome : a density over scaled targets, its arrays [n, ...].
    center, spread : [outputs], of the scaling: y = center + spread · scaled.
    is_flat : whether the target had one dimension.

    Raises
    ------
    InvalidPart
        If the outcome is not a density.

    Examples
    --------
    >>> from isthmus.distributions.normal import NormalOutcome
    >>> scaled = NormalOutcome(np.array([[0.0], [1.0]]), np.array([[1.0], [0.5]]))
    >>> predicted = Distribution(scaled, np.array([10.0]), np.array([2.0]), is_flat=True)
    >>> predicted.mean().tolist(), predicted.std().tolist(), predicted.quantile(0.5).tolist()
    ([10.0, 12.0], [2.0, 1.0], [10.0, 12.0])
    >>> predicted.cdf(12.0).round(4).tolist()
    [0.8413, 0.5]
    """

    def __init__(self, outcome: Outcome, center: np.ndarray, spread: np.ndarray, is_flat: bool) -> None:
        if not isinstance(outcome, Density):
            raise InvalidPart(
                "a distribution needs a target that is a density: use target='gaussian', 'mixture' or 'histogram'. "
                "That of this model only gives a value."
            )
        self._outcome: Density = jax.tree.map(lambda array: np.asarray(array, np.float64), outcome)
        self._n = len(jax.tree.leaves(self._outcome)[0])
        self._center = np.asarray(center, np.float64)
        self._spread = np.asarray(spread, np.float64)
        self._is_flat = is_flat

    def __len__(self) -> int:
        return self._n

    def mean(self) -> np.ndarray:
        """Return the expected values, [n] or [n, outputs]."""
        return self._reshape(self._center + self._spread * self._evaluate("mean"))

    def std(self) -> np.ndarray:
        """Return the standard deviations, [n] or [n, outputs]."""
        return self._reshape(self._spread * np.sqrt(self._evaluate("variance")))

    def quantile(self, q: Any) -> np.ndarray:
        """Return the values that targets stay below with probability `q`, between 0 and 1.

        For several `q` [m], the answer is [m, n] or [m, n, outputs].
        """
        levels = np.asarray(q, np.float64)
        require(
            levels.ndim < 2 and bool(np.all((levels > 0) & (levels < 1))), "q", "one or several numbers in (0, 1)", q
        )
        shape = (self._n, len(self._center))
        quantiles = [self._evaluate("quantile", np.full(shape, level)) for level in np.atleast_1d(levels)]
        values = [self._reshape(self._center + self._spread * scaled) for scaled in quantiles]
        return np.stack(values) if levels.ndim else values[0]

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the central interval that holds a target with probability `level`, lower and upper."""
        require(0 < level < 1, "level", "a number in (0, 1)", level)
        low, high = self.quantile([(1 - level) / 2, (1 + level) / 2])
        return low, high

    def pdf(self, y: Any) -> np.ndarray:
        """Return the density of each output at `y`, [n] or [n, outputs]."""
        return self._reshape(np.exp(self._evaluate("marginal_log_prob", self._scale(y))) / self._spread)

    def cdf(self, y: Any) -> np.ndarray:
        """Return how probable it is that a target is at most `y`, [n] or [n, outputs]."""
        return self._reshape(self._evaluate("cdf", self._scale(y)))

    def log_prob(self, y: Any) -> np.ndarray:
        """Return the log-density of all outputs together at `y`, [n]; those that are NaN there are integrated out.

        Where all outputs of a row are NaN, so is the answer.
        """
        scaled = self._scale(y)
        is_known = ~np.isnan(scaled)
        density = self._evaluate("joint_log_prob", scaled, is_known) - is_known @ np.log(self._spread)
        return np.where(is_known.any(axis=1), density, np.nan)

    def crps(self, y: Any) -> np.ndarray:
        """Return the continuous ranked probability score ∫ (F(t) − [t ≥ y])² dt of each output, [n] or [n, outputs].

        In the units of the target, lower is better; of a distribution that is sure it is the absolute error.
        """
        return self._reshape(self._spread * self._evaluate("crps", self._scale(y)))

    def sample(self, n: int = 1, random_state: Any = 0) -> np.ndarray:
        """Return `n` draws of the targets of every row, [draws, n] or [draws, n, outputs]."""
        is_whole = isinstance(n, int | np.integer) and not isinstance(n, bool)
        require(is_whole and n >= 1, "n", "a whole number of at least 1", n)
        check_seed(random_state)
        draws = np.empty((int(n), self._n, len(self._center)))
        seeds = np.random.SeedSequence(seed_of(random_state)).generate_state(int(n))
        for draw, seed in zip(draws, seeds, strict=True):
            draw[:] = self._by_block(partial(self._draw_block, seed))
        draws = self._center + self._spread * draws
        return draws[..., 0] if self._is_flat else draws

    def coverage(self, y: Any, level: float = 0.9) -> Any:
        """Return the share of targets within the central interval of `level`, a number or [outputs]; NaN do not count.

        Near `level` for a distribution that knows what it does not know.
        """
        low, high = self.interval(level)
        value = self._reshape(self._rows(y))
        is_known = ~np.isnan(value)
        count = np.sum(is_known, axis=0)
        share = np.sum((low <= value) & (value <= high), axis=0) / np.maximum(count, 1)
        share = np.where(count > 0, share, math.nan)
        return float(share) if self._is_flat else share

    def _rows(self, y: Any) -> np.ndarray:
        """Return `y` as [n, outputs]."""
        given = np.asarray(fill_masked(y), np.float64)
        shape = (self._n, len(self._center))
        if given.shape == shape[:1] and shape[1] == 1:
            given = given[:, None]
        if given.shape not in ((), shape):
            expected = list(shape[:1] if self._is_flat else shape)
            raise InvalidData(f"y: expected shape {expected}, or one number; got shape {list(given.shape)}.")
        return np.broadcast_to(given, shape)

    def _scale(self, y: Any) -> np.ndarray:
        return (self._rows(y) - self._center) / self._spread

    def _reshape(self, rows: np.ndarray) -> np.ndarray:
        return rows[..., 0] if self._is_flat else rows

    def _block(self, number: int) -> Density:
        return jax.tree.map(lambda array: _block(array, number), self._outcome)

    def _draw_block(self, seed: int, number: int) -> Any:
        return _draw(self._block(number), seed, number)

    def _evaluate(self, name: str, *rows: np.ndarray) -> np.ndarray:
        """Return what a method of the outcome says of `rows`."""
        return self._by_block(lambda k: _call(self._block(k), name, *(_block(array, k) for array in rows)))

    def _by_block(self, function: Callable[[int], Any]) -> np.ndarray:
        """Return `function` of the numbers of all blocks of rows, in float64: few shapes are few programs."""
        with jax.enable_x64(True):
            blocks = [np.asarray(function(number)) for number in range(-(-self._n // BLOCK))]
        return np.concatenate(blocks)[: self._n]


@partial(compiled, static_argnames="name")
def _call(outcome: Density, name: str, *rows: Any) -> Any:
    method: Callable[..., Any] = getattr(outcome, name)
    return method(*rows)


@compiled
def _draw(outcome: Density, seed: Any, block: Any) -> Any:
    return outcome.sample(jax.random.fold_in(jax.random.key(seed), block))


def _block(array: np.ndarray, number: int) -> np.ndarray:
    """Return the rows of a block, the last one filled up with its last row."""
    rows = array[number * BLOCK : (number + 1) * BLOCK]
    return np.concatenate([rows, np.repeat(rows[-1:], BLOCK - len(rows), axis=0)])
