"""Codes whose units are in order: what each explains, and the code cut to the first of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.core.parameter_specs import as_data, assemble, join_weights, parameter_specs, split_weights
from isthmus.errors import InvalidPart
from isthmus.model import inference
from isthmus.model.model import Model

ROUNDING = 1e-6  # of a share: so little less than asked for is as much


def explained_shares(weights: Any, skeleton: Model, rows: np.ndarray) -> np.ndarray:
    """Return the share of the variance of scaled rows [n, d] that each unit explains, [size + c]."""
    weights, data, size = jax.device_put(weights), as_data(skeleton), skeleton.size
    codes = np.concatenate(list(inference.blockwise(partial(inference.encode, weights, data), iter([rows]))))
    absent = np.asarray(assemble(skeleton, weights).neck.baseline(jnp.asarray(codes[:, :size])))
    observed = ~np.isnan(rows)
    there = np.where(observed, rows, 0)
    mean = there.sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
    total = float(np.square(there - mean, where=observed, out=np.zeros_like(there)).sum())
    errors = [total]
    for count in range(1, size + 1):
        kept = codes.copy()
        kept[:, count:size] = absent[count:]
        decoded = np.concatenate(list(inference.blockwise(partial(inference.decode, weights, data), iter([kept]))))
        errors.append(float(np.where(observed, np.square(decoded - there), 0).sum(dtype=np.float64)))
    return -np.diff(errors) / max(total, np.finfo(float).tiny)


def count_units(ratio: np.ndarray, share: float) -> int:
    """Return how many first units explain a share of the variance, all where they do not."""
    enough = np.cumsum(ratio) >= share - ROUNDING
    return int(enough.argmax()) + 1 if enough.any() else len(ratio)


def cut_code(model: Model, weights: np.ndarray, short: Model) -> np.ndarray:
    """Return the weights of `short`, the same model with a smaller code, that compute what the first units tell.

    Raises
    ------
    InvalidPart
        If the code does not go into the decoder by matrices that have a row for each unit.
    """
    found: list[Any] = []
    for array, slot in zip(split_weights(model, weights), parameter_specs(short).values(), strict=True):
        for axis, (before, after) in enumerate(zip(array.shape, slot.shape, strict=True)):
            if before != after:
                # What is known beside a code stands after it.
                kept = np.r_[0 : short.size, model.size : before]
                if len(kept) != after:
                    raise InvalidPart(_NOT_CUT)
                array = array.take(kept, axis)
        found.append(array)
    flat = np.asarray(join_weights(found), np.float32)
    code = np.random.Generator(np.random.Philox(0)).standard_normal((2, short.size)).astype(np.float32)
    beside = np.zeros((2, len(model.condition)), np.float32)
    whole = np.concatenate([code, np.zeros((2, model.size - short.size), np.float32), beside], axis=1)
    due = inference.decode(weights, as_data(model), whole)
    if not np.allclose(inference.decode(flat, as_data(short), np.concatenate([code, beside], axis=1)), due, atol=1e-4):
        raise InvalidPart(_NOT_CUT)
    return flat


_NOT_CUT = "the code of this decoder cannot be cut: use keeps=1.0, and fit again with the size that is enough."
