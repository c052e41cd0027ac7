"""Residual blocks that weigh their channels."""

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
class SqueezeExcite(Backbone):
    """A SENet over images: `residual`, and each block weighs the channels of its branch u before the addition.

    h = shortcut(x) + s · u, s = sigmoid(W₂ relu(W₁ mean(u) + b₁) + b₂), the mean over the pixels of each channel. As in
    `residual` there is no batch normalisation, and each block starts as its shortcut.

    Parameters
    ----------
    channels : of each stage, from the row towards the code.
    blocks : in each stage.
    reduction : how many times fewer numbers than channels stand between W₁ and W₂, at least one; 16 in the paper,
        where there are hundreds of channels.
    kernel : pixels along each side of the window; the padding is `"half"`.
    stride : of the first block of each stage.
    activation : before every convolution but the first.
    shape : of the image in a row, (channels, height, width) or (height, width), in this order in the columns of a flat
        table; None takes the shape of the rows of an array with 3 or 4 axes.

    References
    ----------
    Hu et al. (2018), Squeeze-and-excitation networks.

    Examples
    --------
    >>> encoder, width = SqueezeExcite((16, 32), reduction=4).encoder(Row((1, 28, 28)))
    >>> width, encoder.layers[2].gate.squeeze.matrix.shape
    (1568, (32, 8))
    """

    channels: tuple[int, ...] = (16, 32)
    blocks: int = 1
    reduction: int = 4
    kernel: int = 3
    stride: int = 2
    activation: Activation = spelling("relu")
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_window("SqueezeExcite", self.channels, Window(self.kernel, self.stride))
        require(1 <= self.blocks <= MOST_BLOCKS, "SqueezeExcite.blocks", f"in 1 to {MOST_BLOCKS}", self.blocks)
        require(self.reduction >= 1, "SqueezeExcite.reduction", "at least 1", self.reduction)
        check_shape("SqueezeExcite", self.shape)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._plan(row).encoder()

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._plan(row).decoder(size)

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        plan = self._plan(row)
        return plan.output_layer(purposes_of("SqueezeExcite", plan.image, total))

    def _plan(self, row: Row) -> Plan:
        image = image_of("SqueezeExcite", row, self.shape)
        return Plan(image, self.channels, self.blocks, self.kernel, self.stride, self.activation, self.reduction)
