"""Residual blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Activation, Backbone, BackboneModule, Row, spelling
from isthmus.errors import require
from isthmus.layers.convolution.blocks import Plan
from isthmus.layers.convolution.images import Window, check_shape, check_window, image_of, purposes_of

MOST_BLOCKS = 100


@dataclass(frozen=True)
class Residual(Backbone):
    """A ResNet over images, in stages of blocks h = shortcut(x) + conv(a(conv(a(x)))); the decoder mirrors it.

    A convolution brings a row to the first channels; the first block of each stage has the stride. The shortcut is the
    identity, or where the shape changes a projection by 1 x 1 convolution. There is no batch normalisation, so a row's
    code does not depend on its company: instead the last layer of each block starts at zero, and each block as its
    shortcut, so that deep networks train.

    Parameters
    ----------
    channels : of each stage, from the row towards the code.
    blocks : in each stage.
    kernel : pixels along each side of the window; the padding is `"half"`.
    stride : of the first block of each stage.
    activation : before every convolution but the first.
    shape : of the image in a row, (channels, height, width) or (height, width), in this order in the columns of a flat
        table; None takes the shape of the rows of an array with 3 or 4 axes.

    References
    ----------
    He et al. (2016), Deep residual learning for image recognition.
    He et al. (2016), Identity mappings in deep residual networks: the activation before the convolution.
    Zhang et al. (2019), Fixup initialization.

    Examples
    --------
    >>> encoder, width = Residual((16, 32)).encoder(Row((1, 28, 28)))
    >>> width, encoder.layers[1].first.kernel.shape, encoder.layers[2].shortcut.convolution.kernel.shape
    (1568, (144, 16), (16, 32))
    """

    channels: tuple[int, ...] = (16, 32)
    blocks: int = 1
    kernel: int = 3
    stride: int = 2
    activation: Activation = spelling("relu")
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_window("Residual", self.channels, Window(self.kernel, self.stride))
        require(1 <= self.blocks <= MOST_BLOCKS, "Residual.blocks", f"in 1 to {MOST_BLOCKS}", self.blocks)
        check_shape("Residual", self.shape)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._plan(row).encoder()

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._plan(row).decoder(size)

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        plan = self._plan(row)
        return plan.output_layer(purposes_of("Residual", plan.image, total))

    def _plan(self, row: Row) -> Plan:
        image = image_of("Residual", row, self.shape)
        return Plan(image, self.channels, self.blocks, self.kernel, self.stride, self.activation)
