"""Each column its own output and loss: numbers and categories in one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Likelihood, Outlet
from isthmus.flow import Head, Outcome, Row
from isthmus.parts import spelled
from isthmus.weights import fixed

LEAST = 0.1  # of a column's unit: what hardly ever differs must not outweigh the rest


@dataclass(frozen=True)
class Columns(Likelihood):
    """Columns of numbers explained by one likelihood, each column of codes 0, 1, … by a softmax of its own.

    The loss of a row is Σ_j ℓ_j / u_j over the columns that are observed, ℓ_j = −log p_j(x_j) for codes. Balanced, u_j
    is the mean loss in training of telling every row the same: for codes the entropy −Σ_v s_v log s_v of the shares s
    of the values, for the squared error the variance, at least 0.1 each and 1 where a column has one value only. So a
    model that knows the marginal distributions and no more has a loss of 1 by column, and no column drowns the others.
    Numbers whose likelihood is a density are taken as they come, in nats. A row is expected to hold the most probable
    codes.

    Parameters
    ----------
    numbers : the likelihood of columns that hold numbers.
    balanced : divide by u_j; else u_j = 1, and where `numbers` is a density the loss is the joint −log p.

    References
    ----------
    Nazábal, Olmos, Ghahramani and Valera (2020), Handling incomplete heterogeneous data using VAEs.

    Examples
    --------
    >>> part = Columns()
    >>> x = np.array([[0.0, 2.0], [1.0, 2.0], [0.0, 4.0], [1.0, 4.0]])  # a fair coin, and a number of variance 1
    >>> [round(float(v), 4) for v in part.start(Row((2,), codes=(2, 0)), x, np.ones(4))["scale"]]  # log 2, 1
    [0.6931, 1.0]
    """

    numbers: Likelihood = spelled("squared_error")
    balanced: bool = True

    bears_repulsion = False  # −log p of a code has no upper bound, so minus it has no lower one
    explains_codes = True

    @property
    def support(self) -> tuple[float, float]:
        return self.numbers.support

    def build(self, row: Row, outlet: Outlet) -> Head:
        counts = row.codes or (0,) * row.size
        numbers, groups = _numbers(counts), _groups(counts)
        total = sum(size * len(columns) for size, columns in groups)
        return ColumnsHead(
            self.numbers.build(_row(row, numbers), outlet) if numbers else None,
            outlet(total) if total else None,
            fixed((row.size,)),
            counts,
        )

    def start(self, row: Row, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        counts = row.codes or (0,) * row.size
        numbers = _numbers(counts)
        inner = _row(row, numbers)
        found = self.numbers.start(inner, x[:, numbers], weight) if numbers else {}
        scale = np.ones(row.size)
        if self.balanced:
            units = self.numbers.unit(x[:, numbers], weight) if numbers else None
            if units is not None:
                scale[list(numbers)] = units
            for column, count in enumerate(counts):
                if count:
                    scale[column] = _entropy(x[:, column], weight, count)
            scale = np.where(scale > 0, np.maximum(scale, LEAST), 1.0)
        return {"scale": scale} | {f"numbers.{path}": value for path, value in found.items()}

    def link(self, x: np.ndarray) -> np.ndarray:
        return self.numbers.link(x)


class ColumnsHead(Head):
    numbers: Head | None
    codes: Callable[[Array], Array] | None  # logits, group by group
    scale: Array  # [d]
    counts: tuple[int, ...] = eqx.field(static=True)  # by column, 0 for a number

    def __call__(self, features: Array) -> Outcome:
        numbers = None if self.numbers is None else self.numbers(features)
        logits = () if self.codes is None else self._logits(self.codes(features))
        scale = jnp.broadcast_to(self.scale, (features.shape[0], len(self.counts)))
        return ColumnsOutcome(numbers, logits, scale, self.counts)

    def _logits(self, flat: Array) -> tuple[Array, ...]:
        """Return the logits of each group, [n, columns, most codes], of all side by side [n, total]."""
        found, offset = [], 0
        for size, columns in _groups(self.counts):
            end = offset + size * len(columns)
            logit = flat[:, offset:end].reshape(-1, size, len(columns)).swapaxes(1, 2)
            is_code = np.arange(size) < np.array([self.counts[column] for column in columns])[:, None]
            found.append(jnp.where(is_code, logit, -jnp.inf))
            offset = end
        return tuple(found)


class ColumnsOutcome(Outcome):
    """What is expected of numbers and codes side by side."""

    numbers: Outcome | None
    logits: tuple[Array, ...]  # of each group of columns, [k, n, columns, most codes], −inf where a column has no such
    scale: Array  # [k, n, d]
    counts: tuple[int, ...] = eqx.field(static=True)

    def by_column(self, x: Array) -> Array:
        numbers = None if self.numbers is None else self.numbers.by_column(self._number(x))
        return self._joined(numbers, self._log_shares(x)) / self.scale

    def marginal(self, x: Array, observed: Array) -> Array:
        x = jnp.where(observed, x, 0)
        numbers = None if self.numbers is None else self.numbers.marginal(self._number(x), self._number(observed))
        return jnp.where(observed, self._joined(numbers, self._log_shares(x)) / self.scale, 0)

    def mean(self) -> Array:
        numbers = None if self.numbers is None else self.numbers.mean()
        return self._joined(numbers, [jnp.argmax(logit, axis=-1) for logit in self.logits])

    def sample(self, key: Array) -> Array:
        keys = jax.random.split(key, 1 + len(self.logits))
        numbers = None if self.numbers is None else self.numbers.sample(keys[0])
        codes = [
            jax.random.categorical(each, logit, axis=-1) for each, logit in zip(keys[1:], self.logits, strict=True)
        ]
        return self._joined(numbers, codes)

    def doubt(self) -> Array | None:
        numbers = None if self.numbers is None else self.numbers.doubt()
        if numbers is None and self.numbers is not None:
            numbers = jnp.full_like(self.numbers.mean(), jnp.nan)
        return self._joined(numbers, [1 - jnp.max(jax.nn.softmax(logit, axis=-1), axis=-1) for logit in self.logits])

    def shares(self) -> dict[int, Array]:
        """Return the probabilities of the codes of each column that holds such, [k, n, codes]."""
        found: dict[int, Array] = {}
        for logit, (_, columns) in zip(self.logits, _groups(self.counts), strict=True):
            share = jax.nn.softmax(logit, axis=-1)
            found |= {column: share[..., i, : self.counts[column]] for i, column in enumerate(columns)}
        return found

    def _number(self, x: Array) -> Array:
        return x[..., np.array(_numbers(self.counts), int)]

    def _log_shares(self, x: Array) -> list[Array]:
        """Return log p of the codes in `x` [n, d] for each group, [k, n, columns]."""
        found = []
        for logit, (_, columns) in zip(self.logits, _groups(self.counts), strict=True):
            code = jnp.broadcast_to(x[..., np.array(columns)].astype(jnp.int32), logit.shape[:-1])
            chosen = jnp.take_along_axis(logit, code[..., None], axis=-1, mode="clip")[..., 0]
            found.append(chosen - jax.scipy.special.logsumexp(logit, axis=-1))
        return found

    def _joined(self, numbers: Array | None, codes: list[Array]) -> Array:
        """Return what numbers and groups of codes give as the columns of the row, [k, n, d]."""
        parts = ([] if numbers is None else [numbers]) + [part.astype(self.scale.dtype) for part in codes]
        order = [*_numbers(self.counts), *(column for _, columns in _groups(self.counts) for column in columns)]
        return jnp.concatenate(parts, axis=-1)[..., np.argsort(order)]


def _numbers(counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(column for column, count in enumerate(counts) if not count)


def _groups(counts: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Return columns of codes together whose counts are alike: the power of two that holds them, and the columns."""
    sizes = [1 << (count - 1).bit_length() if count else 0 for count in counts]
    return [(size, tuple(i for i, s in enumerate(sizes) if s == size)) for size in sorted(set(sizes) - {0})]


def _row(row: Row, columns: tuple[int, ...]) -> Row:
    """Return the row of the columns that hold numbers."""
    if row.codes is None:
        return row
    names = None if row.columns is None else tuple(row.columns[column] for column in columns)
    return Row((len(columns),), names, has_holes=row.has_holes)


def _entropy(codes: np.ndarray, weight: np.ndarray, count: int) -> float:
    is_there = ~np.isnan(codes)
    totals = np.bincount(codes[is_there].astype(np.int64), weight[is_there], count)
    shares = totals[totals > 0] / max(totals.sum(), 1e-12)
    return float(-np.sum(shares * np.log(shares)))
