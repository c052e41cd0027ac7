"""Codes that together lie as the draws of a prior do: maximum mean discrepancy."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import ForwardPass, Penalty, Prior, Schedule, spelling
from isthmus.errors import require
from isthmus.layers.pairs import mean_over_pairs, squared_distances


@dataclass(frozen=True)
class MMD(Penalty):
    """weight · the mean over pairs of k(h_i, h_j) + k(p_i, p_j) − k(h_i, p_j) − k(p_i, h_j), h the code, p of a prior.

    It estimates, without bias, the squared maximum mean discrepancy between codes and prior under the kernel
    k(a, b) = C / (C + ‖a − b‖²), C = 2 · scale² · size: 0 where both are distributed alike, else above; the estimate
    may fall below 0. Draws of the prior can then be decoded, as with an adversarial code, but no discriminator is
    trained: a Wasserstein autoencoder. At evaluation the draws of the prior are always the same.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    prior : of `isthmus.priors`.
    scale : of the kernel, above 0: about the standard deviation of the prior.

    References
    ----------
    Gretton et al. (2012), A kernel two-sample test, lemma 6.
    Tolstikhin, Bousquet, Gelly and Schölkopf (2018), Wasserstein auto-encoders.

    Examples
    --------
    >>> str(MMD(3.0, "normal(2.0)", scale=2.0))
    'mmd(3.0, prior=normal(2.0), scale=2.0)'
    """

    weight: float | Schedule = 10.0
    prior: Prior = spelling("normal")
    scale: float = 1.0

    is_random = True

    def __post_init__(self) -> None:
        require(self.scale > 0, "MMD.scale", "above 0", self.scale)

    @property
    def needs_labels(self) -> bool:
        return self.prior.needs_labels

    @property
    def most_classes(self) -> int | None:
        return self.prior.most_classes

    def __call__(self, forward: ForwardPass) -> Array:
        codes, batch = forward.code.draws, forward.batch  # [k, n, size]
        _, n, size = codes.shape
        # Without a key the draws are the same every time, so that losses without noise can be compared.
        key = jax.random.key(0) if forward.key is None else forward.key
        prior = jnp.broadcast_to(self.prior(key, n, size, batch.label), codes.shape).astype(codes.dtype)
        spread = 2 * self.scale**2 * size
        kernel = spread / (spread + squared_distances(jnp.concatenate([codes, prior], axis=1)))  # [k, 2n, 2n]
        within = kernel[:, :n, :n] + kernel[:, n:, n:]
        return mean_over_pairs(within - kernel[:, :n, n:] - kernel[:, n:, :n], batch.weight)
