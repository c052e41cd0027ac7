"""The Jacobian of the point code with respect to the row: its squared Frobenius norm, in three forms.

Every function takes the rows `x` [n, d] and, where `other` [n, d] is given, answers for J(x) − J(other) in place of
J(x). Nothing but the probes of an estimate is random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Network
from isthmus.errors import InvalidPart

Form = Literal["auto", "closed", "exact", "estimate"]
MOST_SWEEPS = 16  # through the encoder that `auto` spends on an exact norm


def norm(
    form: Form, model: Network, x: Array, other: Array | None, key: Array | None, probes: int, *, is_round: bool = False
) -> Array:
    """Return ‖J‖²_F for each row, [n], in a form; `auto` takes the first that is exact and cheap.

    Parameters
    ----------
    is_round : the key is that of every step; `auto` then is exact at any price, since a line search would lower what
        the probes see of J and leave the rest.

    Raises
    ------
    InvalidPart
        If the closed form is asked for where there is none, or an estimate in a round.
    """
    closed = closed_form(model, x, other) if form in ("auto", "closed") else None
    if closed is not None:
        return closed
    if form == "closed":
        raise InvalidPart(
            "the closed form of the Jacobian needs an encoder without hidden layers and a code that is computed unit "
            "by unit, as encoder=() and bottleneck='deterministic(8, sigmoid)' are: use form='auto'."
        )
    if form == "estimate" and is_round:
        raise InvalidPart(
            "form='estimate' of the Jacobian needs an optimizer that goes step by step, as 'adam': one that searches "
            "along lines would learn the probes. Use form='auto', which is exact there."
        )
    is_cheap = is_round or min(model.size, x.shape[1]) <= MOST_SWEEPS
    if form == "exact" or (form == "auto" and is_cheap):
        return squared_norm(model, x, other)
    return estimate(model, x, jax.random.key(0) if key is None else key, probes, other)


def closed_form(model: Network, x: Array, other: Array | None = None) -> Array | None:
    """Return ‖J‖²_F = Σ_j s_j² Σ_d W_dj² for each row, [n], s the slopes of the code; None where J is not of that form.

    References
    ----------
    Rifai et al. (2011), Contractive auto-encoders: explicit invariance during feature extraction.
    """
    if not model.encoder.is_identity:
        return None
    x = jnp.nan_to_num(x)
    other = None if other is None else jnp.nan_to_num(other)
    own = model.neck.slopes(model.encoder(x, None))
    far = None if other is None else model.neck.slopes(model.encoder(other, None))
    if own is None:
        return None
    slopes, matrix = own
    difference = slopes if far is None else slopes - far[0]  # [n, size]
    return jnp.square(difference) @ jnp.sum(jnp.square(matrix), axis=0)


def squared_norm(model: Network, x: Array, other: Array | None = None) -> Array:
    """Return ‖J‖²_F for each row, [n], of any encoder, by one sweep for each unit of the code or each column."""
    code, start = _shifted(model, x, other), jnp.zeros_like(x)
    if model.size <= x.shape[1]:
        codes, pull = jax.vjp(code, start)
        sweeps = jax.vmap(pull)(_unit_vectors(model.size, codes))[0]  # [size, n, d]
    else:
        _, push = jax.linearize(code, start)
        sweeps = jax.vmap(push)(_unit_vectors(x.shape[1], x))  # [d, n, size]
    return jnp.sum(jnp.square(sweeps), axis=(0, 2))


def estimate(model: Network, x: Array, key: Array, probes: int = 1, other: Array | None = None) -> Array:
    """Return an unbiased estimate of ‖J‖²_F for each row, [n]: the mean of ‖vᵀJ‖² over probes v of random signs.

    References
    ----------
    Hutchinson (1989), A stochastic estimator of the trace of the influence matrix.
    """
    codes, pull = jax.vjp(_shifted(model, x, other), jnp.zeros_like(x))
    signs = jax.random.rademacher(key, (probes, *codes.shape), codes.dtype)
    sweeps = jax.vmap(pull)(signs)[0]  # [probes, n, d]
    return jnp.mean(jnp.sum(jnp.square(sweeps), axis=2), axis=0)


def _shifted(model: Network, x: Array, other: Array | None) -> Callable[[Array], Array]:
    """Return the code of rows shifted together, less that of the others: its Jacobian at no shift is J."""

    def code(shift: Array) -> Array:
        own = model.encode(x + shift).point
        return own if other is None else own - model.encode(other + shift).point

    return code


def _unit_vectors(size: int, like: Array) -> Array:
    """Return every unit vector of so many numbers, for each row, [size, n, size]; of the type of `like` [n, ...]."""
    return jnp.broadcast_to(jnp.eye(size, dtype=like.dtype)[:, None, :], (size, len(like), size))
