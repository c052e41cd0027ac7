"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Array

from isthmus.contracts import Activation, Backbone, BackboneModule, Row, affine, spelling
from isthmus.errors import require
from isthmus.layers.convolution import images
from isthmus.layers.convolution.encoder_decoder import ConvolutionDecoder, ConvolutionEncoder, Down, ImageOutput, Up
from isthmus.layers.convolution.images import Image, Padding, Window
from isthmus.layers.convolution.layers import convolution, transposed


@dataclass(frozen=True)
class Conv(Backbone):
    """Layers h = pool(a(x * K + b)) over images; the decoder goes the same way back by transposed convolutions.

    Each layer of the decoder gives images of exactly the size that its mirror image was given, odd ones too. The last
    one is the output layer of the likelihood. Before a transposed convolution each pixel is repeated where the encoder
    pooled. With `tied=True` a kernel and its mirror image are one.

    Parameters
    ----------
    channels : of each layer, from the row towards the code.
    kernel : pixels along each side of the window.
    stride : pixels from one window to the next.
    padding : zeros around the image: `"none"`, `"half"` (a stride of 1 keeps the size), `"full"` (kernel − 1).
    pooling : pixels along each side of which the largest is kept, after the activation; 1 keeps all.
    activation : of every layer but the last of the decoder.
    shape : of the image in a row, (channels, height, width) or (height, width), in this order in the columns of a flat
        table; None takes the shape of the rows of an array with 3 or 4 axes.

    References
    ----------
    LeCun et al. (1998), Gradient-based learning applied to document recognition.
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning.

    Examples
    --------
    >>> encoder, width = Conv((16, 32), stride=2).encoder(Row((1, 28, 28)))
    >>> width, [layer.convolution.kernel.shape for layer in encoder.layers]
    (1568, [(9, 16), (144, 32)])
    """

    channels: tuple[int, ...] = (16, 32)
    kernel: int = 3
    stride: int = 2
    padding: Padding = "half"
    pooling: int = 1
    activation: Activation = spelling("relu")
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        images.check_window("Conv", self.channels, self._window)
        require(self.pooling >= 1, "Conv.pooling", "at least 1", self.pooling)
        images.check_shape("Conv", self.shape)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        steps = self._steps(row)
        layers = tuple(
            Down(
                convolution(self._window, step.before.channels, step.wide.channels, self.activation.gain),
                self.activation.build(step.wide.channels),
                self.pooling,
            )
            for step in steps
        )
        return ConvolutionEncoder(layers, steps[0].before), steps[-1].after.size

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        steps = self._steps(row)
        start = steps[-1].after
        layers = tuple(self._up(step, self.activation, step.before) for step in reversed(steps[1:]))
        first = self.activation.build(start.channels)
        return ConvolutionDecoder(affine(size, start.size, self.activation.gain), (first, *layers), start), steps[
            0
        ].after.size

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        step = self._steps(row)[0]
        purposes = images.purposes_of("Conv", step.before, total)
        wanted = step.before._replace(channels=purposes * step.before.channels)
        return ImageOutput(self._up(step, None, wanted), step.after, purposes)

    @property
    def _window(self) -> Window:
        return Window(self.kernel, self.stride, self.padding)

    def _up(self, step: Step, activation: Activation | None, image: Image) -> Up:
        layer = transposed(self._window, step.wide.channels, image, activation.gain if activation else 1.0)
        built = activation.build(image.channels) if activation else None
        return Up(layer, built, self.pooling, (step.wide.height, step.wide.width))

    def _steps(self, row: Row) -> list[Step]:
        """Return what every layer of the encoder makes of an image."""
        steps, before = [], images.image_of("Conv", row, self.shape)
        for number, channels in enumerate(self.channels, 1):
            images.check_fit("Conv", self._window, before, number)
            wide = self._window.over(before, channels)
            side = min(wide.height, wide.width)
            require(self.pooling <= side, "Conv.pooling", f"at most {side}, as layer {number} gives", self.pooling)
            steps.append(Step(before, wide, wide.pooled(self.pooling)))
            before = steps[-1].after
        return steps


class Step(NamedTuple):
    """What a layer of the encoder is given, what the convolution makes of it, and the pooling of that."""

    before: Image
    wide: Image
    after: Image
