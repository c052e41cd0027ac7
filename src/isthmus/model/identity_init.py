"""A start at the identity: the last layers of encoder and decoder leave what they are given as it is."""

from __future__ import annotations

import numpy as np

from isthmus.core.parameter_specs import draw_weights, parameter_specs, split_weights
from isthmus.errors import InvalidPart
from isthmus.model.model import Model


def identity_weights(model: Model, seed: int) -> np.ndarray:
    """Return weights [weights], drawn but for the layer into the code and the one out to the row, which are x I + 0.

    Raises
    ------
    InvalidPart
        If one of the two layers is not affine, or changes the width.
    """
    weights = draw_weights(model, seed)
    specs, views = parameter_specs(model), split_weights(model, weights)
    for end, what in (("neck.", "the encoder into the code"), ("head.", "the decoder to the row")):
        matrix = next((path for path in specs if path.startswith(end) and path.endswith(".matrix")), "")
        shape = specs[matrix].shape if matrix else ()
        if len(shape) != 2 or shape[0] != shape[1]:
            raise InvalidPart(
                f"init='identity' needs an affine layer from {what} that keeps the width; its shape is {shape}. Use "
                "init=None."
            )
        bias = f"{matrix.removesuffix('.matrix')}.bias"
        for path, view in zip(specs, views, strict=True):
            if path in (matrix, bias):
                view[...] = np.eye(shape[0]) if path == matrix else 0
    return weights
