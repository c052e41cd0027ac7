"""The Swiss roll."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Prior
from isthmus.errors import require, require_within

MOST_CLASSES = 10_000


@dataclass(frozen=True)
class SwissRoll(Prior):
    """A strip rolled up: (r cos φ, r sin φ) + deviation · N(0, I), r = radius · √v, φ = 2π · turns · √v, v ~ U(0, 1).

    The root makes the roll about evenly dense along its length. A code of more than two numbers has the roll in the
    first two, and each further one uniform in ±width / 2.

    Parameters
    ----------
    turns : how often it is rolled up, above 0.
    radius : of its outer end, above 0.
    deviation : half its thickness: standard deviation of the noise around the roll, at least 0.
    width : of the strip, above 0; used where a code has more than two numbers.
    by_label : whether a row with label c is drawn from the c-th of `classes` segments from the middle outwards,
        v in [c, c + 1] / classes with c taken mod classes; rows without a label from the whole roll.
    classes : how many segments there are, at least 1.

    References
    ----------
    Makhzani et al. (2015), Adversarial autoencoders.

    Examples
    --------
    >>> SwissRoll()(jax.random.key(0), n=100, size=2).shape
    (100, 2)
    """

    turns: float = 2.0
    radius: float = 3.0
    deviation: float = 0.05
    width: float = 4.0
    by_label: bool = False
    classes: int = 10

    def __post_init__(self) -> None:
        require(self.turns > 0, "SwissRoll.turns", "above 0", self.turns)
        require(self.radius > 0, "SwissRoll.radius", "above 0", self.radius)
        require(self.deviation >= 0, "SwissRoll.deviation", "at least 0", self.deviation)
        require(self.width > 0, "SwissRoll.width", "above 0", self.width)
        require_within(self.classes, 1, MOST_CLASSES, "SwissRoll.classes")

    @property
    def most_classes(self) -> int | None:
        return self.classes if self.by_label else None

    @property
    def needs_labels(self) -> bool:
        return self.by_label

    def __call__(self, key: Array, n: int, size: int, label: Array | None = None) -> Array:
        require(size >= 2, "the size of a code whose prior is a swiss_roll", "at least 2", size)
        place = jax.random.uniform(jax.random.fold_in(key, 0), (n,))
        if self.by_label and label is not None:
            place = jnp.where(label >= 0, (label % self.classes + place) / self.classes, place)
        along = jnp.sqrt(place)
        angle = 2 * jnp.pi * self.turns * along
        roll = self.radius * along[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)  # [n, 2]
        roll += self.deviation * jax.random.normal(jax.random.fold_in(key, 1), (n, 2))
        half = self.width / 2
        rest = jax.random.uniform(jax.random.fold_in(key, 2), (n, size - 2), minval=-half, maxval=half)
        return jnp.concatenate([roll, rest], axis=1)
