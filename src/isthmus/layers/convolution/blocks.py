"""Residual blocks, and encoders and decoders of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation, BackboneModule
from isthmus.core.affine import Affine, affine
from isthmus.core.parameter_specs import constant
from isthmus.layers.convolution.encoder_decoder import ConvolutionDecoder, ConvolutionEncoder, ImageOutput
from isthmus.layers.convolution.images import Image, Window
from isthmus.layers.convolution.layers import Convolution, Transposed, convolution, enlarge, transposed

POINT = Window(1)


class ResidualBlock(eqx.Module):
    """y = shortcut(x) + g(u), u = second(a(first(a(x)))); g is the gate, where there is one.

    The kernel of `second` starts at zero, so a block starts as its shortcut, and many blocks train as few do, without
    batch normalisation (Zhang et al. 2019, Fixup initialization).
    """

    before: Callable[[Array], Array]  # the activations
    first: Convolution | Transposed
    between: Callable[[Array], Array]
    second: Convolution | Transposed
    gate: Gate | None
    shortcut: Projection | None  # None where the shape stays

    def __call__(self, x: Array) -> Array:
        branch = self.second(self.between(self.first(self.before(x))))
        if self.gate is not None:
            branch = self.gate(branch)
        return branch + (x if self.shortcut is None else self.shortcut(x))


class Gate(eqx.Module):
    """u · s by channel, s = sigmoid(W₂ relu(W₁ mean(u))), the mean taken over the pixels."""

    squeeze: Affine
    excite: Affine

    def __call__(self, u: Array) -> Array:
        mean = jnp.mean(u, axis=(1, 2))  # [n, channels]
        share = jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(mean))))
        return u * share[:, None, None, :]


class Projection(eqx.Module):
    """Every `stride`-th pixel, or each repeated to `shape`, then x W + b over channels."""

    convolution: Convolution
    enlarged: int = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        return self.convolution(x if self.enlarged == 1 else enlarge(x, self.enlarged, self.shape))


class Step(NamedTuple):
    """What a block of the encoder is given and what it gives; its stride."""

    before: Image
    after: Image
    stride: int


class Plan(NamedTuple):
    """Encoder and decoder: a convolution to the first channels, then stages of blocks, each beginning with a stride.

    The way up goes through the same shapes: for a block with a stride, one whose second layer is transposed.
    """

    image: Image
    channels: tuple[int, ...]  # of each stage
    blocks: int  # in each stage
    kernel: int
    stride: int  # of the first block of each stage
    activation: Activation
    reduction: int | None = None  # of a gate's channels; None for no gate

    def encoder(self) -> tuple[BackboneModule, int]:
        stem = convolution(Window(self.kernel), self.image.channels, self.channels[0])
        blocks = [self._down(step) for step in self._steps()]
        end = self._end
        return ConvolutionEncoder((stem, *blocks, self.activation.build(end.channels)), self.image), end.size

    def decoder(self, size: int) -> tuple[BackboneModule, int]:
        steps, start = self._steps(), self._end
        blocks = [self._up(step) for step in reversed(steps)]
        end = steps[0].before
        decoder = ConvolutionDecoder(affine(size, start.size), (*blocks, self.activation.build(end.channels)), start)
        return decoder, end.size

    def output_layer(self, purposes: int) -> Callable[[Array], Array]:
        wanted = self.image._replace(channels=purposes * self.image.channels)
        start = self._steps()[0].before
        return ImageOutput(transposed(Window(self.kernel), start.channels, wanted), start, purposes)

    @property
    def _end(self) -> Image:
        return self._steps()[-1].after

    def _steps(self) -> list[Step]:
        widths = [self.channels[0], *(width for width in self.channels for _ in range(self.blocks))]
        steps, before = [], self.image._replace(channels=widths[0])
        for number, (_, channels) in enumerate(pairwise(widths)):
            stride = self.stride if number % self.blocks == 0 else 1
            after = Window(self.kernel, stride).over(before, channels)
            steps.append(Step(before, after, stride))
            before = after
        return steps

    def _down(self, step: Step) -> ResidualBlock:
        before, after, stride = step
        return ResidualBlock(
            self.activation.build(before.channels),
            convolution(Window(self.kernel, stride), before.channels, after.channels, self.activation.gain),
            self.activation.build(after.channels),
            convolution(Window(self.kernel), after.channels, after.channels, gain=0.0),
            self._gate(after.channels),
            None if before == after else self._project(before, after, Window(1, stride), 1),
        )

    def _up(self, step: Step) -> ResidualBlock:
        before, after, stride = step
        return ResidualBlock(
            self.activation.build(after.channels),
            convolution(Window(self.kernel), after.channels, after.channels, self.activation.gain),
            self.activation.build(after.channels),
            transposed(Window(self.kernel, stride), after.channels, before, gain=0.0),
            self._gate(before.channels),
            None if before == after else self._project(after, before, POINT, stride),
        )

    def _project(self, given: Image, wanted: Image, window: Window, enlarged: int) -> Projection:
        layer = convolution(window, given.channels, wanted.channels)
        return Projection(layer, enlarged, (wanted.height, wanted.width))

    def _gate(self, channels: int) -> Gate | None:
        if self.reduction is None:
            return None
        few = max(channels // self.reduction, 1)
        # The branch starts at zero: the bias keeps the rectifier from being flat there.
        squeeze = Affine(affine(channels, few, gain=2**0.5).matrix, constant((few,), 0.1))
        return Gate(squeeze, affine(few, channels))
