"""Units of a top-k code that have died, taught what the others leave over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import ForwardPass, KnownCategories, Network, Penalty, Schedule
from isthmus.errors import InvalidPart, require

LEAST = 1e-12  # of the rows' variance: a residual below is rounding


@dataclass(frozen=True)
class DeadUnits(Penalty):
    """The dead units' share in what the code misses: V(x) / V(e) · ‖e − ê‖² for each row.

    A unit is dead once it has not been active for `after` rows. e = x − x̂, held fixed, is what the living units miss.
    ê is what the `revived` largest dead units add, as they were before the largest were chosen: decode(z + z_dead) −
    decode(z), where z is held fixed, so that a bias of a linear decoder cancels and only dead units and the decoder's
    answer to them learn. V is the squared distance from the mean row, its mean over the batch: the paper divides its
    main loss by V(x) and this one by V(e), so `weight` stands to the loss as there. 0 where no unit is dead, where
    nothing is missed, and at evaluation.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule; the paper's 1/32 by default.
    revived : dead units that learn from a row; None for half as many as columns. The fewer, the more they compete
        and the sooner they are among the largest of all; where all learn from every row they may stay dead.
    after : rows, not steps, without activity after which a unit counts as dead; rows of weight 0 do not count.

    References
    ----------
    Gao et al. (2024), Scaling and evaluating sparse autoencoders, appendix A.2.

    Examples
    --------
    >>> DeadUnits(revived=8, after=1000)
    DeadUnits(weight=0.03125, revived=8, after=1000)
    """

    weight: float | Schedule = 1 / 32
    revived: int | None = None
    after: int = 10_000

    step_by_step = True

    def __post_init__(self) -> None:
        require(self.revived is None or self.revived >= 1, "DeadUnits.revived", "at least 1, or None", self.revived)
        require(1 <= self.after < 2**30, "DeadUnits.after", "from 1 to 2**30 - 1", self.after)

    def start(self, model: Network, known: KnownCategories) -> Any:
        """Return the rows since each unit was last active, [size]."""
        return np.zeros(model.size, np.int32)

    def remember(self, forward: ForwardPass) -> Any:
        counts = forward.batch.weight > 0  # [n]
        is_active = jnp.any((forward.code.draws[0] != 0) & counts[:, None], axis=0)
        since = jnp.minimum(forward.memory + jnp.sum(counts, dtype=jnp.int32), self.after)
        return jnp.where(is_active, 0, since)

    def __call__(self, forward: ForwardPass) -> Array:
        linear, is_dead = _before_choice(forward), jnp.asarray(forward.memory) >= self.after
        # Its two decodes are spared where no unit is dead.
        return jax.lax.cond(
            jnp.any(is_dead), lambda: self._term(forward, linear, is_dead), lambda: jnp.zeros_like(linear[:, 0])
        )

    def _term(self, forward: ForwardPass, linear: Array, is_dead: Array) -> Array:
        if forward.outcome is None:
            raise InvalidPart("the penalty dead_units needs rows that are explained, and here only a target is.")
        x, held = forward.batch.x, jax.lax.stop_gradient(forward.code.draws)  # [1, n, size]
        revived = self._largest_dead(linear, is_dead, x.shape[1])
        with_dead, without = (
            forward.model.decode(z, forward.decoder_key, forward.code.condition).mean()[0]
            for z in (held + revived, held)
        )
        # Neither the number of a category nor a value that is missing is missed by so much.
        is_measured, weight = forward.is_measured, forward.batch.weight
        missed = jnp.where(is_measured, jax.lax.stop_gradient(x - forward.outcome.mean()[0]), 0)  # [n, d]
        variance, left = _variance(x, weight, is_measured), _variance(missed, weight, is_measured)
        counts = jnp.any(is_dead) & (left > LEAST * variance)
        scale = jnp.where(counts, variance / jnp.where(counts, left, 1), 0)
        return scale * jnp.sum(jnp.where(is_measured, jnp.square(missed - (with_dead - without)), 0), axis=1)

    def _largest_dead(self, linear: Array, is_dead: Array, columns: int) -> Array:
        """Return `linear` [n, size] where a unit is dead and among the largest of them, else 0."""
        most = min(self.revived or max(columns // 2, 1), linear.shape[1])
        dead = jnp.where(is_dead, linear, -jnp.inf)
        least = jax.lax.stop_gradient(jax.lax.top_k(dead, most)[0][:, -1:])  # -inf where there are fewer
        return jnp.where(is_dead & (dead >= least), linear, 0)


def _before_choice(forward: ForwardPass) -> Array:
    """Return the units before the largest were chosen, [n, size]."""
    if forward.code.dense is None:
        raise InvalidPart(
            "the penalty dead_units needs a code of which only the largest units pass: use bottleneck='top_k(...)'."
        )
    return forward.code.dense


def _variance(rows: Array, weight: Array, is_measured: Array) -> Array:
    """Return the weighted mean squared distance of `rows` [n, d] from their mean; NaN where no row counts."""
    share = weight / jnp.sum(weight)
    mean = share @ jnp.where(is_measured, rows, 0) / jnp.maximum(share @ is_measured.astype(share.dtype), 1e-12)
    return share @ jnp.sum(jnp.where(is_measured, jnp.square(rows - mean), 0), axis=1)
