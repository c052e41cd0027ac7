"""The log-likelihood of rows under a model whose code is a distribution, estimated by importance sampling."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.core.constraints import Seed, Whole
from isthmus.core.parameter_specs import assemble
from isthmus.core.programs import compiled
from isthmus.data.device_table import padded_size
from isthmus.errors import InvalidPart
from isthmus.estimators._device import on_device
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._seeds import seed_of
from isthmus.model.inference import BLOCK, blockwise_with_noise
from isthmus.model.model import Model

DECODED = 4096  # rows at a time


@on_device
def log_likelihood(estimator: Reconstructor, X: Any, draws: int = 5000, random_state: Any = 0) -> np.ndarray:
    """Return an estimate of log p(x) of each row, [n], in scaled units: higher is more usual.

    It is log (1/K) Σ_k p(x | z_k) p(z_k) / q(z_k | x) over K draws of the code of the row: on average a lower bound,
    which rises to log p(x) with K. p(x | z) is the log-density of numbers, also where the loss leaves out a constant
    (`squared_error`: N(x̂, 1/2)), smooths (`histogram`) or balances (`columns`), and the probability of bits and
    categories; numbers between 0 and 1 have none under `bernoulli`. Compare models with the same scaling. Missing cells
    are integrated out.

    It is −inf for a row outside of what the likelihood explains. A category that the fit has not had counts as one row
    among those of the fit and this one.

    Parameters
    ----------
    estimator : a fitted autoencoder.
    X : a table.
    draws : K, at least 1; they are decoded a few at a time, so memory does not grow with them.
    random_state : seed of the draws.

    Raises
    ------
    InvalidPart
        If the code of the model is a point and no distribution.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> ae = Autoencoder("variational(1)", likelihood="gaussian", max_epochs=2).fit(X)
    >>> log_likelihood(ae, X, draws=100).shape
    (60,)
    """
    source = estimator.open_rows(X)
    Whole(1).check("draws", draws)
    Seed().check("random_state", random_state)
    key, number = jax.random.key(seed_of(random_state)), itertools.count()
    fitted, rows = estimator.fitted_, min(padded_size(source.n_rows), BLOCK)  # of a small table, no more than it has
    at_once = min(DECODED // rows, int(draws))

    compute = fitted.bind(_evidence)

    def evidence_of(x: np.ndarray, own: Array) -> Array:
        return compute(x[:rows], own, int(draws), at_once)

    answers = []
    for scaled, is_unseen in fitted.reader.scale_marked(source):
        evidence = np.concatenate(list(blockwise_with_noise(evidence_of, iter([scaled]), key, number)))[:, 0]
        evidence = evidence - np.log(fitted.n_samples + 1) * is_unseen.sum(axis=1)
        answers.append(np.where(fitted.is_outside(scaled).any(axis=1), -np.inf, evidence))
    return np.concatenate(answers).astype(source.dtype)


@partial(compiled, static_argnames="at_once")
def _evidence(weights: Array, model: Model, x: Array, key: Array, draws: int, at_once: int) -> Array:
    """Return the log of the mean weight over `draws` draws of the code of `x` [n, d], [n, 1]."""
    network = assemble(model, weights)
    code = network.encode(x)
    posterior = code.posterior
    if posterior is None:
        raise InvalidPart(_A_POINT)
    observed = ~jnp.isnan(x) if network.may_be_missing else None

    def add(i: Array, total: Array) -> Array:
        z = posterior.sample(jax.random.fold_in(key, i), at_once)
        outcome = network.decode(z, None, code.condition)
        constants = outcome.log_constants() if observed is None else jnp.where(observed, outcome.log_constants(), 0)
        density = outcome.log_density_by_column(x, observed) + constants
        log_weights = posterior.log_weights(jnp.sum(density, axis=-1), z)  # [at_once, n]
        is_requested = i * at_once + jnp.arange(at_once) < draws
        log_weights = jnp.where(is_requested[:, None], log_weights, -jnp.inf)
        return jnp.logaddexp(total, jax.scipy.special.logsumexp(log_weights, axis=0))

    total = jax.lax.fori_loop(0, -(-draws // at_once), add, jnp.full(len(x), -jnp.inf))
    return (total - jnp.log(draws))[:, None]


_A_POINT = (
    "log_likelihood needs a code that is a distribution, and that of this model is a point: use "
    "bottleneck='variational(…)' or 'importance_weighted(…)'."
)
