"""Numbers and codes side by side in one row: what is expected of each, and how they are put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Outcome


def numbers_of(counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(column for column, count in enumerate(counts) if not count)


def groups_of(counts: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Return columns of codes together whose counts are alike: the power of two that holds them, and the columns."""
    sizes = [1 << (count - 1).bit_length() if count else 0 for count in counts]
    return [(size, tuple(i for i, s in enumerate(sizes) if s == size)) for size in sorted(set(sizes) - {0})]


class HeterogeneousHead(Head):
    numbers: Head | None
    codes: Callable[[Array], Array] | None  # logits, group by group
    scale: Array  # [d]
    counts: tuple[int, ...] = eqx.field(static=True)  # by column, 0 for a number

    def __call__(self, features: Array) -> Outcome:
        numbers = None if self.numbers is None else self.numbers(features)
        logits = () if self.codes is None else self._logits(self.codes(features))
        scale = jnp.broadcast_to(self.scale, (features.shape[0], len(self.counts)))
        return HeterogeneousOutcome(numbers, logits, scale, self.counts)

    def _logits(self, flat: Array) -> tuple[Array, ...]:
        """Return the logits of each group, [n, columns, most codes], of all side by side [n, total]."""
        logits, offset = [], 0
        for size, columns in groups_of(self.counts):
            end = offset + size * len(columns)
            logit = flat[:, offset:end].reshape(-1, size, len(columns)).swapaxes(1, 2)
            is_code = np.arange(size) < np.array([self.counts[column] for column in columns])[:, None]
            logits.append(jnp.where(is_code, logit, -jnp.inf))
            offset = end
        return tuple(logits)


class HeterogeneousOutcome(Outcome):
    """What is expected of numbers and codes side by side."""

    numbers: Outcome | None
    logits: tuple[Array, ...]  # of each group of columns, [k, n, columns, most codes], −inf where a column has no such
    scale: Array  # [k, n, d]
    counts: tuple[int, ...] = eqx.field(static=True)

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        x, mask = (x, None) if observed is None else (jnp.where(observed, x, 0), self._number(observed))
        numbers = None if self.numbers is None else self.numbers.log_prob_by_column(self._number(x), mask)
        balanced = self._joined(numbers, self._log_shares(x)) / self.scale
        return balanced if observed is None else jnp.where(observed, balanced, 0)

    def log_density_by_column(self, x: Array, observed: Array | None = None) -> Array:
        x, mask = (x, None) if observed is None else (jnp.where(observed, x, 0), self._number(observed))
        numbers = None if self.numbers is None else self.numbers.log_density_by_column(self._number(x), mask)
        by_column = self._joined(numbers, self._log_shares(x))
        return by_column if observed is None else jnp.where(observed, by_column, 0)

    def log_constants(self) -> Array:
        constant = 0.0 if self.numbers is None else self.numbers.log_constants()
        return jnp.where(np.array(self.counts) == 0, constant, 0)

    def mean(self) -> Array:
        numbers = None if self.numbers is None else self.numbers.mean()
        return self._joined(numbers, self._most_probable())

    def conditional_mean(self, x: Array, observed: Array) -> Array:
        number, mask = self._number(jnp.where(observed, x, 0)), self._number(observed)
        numbers = None if self.numbers is None else self.numbers.conditional_mean(number, mask)
        return jnp.where(observed, x, self._joined(numbers, self._most_probable()))

    def sample(self, key: Array) -> Array:
        keys = jax.random.split(key, 1 + len(self.logits))
        numbers = None if self.numbers is None else self.numbers.sample(keys[0])
        codes = [jax.random.categorical(key, logit, axis=-1) for key, logit in zip(keys[1:], self.logits, strict=True)]
        return self._joined(numbers, codes)

    def uncertainty(self) -> Array | None:
        numbers = None if self.numbers is None else self.numbers.uncertainty()
        if numbers is None and self.numbers is not None:
            numbers = jnp.full_like(self.numbers.mean(), jnp.nan)
        return self._joined(numbers, [1 - jnp.max(jax.nn.softmax(logit, axis=-1), axis=-1) for logit in self.logits])

    def toward_shares(self, trust: Array, log_shares: Array) -> Outcome:
        starts = np.cumsum([0, *self.counts])
        logits = []
        for logit, (size, columns) in zip(self.logits, groups_of(self.counts), strict=True):
            counts = np.array([self.counts[column] for column in columns])[:, None]
            places = np.minimum(starts[np.array(columns)][:, None] + np.arange(size), starts[-1] - 1)
            is_code, a = np.arange(size) < counts, trust[np.array(columns)][:, None]
            both = a * jnp.where(is_code, logit, 0) + (1 - a) * log_shares[places]
            logits.append(jnp.where(is_code, both, -jnp.inf))
        return replace(self, logits=tuple(logits))

    def shares(self) -> dict[int, Array]:
        """Return the probabilities of the codes of each column that holds such, [k, n, codes]."""
        shares: dict[int, Array] = {}
        for logit, (_, columns) in zip(self.logits, groups_of(self.counts), strict=True):
            share = jax.nn.softmax(logit, axis=-1)
            shares |= {column: share[..., i, : self.counts[column]] for i, column in enumerate(columns)}
        return shares

    def _most_probable(self) -> list[Array]:
        """Return the most probable category of each column that holds such, [k, n, columns] for each group."""
        return [jnp.argmax(logit, axis=-1) for logit in self.logits]

    def _number(self, x: Array) -> Array:
        return x[..., np.array(numbers_of(self.counts), int)]

    def _log_shares(self, x: Array) -> list[Array]:
        """Return log p of the codes in `x` [n, d] for each group, [k, n, columns]."""
        log_shares = []
        for logit, (_, columns) in zip(self.logits, groups_of(self.counts), strict=True):
            code = jnp.broadcast_to(x[..., np.array(columns)].astype(jnp.int32), logit.shape[:-1])
            chosen = jnp.take_along_axis(logit, code[..., None], axis=-1, mode="clip")[..., 0]
            log_shares.append(chosen - jax.scipy.special.logsumexp(logit, axis=-1))
        return log_shares

    def _joined(self, numbers: Array | None, codes: list[Array]) -> Array:
        """Return what numbers and groups of codes give as the columns of the row, [k, n, d]."""
        parts = ([] if numbers is None else [numbers]) + [part.astype(self.scale.dtype) for part in codes]
        order = [*numbers_of(self.counts), *(column for _, columns in groups_of(self.counts) for column in columns)]
        return jnp.concatenate(parts, axis=-1)[..., np.argsort(order)]
