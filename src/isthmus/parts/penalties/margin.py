"""Pairs that go together are near, all others a margin apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Affinity, ForwardPass, Penalty, Schedule, spelling
from isthmus.errors import require
from isthmus.layers.pairs import Over, mean_over_pairs, related, root, squared_distances


@dataclass(frozen=True)
class Margin(Penalty):
    """weight · the mean over pairs of φ ‖h_i − h_j‖² + (1 − φ) hinge(‖h_i − h_j‖), h the code, φ 1 or 0.

    The mean is over the pairs of different rows of the batch, each counted with the product of the rows' weights,
    so it does not depend on the size of the batch. Where two codes are equal, that pair is not pushed.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    margin : m, above 0.
    affinity : φ, of `isthmus.affinities`: 1 for pairs that go together. `"same_label"` needs labels.
    form : the hinge: `"weston"` for max(0, m − ‖h_i − h_j‖²), `"hadsell"` for max(0, m − ‖h_i − h_j‖)².
    over : what the sum over the pairs i < j of a batch is divided by: `"pairs"`, as above, or `"rows"`, which makes it
        (n − 1) / 2 times as heavy for n rows, as a sum over pairs beside a sum over rows is.

    References
    ----------
    Weston, Ratle and Collobert (2008), Deep learning via semi-supervised embedding.
    Hadsell, Chopra and LeCun (2006), Dimensionality reduction by learning an invariant mapping.
    Yu et al. (2013), Embedding with autoencoder regularization.

    Examples
    --------
    >>> str(Margin(0.5, affinity="same_label"))
    'margin(0.5, affinity=same_label)'
    """

    weight: float | Schedule = 0.1
    margin: float = 1.0
    affinity: Affinity = spelling("ball")
    form: Literal["weston", "hadsell"] = "weston"
    over: Over = "pairs"

    def __post_init__(self) -> None:
        require(self.margin > 0, "Margin.margin", "above 0", self.margin)

    @property
    def needs_labels(self) -> bool:
        return self.affinity.needs_labels

    def __call__(self, forward: ForwardPass) -> Array:
        together, weight = related(forward, self.affinity)
        square = squared_distances(forward.code.draws)  # [k, n, n]
        if self.form == "weston":
            hinge = jax.nn.relu(self.margin - square)
        else:
            hinge = jnp.square(jax.nn.relu(self.margin - root(square)))
        return mean_over_pairs(together * square + (1 - together) * hinge, weight, self.over)
