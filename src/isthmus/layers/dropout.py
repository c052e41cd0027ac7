"""What is dropped in training: units by dropout, weights by DropConnect; what stays is divided by its chance to stay.

Divided so ("inverted"), the expectation is that of inference, where nothing is dropped and nothing multiplied. It is
the same as dropping without division and multiplying by 1 - rate at inference, with weights 1 - rate times as large.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.core.affine import Affine

MOST_MASKED = 2**20  # entries of the masks of a batch: to draw more takes longer than the layer itself


def dropout(hidden: Array, rate: float | Array, key: Array) -> Array:
    """Return `hidden` [n, width] with units dropped, each with the chance `rate`, the others divided by 1 - rate.

    References
    ----------
    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> sorted(set(dropout(jnp.ones((4, 8)), 0.5, jax.random.key(0)).ravel().tolist()))
    [0.0, 2.0]
    """
    stays = jax.random.bernoulli(key, 1 - rate, hidden.shape)
    return jnp.where(stays, hidden / (1 - rate), 0)


def dropconnect(layer: Affine, x: Array, rate: float | Array, key: Array) -> Array:
    """Return x W + b [n, outputs] with weights of W dropped, with the chance `rate`, for each row of `x` others.

    The mean is that of x W + b, the variance rate / (1 - rate) · x² W², squared entry by entry; rows and outputs are
    independent. One mask for the whole batch would cost less, but leave its rows the same thinned network, and so a
    gradient that more rows do not make steadier. A mask for each row is drawn up to 2²⁰ entries, [n, inputs, outputs];
    beyond, the normal distribution of that mean and variance, at the price of two matrix products: sums over many
    inputs are near it, and of few inputs it keeps these two moments only. Biases stay.

    References
    ----------
    Wan et al. (2013), Regularization of neural networks using DropConnect: masks by row, and the normal distribution,
    there at inference. Wang and Manning (2013), Fast dropout training: the normal distribution in training.

    Examples
    --------
    >>> layer = Affine(matrix=jnp.ones((1, 8)), bias=jnp.zeros(8))
    >>> sorted(set(dropconnect(layer, jnp.ones((4, 1)), 0.5, jax.random.key(0)).ravel().tolist()))
    [0.0, 2.0]
    """
    if x.shape[0] * layer.matrix.size <= MOST_MASKED:
        stays = jax.random.bernoulli(key, 1 - rate, (x.shape[0], *layer.matrix.shape))
        return jnp.einsum("ni,nio->no", x, jnp.where(stays, layer.matrix / (1 - rate), 0)) + layer.bias
    variance = rate / (1 - rate) * (jnp.square(x) @ jnp.square(layer.matrix))
    # The root has no gradient at zero: where nothing can be dropped, it is not taken.
    deviation = jnp.where(variance > 0, jnp.sqrt(jnp.where(variance > 0, variance, 1)), 0)
    return layer(x) + deviation * jax.random.normal(key, variance.shape, variance.dtype)
