"""Codes as far from each other as the rows: multidimensional scaling."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Affinity, ForwardPass, Penalty, Schedule, spelling
from isthmus.layers.pairs import Over, mean_over_pairs, related, root, squared_distances


@dataclass(frozen=True)
class Distances(Penalty):
    """weight · the mean over pairs of (‖h_i − h_j‖ − √φ_ij)², h the code, φ the squared distance of the rows.

    The mean is over the pairs of different rows of the batch, each counted with the product of the rows' weights,
    so it does not depend on the size of the batch. The rows are the scaled ones. Where two codes are equal, that
    pair pulls neither way.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    affinity : φ, of `isthmus.affinities`, the square of the distance that the codes are to have.
    over : what the sum over the pairs i < j of a batch is divided by: `"pairs"`, as above, or `"rows"`, which makes it
        (n − 1) / 2 times as heavy for n rows, as a sum over pairs beside a sum over rows is.
    squared : whether φ is the square of that distance, as above; else φ is the distance itself, (‖h_i − h_j‖ − φ_ij)²,
        as in lectures on embeddings: the heat kernel of r there is `heat_kernel(r / 2)` with `squared=True`.

    References
    ----------
    Yu et al. (2013), Embedding with autoencoder regularization.

    Examples
    --------
    >>> str(Distances(0.5))
    'distances(0.5)'
    """

    weight: float | Schedule = 0.1
    affinity: Affinity = spelling("squared_distance")
    over: Over = "pairs"
    squared: bool = True

    @property
    def needs_labels(self) -> bool:
        return self.affinity.needs_labels

    def __call__(self, forward: ForwardPass) -> Array:
        target, weight = related(forward, self.affinity)
        apart = root(squared_distances(forward.code.draws))  # [k, n, n]
        return mean_over_pairs(jnp.square(apart - (root(target) if self.squared else target)), weight, self.over)
