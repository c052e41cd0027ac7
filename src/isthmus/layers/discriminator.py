"""The discriminator: the network that tells a model's codes from the draws of a prior."""

from __future__ import annotations

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.core.affine import Affine, affine

SLOPE = 0.2  # of its rectifiers below zero


class Discriminator(eqx.Module):
    """The logit D that a code is a draw of the prior, [n]: affine layers with leaky rectifiers between."""

    layers: tuple[Affine, ...]
    classes: int = eqx.field(static=True)  # one for each class and one for no label; 0 where labels do not count

    def __call__(self, code: Array, label: Array | None) -> Array:
        hidden = jnp.concatenate([code, self._one_hot(code, label)], axis=1)
        for layer in self.layers[:-1]:
            hidden = jax.nn.leaky_relu(layer(hidden), SLOPE)
        return self.layers[-1](hidden)[:, 0]

    def steepness(self, code: Array, label: Array | None) -> Array:
        """Return ‖∇D‖², the gradient with respect to the code, [n]."""
        return jnp.sum(jax.grad(lambda code: jnp.sum(self(code, label)))(code) ** 2, axis=1)

    def _one_hot(self, code: Array, label: Array | None) -> Array:
        """Return the label of each row one-hot, [n, classes], the last place for none."""
        if not self.classes:
            return code[:, :0]
        none = self.classes - 1
        place = jnp.full(len(code), none) if label is None else jnp.where(label >= 0, label % none, none)
        return jax.nn.one_hot(place, self.classes, dtype=code.dtype)


def discriminator(size: int, hidden: tuple[int, ...], classes: int | None) -> Discriminator:
    """Return a discriminator of parameter specs for codes of `size`, given labels of so many classes, or none."""
    places = 0 if classes is None else classes + 1
    widths = (size + places, *hidden, 1)
    return Discriminator(tuple(affine(inputs, outputs, 2**0.5) for inputs, outputs in pairwise(widths)), places)
