"""The rows of the same class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Links, Neighborhood
from isthmus.errors import InvalidData, require, require_within

MOST_MEMBERS = 10_000


@dataclass(frozen=True)
class SameClass(Neighborhood):
    """Each row explains its class: Ω_i is the class of row i, s_ij = 1/n_c, n_c its size.

    Of a class of more than `members` rows, each row explains that many, drawn again at each search, with
    s_ij = 1/members: every row of the class is as likely to be among them, so the expected loss and gradient are
    those of the whole class. A row without a label explains itself, s_ii = 1.

    The best a decoder can do is to give the mean of the class; `deterministic` codes then keep little of what
    distinguishes its rows.

    Parameters
    ----------
    members : rows to explain at most, at least 1.
    every : epochs from one draw to the next; 0 for one draw for good.
    tolerance : once no larger a share of links has changed, no more is drawn; classes with few members rest at once.

    References
    ----------
    Wang, Huang, Wang and Wang (2014), Generalized autoencoder (its form after linear discriminant analysis).

    Examples
    --------
    >>> SameClass()(np.zeros((3, 2)), np.array([0, 1, 0]), seed=0).strength.tolist()
    [[0.5, 0.5], [1.0, 0.0], [0.5, 0.5]]
    """

    members: int = 16
    every: int = 1
    tolerance: float = 0.0

    measures = False

    def __post_init__(self) -> None:
        require_within(self.members, 1, MOST_MEMBERS, "SameClass.members")
        require(self.every >= 0, "SameClass.every", "at least 0", self.every)
        require(0 <= self.tolerance < 1, "SameClass.tolerance", "in [0, 1)", self.tolerance)

    @property
    def needs_labels(self) -> bool:
        return True

    def __call__(self, points: np.ndarray, label: np.ndarray | None, seed: int) -> Links:
        if label is None:
            raise InvalidData("the neighborhood same_class needs labels: call fit(X, y).")
        generator = np.random.Generator(np.random.Philox(seed))
        classes, sizes = np.unique(label[label >= 0], return_counts=True)
        width = min(self.members, max(sizes, default=1))
        index = np.repeat(np.arange(len(points), dtype=np.int32)[:, None], width, axis=1)
        strength = np.zeros((len(points), width), np.float32)
        strength[:, 0] = 1
        for number, size in zip(classes, sizes, strict=True):
            rows, count = np.flatnonzero(label == number), min(self.members, size)
            # A window on the shuffled class, one place further for each row: all different, and each row equally often.
            place = (np.arange(size)[:, None] + np.arange(count)) % size
            index[rows, :count] = generator.permutation(rows)[place] if size > count else rows
            strength[rows, :count] = 1 / count
        return Links(index, strength)
