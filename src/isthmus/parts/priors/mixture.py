"""A mixture of normals."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Prior
from isthmus.errors import require, require_within

MOST_COMPONENTS = 10_000


@dataclass(frozen=True)
class Mixture(Prior):
    """Normals of equal chance and shape, m + deviation · (e + (elongation − 1) · (u·e) u), u = m / ‖m‖, e ~ N(0, I).

    The means of K components stand still and apart, at the distance `radius` from 0:

    * size 1: evenly on the line from -radius to radius;
    * size 2: evenly on the circle, component c at the angle θ = 2πc / K;
    * more: with r = radius / √p, component c at (r cos θ, r sin θ, r cos 2θ, r sin 2θ, …, r cos pθ, r sin pθ, 0, …),
      where p is the lesser of ⌊size / 2⌋ and ⌊(K − 1) / 2⌋, but at least 1. With p = (K − 1) / 2 that is a simplex.

    Parameters
    ----------
    components : how many, at least 1.
    radius : distance of each mean from 0, above 0.
    deviation : standard deviation of each component across the radius, above 0.
    elongation : how many times as wide a component is along the radius, above 0.
    by_label : whether a row with label c is drawn from component c mod K; rows without one from all of them.

    References
    ----------
    Makhzani et al. (2015), Adversarial autoencoders.

    Examples
    --------
    >>> Mixture(4, radius=2.0).means(2).round(3).tolist()
    [[2.0, 0.0], [-0.0, 2.0], [-2.0, -0.0], [0.0, -2.0]]
    """

    components: int = 10
    radius: float = 4.0
    deviation: float = 0.5
    elongation: float = 1.0
    by_label: bool = False

    def __post_init__(self) -> None:
        require_within(self.components, 1, MOST_COMPONENTS, "Mixture.components")
        require(self.radius > 0, "Mixture.radius", "above 0", self.radius)
        require(self.deviation > 0, "Mixture.deviation", "above 0", self.deviation)
        require(self.elongation > 0, "Mixture.elongation", "above 0", self.elongation)

    @property
    def most_classes(self) -> int | None:
        return self.components if self.by_label else None

    @property
    def needs_labels(self) -> bool:
        return self.by_label

    def means(self, size: int) -> Array:
        """Return the mean of each component, [components, size]."""
        count = self.components
        number = jnp.arange(count)[:, None]
        if size == 1:
            return self.radius * (2 * number - count + 1) / max(count - 1, 1)
        pairs = max(min(size // 2, (count - 1) // 2), 1)
        angle = 2 * jnp.pi * number * jnp.arange(1, pairs + 1) / count  # [components, pairs]
        places = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1).reshape(count, 2 * pairs)
        return jnp.pad(self.radius * pairs**-0.5 * places, ((0, 0), (0, size - 2 * pairs)))

    def __call__(self, key: Array, n: int, size: int, label: Array | None = None) -> Array:
        choice = jax.random.randint(jax.random.fold_in(key, 0), (n,), 0, self.components)
        if self.by_label and label is not None:
            choice = jnp.where(label >= 0, label % self.components, choice)
        mean = self.means(size)[choice]  # [n, size]
        noise = jax.random.normal(jax.random.fold_in(key, 1), (n, size))
        along = jnp.sum(mean * noise, axis=1, keepdims=True) * mean / self.radius**2
        return mean + self.deviation * (noise + (self.elongation - 1) * along)
