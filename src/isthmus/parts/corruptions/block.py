"""A block in the dark."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Corruption, Row
from isthmus.errors import require
from isthmus.layers.convolution.images import Image, check_shape, image_of


@dataclass(frozen=True)
class Block(Corruption):
    """Set a block of each row to one value, at a place drawn for each row.

    In an image it is a rectangle of the image's proportions over all channels; in a flat row, a run of columns. Sides
    are rounded to whole pixels, first the height, then the width so that the area is near the share.

    Parameters
    ----------
    share : of the image's area, or of the columns, in [0, 1].
    value : what is set, on a scale on which the lowest value is 0, dark, and the highest 1, bright, as in
        `salt_and_pepper`. In a table with missing values or categories the block is missing instead.
    shape : of the image in a flat row, (channels, height, width) or (height, width); None takes the row as it comes.

    References
    ----------
    Vincent et al. (2010), Stacked denoising autoencoders.
    DeVries and Taylor (2017), Improved regularization of convolutional neural networks with cutout.

    Examples
    --------
    >>> x = Block(0.25)(jnp.ones((1, 4, 4)), jax.random.key(0))
    >>> int(jnp.sum(x == 0))
    4
    """

    share: float = 0.25
    value: float = 0.0
    shape: tuple[int, ...] | None = None

    on_range = True

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, "Block.share", "in [0, 1]", self.share)
        check_shape("Block", self.shape)

    def __call__(self, x: Array, key: Array) -> Array:
        return self._with(jnp.asarray(self.value, x.dtype), x, key)

    def on_table(self, x: Array, key: Array, is_category: np.ndarray) -> Array:
        return self._with(jnp.asarray(jnp.nan, x.dtype), x, key)

    def _with(self, value: Array, x: Array, key: Array) -> Array:
        _, high, wide = self._image(x.shape[1:])
        height = jnp.clip(jnp.round(jnp.sqrt(self.share) * high), 1, high)
        width = jnp.round(jnp.clip(self.share * high * wide / height, 0, wide))
        down, across = jax.random.split(key)
        rows = _run(down, x.shape[0], height, high)  # [n, height]
        columns = _run(across, x.shape[0], width, wide)  # [n, width]
        is_dark = rows[:, None, :, None] & columns[:, None, None, :]
        image = x.reshape(x.shape[0], -1, high, wide)
        return jnp.where(is_dark, value, image).reshape(x.shape)

    def _image(self, shape: tuple[int, ...]) -> Image:
        if self.shape is None and len(shape) not in (2, 3):
            return Image(1, 1, Row(shape).size)
        return image_of("Block", Row(shape), self.shape)


def _run(key: Array, rows: int, length: Array, side: int) -> Array:
    """Return for each row which of `side` places are in a run of `length`, [rows, side]; each run is as likely."""
    start = jnp.floor(jax.random.uniform(key, (rows, 1)) * (side - length + 1))
    place = jnp.arange(side)
    return (place >= start) & (place < start + length)
