"""What each unit of a code explains, and codes cut to the first of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isthmus import inference
from isthmus.errors import InvalidData, InvalidPart, require
from isthmus.estimators.device import on_device
from isthmus.estimators.network import as_data
from isthmus.estimators.reconstructor import Reconstructor
from isthmus.model import Model
from isthmus.reading import scaled_blocks
from isthmus.weights import cut, join, slots

ROUNDING = 1e-6  # of a share: so little less than asked for is as much


def explained_variance_ratio(estimator: Reconstructor, X: Any) -> np.ndarray:
    """Return the share of the variance that each unit of the code explains beyond those before it, [n_components_].

    With R²_j = 1 − mean ‖x − x̂_j‖² / mean ‖x − mean x‖², where x̂_j is decoded from the first j units, the others held
    at their means over rows (a `nested` code: at 0), it is R²_j − R²_{j−1} and R²_0 = 0. All are in scaled units, and
    they sum to R² of the whole code. For principal components it is what scikit-learn's PCA tells; a unit of a code
    that is in no order may be of use only beside later ones, and then has a share below 0.

    Parameters
    ----------
    estimator : a fitted autoencoder.
    X : a table of at least 2 rows.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> explained_variance_ratio(Autoencoder(2, max_epochs=2).fit(X), X).shape
    (2,)
    """
    require(isinstance(estimator, Reconstructor), "estimator", "an autoencoder", estimator)
    return _of_table(estimator, X)


@on_device
def _of_table(estimator: Reconstructor, X: Any) -> np.ndarray:
    source = estimator._open(X, reset=False)
    if source.n_rows < 2:
        raise InvalidData("explained variance compares rows: at least 2 are due. Got 1.")
    rows = np.concatenate(list(scaled_blocks(source, estimator._scaling, estimator._learned)))
    return shares(estimator, rows)


def shares(estimator: Reconstructor, rows: np.ndarray) -> np.ndarray:
    """Return the share of the variance of scaled rows [n, d] that each unit explains, [size + c]."""
    weights, model = jax.device_put(estimator._weights), as_data(estimator._skeleton)
    codes = np.concatenate(list(inference.blockwise(partial(inference.encode, weights, model), iter([rows]))))
    size = estimator._skeleton.size
    absent = np.asarray(estimator.model_.neck.absent(jnp.asarray(codes[:, :size])))
    observed = ~np.isnan(rows)
    there = np.where(observed, rows, 0)
    mean = there.sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
    total = float(np.square(there - mean, where=observed, out=np.zeros_like(there)).sum())
    errors = [total]
    for count in range(1, size + 1):
        kept = codes.copy()
        kept[:, count:size] = absent[count:]
        decoded = np.concatenate(list(inference.blockwise(partial(inference.decode, weights, model), iter([kept]))))
        errors.append(float(np.where(observed, np.square(decoded - there), 0).sum(dtype=np.float64)))
    return -np.diff(errors) / max(total, np.finfo(float).tiny)


def fewest(ratio: np.ndarray, share: float) -> int:
    """Return how many first units explain a share of the variance, all where they do not."""
    enough = np.cumsum(ratio) >= share - ROUNDING
    return int(enough.argmax()) + 1 if enough.any() else len(ratio)


def shortened(model: Model, weights: np.ndarray, short: Model) -> np.ndarray:
    """Return the weights of `short`, the same model with a smaller code, that compute what the first units tell.

    Raises
    ------
    InvalidPart
        If the code does not go into the decoder by matrices that have a row for each unit.
    """
    found: list[Any] = []
    for array, slot in zip(cut(model, weights), slots(short).values(), strict=True):
        for axis, (before, after) in enumerate(zip(array.shape, slot.shape, strict=True)):
            if before != after:
                # What is known beside a code stands after it.
                kept = np.r_[0 : short.size, model.size : before]
                if len(kept) != after:
                    raise InvalidPart(_NOT_CUT)
                array = array.take(kept, axis)
        found.append(array)
    flat = np.asarray(join(found), np.float32)
    code = np.random.Generator(np.random.Philox(0)).standard_normal((2, short.size)).astype(np.float32)
    beside = np.zeros((2, len(model.condition)), np.float32)
    whole = np.concatenate([code, np.zeros((2, model.size - short.size), np.float32), beside], axis=1)
    due = inference.decode(weights, as_data(model), whole)
    if not np.allclose(inference.decode(flat, as_data(short), np.concatenate([code, beside], axis=1)), due, atol=1e-4):
        raise InvalidPart(_NOT_CUT)
    return flat


_NOT_CUT = "the code of this decoder cannot be cut: use keeps=1.0, and fit again with the size that is enough."
