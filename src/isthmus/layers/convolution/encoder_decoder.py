"""Encoders and decoders over images: flat rows in, layers over [n, height, width, channels], flat rows out."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array

from isthmus.contracts import BackboneModule
from isthmus.core.affine import Affine
from isthmus.layers.convolution.images import Image
from isthmus.layers.convolution.layers import Convolution, Transposed, enlarge, max_pool, pixels, rows_of

Layers = tuple[Callable[[Array], Array], ...]


class ConvolutionEncoder(BackboneModule):
    """From rows [n, ...] in the order channels, height, width to what the last layer gives, flat."""

    layers: Layers
    image: Image = eqx.field(static=True)  # what a row is

    def __call__(self, x: Array, key: Array | None) -> Array:
        return through(self.layers, pixels(x, self.image))


class ConvolutionDecoder(BackboneModule):
    """From a code [n, size] by an affine layer to an image, and on to what the last layer gives, flat."""

    affine: Affine
    layers: Layers
    image: Image = eqx.field(static=True)  # what the affine layer gives

    def __call__(self, x: Array, key: Array | None) -> Array:
        return through(self.layers, _as_image(self.affine(x), self.image))


class ImageOutput(eqx.Module):
    """From the flat end of an `Ascent` to rows [n, purposes · d], all d numbers of the first purpose first."""

    layer: Callable[[Array], Array]
    image: Image = eqx.field(static=True)  # what comes in
    purposes: int = eqx.field(static=True)

    def __call__(self, features: Array) -> Array:
        return rows_of(self.layer(_as_image(features, self.image)), self.purposes)


class Down(eqx.Module):
    """Convolution, activation, max pooling."""

    convolution: Convolution
    activation: Callable[[Array], Array]
    pooling: int = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        return max_pool(self.activation(self.convolution(x)), self.pooling)


class Up(eqx.Module):
    """A layer of the decoder: each pixel repeated, transposed convolution, activation but in the last layer."""

    transposed: Transposed
    activation: Callable[[Array], Array] | None
    pooling: int = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)  # height and width before they were pooled

    def __call__(self, x: Array) -> Array:
        pixels = self.transposed(enlarge(x, self.pooling, self.shape))
        return pixels if self.activation is None else self.activation(pixels)


def through(layers: Layers, x: Array) -> Array:
    """Return what layers, one after the other, make of `x` [n, height, width, channels], flat."""
    for layer in layers:
        x = layer(x)
    return x.reshape(x.shape[0], -1)


def _as_image(x: Array, image: Image) -> Array:
    return x.reshape(-1, image.height, image.width, image.channels)
