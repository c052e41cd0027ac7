"""A code whose units are in order, cut to the first of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.core.parameter_specs import as_data, join_weights, parameter_specs, split_weights
from isthmus.errors import InvalidPart
from isthmus.model import inference
from isthmus.model.model import Model


def cut_code(model: Model, weights: np.ndarray, short: Model) -> np.ndarray:
    """Return the weights of `short`, the same model with a smaller code, that compute what the first units do.

    Raises
    ------
    InvalidPart
        If the code does not go into the decoder by matrices that have a row for each unit.
    """
    arrays: list[Any] = []
    for array, spec in zip(split_weights(model, weights), parameter_specs(short).values(), strict=True):
        for axis, (before, after) in enumerate(zip(array.shape, spec.shape, strict=True)):
            if before != after:
                # What is known beside a code stands after it.
                columns = np.r_[0 : short.size, model.size : before]
                if len(columns) != after:
                    raise InvalidPart(_NOT_CUT)
                array = array.take(columns, axis)
        arrays.append(array)
    flat = np.asarray(join_weights(arrays), np.float32)
    code = np.random.Generator(np.random.Philox(0)).standard_normal((2, short.size)).astype(np.float32)
    beside = np.zeros((2, len(model.condition)), np.float32)
    whole = np.concatenate([code, np.zeros((2, model.size - short.size), np.float32), beside], axis=1)
    answers = inference.decode(weights, as_data(model), whole)
    if not np.allclose(
        inference.decode(flat, as_data(short), np.concatenate([code, beside], axis=1)), answers, atol=1e-4
    ):
        raise InvalidPart(_NOT_CUT)
    return flat


_NOT_CUT = "the code of this decoder cannot be cut: use keeps=1.0, and fit again with the size that is enough."
