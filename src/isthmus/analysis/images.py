"""Images that a model answers, as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.data.sources.pictures import Pictures
from isthmus.errors import InvalidData
from isthmus.estimators._reconstructor import Reconstructor


def to_images(model: Reconstructor, rows: Any) -> list[Any]:
    """Return images that a model answers as pictures of Pillow, which notebooks show and `picture.save(path)` writes.

    Parameters
    ----------
    model : an autoencoder that was fitted on images: its scaling is `pixels`.
    rows : what `reconstruct`, `inverse_transform` or `sample` of it answers: an array [n, height, width],
        [n, channels, height, width] or [n, height, width, channels]; pictures stay as they are.

    Raises
    ------
    InvalidData
        If they are no images with pixels.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).integers(0, 256, (40, 6, 5)).astype(np.uint8)
    >>> ae = Autoencoder(2, max_epochs=1).fit(X)
    >>> to_images(ae, ae.sample(3))[0].size
    (5, 6)
    """
    if isinstance(rows, list):
        return rows
    row, scaling = model.fitted_.reader.row, model.fitted_.reader.fitted_scaling.part
    values = np.asarray(rows)
    if values.ndim not in (3, 4) or scaling.name != "pixels":
        raise InvalidData("expected images of a model whose scaling is 'pixels'; got rows without pixels.")
    if values.ndim == 4 and values.shape[1:] != row.shape:  # channels last
        values = np.moveaxis(values, -1, 1)
    if values.ndim == 4 and values.shape[1] == 1:
        values = values[:, 0]
    most = float(scaling.undo({}, np.ones((1, 1)))[0, 0])
    pictures: list[Any] = Pictures.frame(values * (255 / most), [])
    return pictures
