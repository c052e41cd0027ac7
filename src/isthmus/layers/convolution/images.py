"""Images, and the windows that go over them: which shape a row has, and how large a layer's output is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from isthmus.contracts import Row
from isthmus.errors import InvalidPart, require

Padding = Literal["none", "half", "full"]
MOST_LAYERS = 100
MOST_KERNEL = 31  # pixels: a layer is compiled as one slice for each place of its kernel


class Image(NamedTuple):
    """The shape of an image, or of what a layer makes of one."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        return self.channels * self.height * self.width

    def pooled(self, factor: int) -> Image:
        """Return the image with so many times fewer pixels along each side, the rest cut off."""
        return self._replace(height=self.height // factor, width=self.width // factor)


@dataclass(frozen=True)
class Window:
    """A square kernel, its stride, and the zeros around the image.

    `none` pads no zeros, so that the kernel stays within the image; `half` kernel − 1 in all along each side, so that
    a stride of 1 keeps the size; `full` kernel − 1 at each end, so that the kernel need overlap the image by one pixel
    only. Along a side of s pixels with p zeros in all there are ⌊(s + p − kernel) / stride⌋ + 1 places.

    References
    ----------
    Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning.

    Examples
    --------
    >>> Window(3, 2, "half").over(Image(1, 28, 28), channels=16)
    Image(channels=16, height=14, width=14)
    """

    kernel: int
    stride: int = 1
    padding: Padding = "half"

    @property
    def zeros(self) -> tuple[int, int]:
        """Return how many zeros stand before and after each side."""
        total = {"none": 0, "half": self.kernel - 1, "full": 2 * (self.kernel - 1)}[self.padding]
        return total // 2, total - total // 2

    def places(self, side: int) -> int:
        """Return the number of places of the kernel along a side; less than 1 where it does not fit."""
        return (side + sum(self.zeros) - self.kernel) // self.stride + 1

    def over(self, image: Image, channels: int) -> Image:
        return Image(channels, self.places(image.height), self.places(image.width))


def check_window(part: str, channels: tuple[int, ...], window: Window) -> None:
    """Refuse channels, a kernel or a stride that no image could have; `part` is the class in the message."""
    require(
        1 <= len(channels) <= MOST_LAYERS and min(channels) >= 1,
        f"{part}.channels",
        f"1 to {MOST_LAYERS} numbers of at least 1",
        channels,
    )
    require(1 <= window.kernel <= MOST_KERNEL, f"{part}.kernel", f"in 1 to {MOST_KERNEL}", window.kernel)
    require(window.stride >= 1, f"{part}.stride", "at least 1", window.stride)


def check_shape(part: str, shape: tuple[int, ...] | None) -> None:
    """Refuse a setting `shape` that is none of an image."""
    is_shape = shape is None or (len(shape) in (2, 3) and min(shape) >= 1)
    require(is_shape, f"{part}.shape", "(height, width) or (channels, height, width)", shape)


def image_of(part: str, row: Row, shape: tuple[int, ...] | None) -> Image:
    """Return the image that a row holds: of `shape`, else of the row's own; (h, w) is (1, h, w).

    Raises
    ------
    InvalidPart
        If a flat row comes without `shape`, or the shape does not hold the numbers of a row.
    """
    sides = row.shape if shape is None else shape
    if shape is None and len(sides) not in (2, 3):
        side = math.isqrt(row.size)
        example = f"(1, {side}, {side})" if side * side == row.size else "(channels, height, width)"
        raise InvalidPart(
            f"{part} needs images, and a row of shape {row.shape} does not say which: write shape={example}, or pass "
            "an array [rows, channels, height, width]."
        )
    require(math.prod(sides) == row.size, f"{part}.shape", f"a shape of {row.size} numbers, as a row has", shape)
    return Image(*sides) if len(sides) == 3 else Image(1, *sides)


def check_fit(part: str, window: Window, image: Image, layer: int) -> None:
    """Refuse a kernel that is larger than the padded image before a layer, counted from 1."""
    side = min(image.height, image.width) + sum(window.zeros)
    if window.kernel > side:
        raise InvalidPart(
            f"{part}.kernel must be at most {side}, the shorter side of the padded image {image.height} x "
            f"{image.width} before layer {layer}. Got {window.kernel}."
        )


def purposes_of(part: str, image: Image, total: int) -> int:
    """Return how often `total` numbers hold the image, or refuse them."""
    is_multiple = total >= image.size and total % image.size == 0
    require(is_multiple, f"the output of {part}", f"a multiple of the {image.size} numbers of a row", total)
    return total // image.size
