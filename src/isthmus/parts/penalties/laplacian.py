"""Near rows have near codes: Laplacian eigenmaps."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Affinity, ForwardPass, Penalty, Schedule, spelling
from isthmus.layers.pairs import Over, mean_over_pairs, related, squared_distances


@dataclass(frozen=True)
class Laplacian(Penalty):
    """weight · the mean over pairs of φ_ij ‖h_i − h_j‖², h the code, φ an affinity.

    The mean is over the pairs of different rows of the batch, each counted with the product of the rows' weights,
    so it does not depend on the size of the batch; that is Σ_{i<j} over the number of pairs. The term falls when
    the whole code shrinks, which a decoder can make up for: `weight_decay` beside it, or `tied=True`, sets a limit.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    affinity : φ, of `isthmus.affinities`.
    over : what the sum over the pairs i < j of a batch is divided by: `"pairs"`, as above, or `"rows"`, which makes it
        (n − 1) / 2 times as heavy for n rows, as a sum over pairs beside a sum over rows is.

    References
    ----------
    Yu et al. (2013), Embedding with autoencoder regularization.

    Examples
    --------
    >>> str(Laplacian(0.5, "heat_kernel(2.0)"))
    'laplacian(0.5, affinity=heat_kernel(2.0))'
    """

    weight: float | Schedule = 0.1
    affinity: Affinity = spelling("heat_kernel")
    over: Over = "pairs"

    @property
    def needs_labels(self) -> bool:
        return self.affinity.needs_labels

    def __call__(self, forward: ForwardPass) -> Array:
        near, weight = related(forward, self.affinity)
        apart = squared_distances(forward.code.draws)  # [k, n, n]
        return mean_over_pairs(near * apart, weight, self.over)
