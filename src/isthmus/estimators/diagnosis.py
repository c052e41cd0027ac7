"""What each unit of a code does."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from isthmus.errors import InvalidData, require
from isthmus.estimators.device import on_device
from isthmus.estimators.reconstructor import Reconstructor
from isthmus.weights import assemble

LEAST_VARIANCE = 0.01  # of a posterior mean over rows, below which its unit has collapsed onto the prior
ROUNDING = 1e-6  # a deviation of so much of the mean is none


def diagnose(estimator: Reconstructor, X: Any) -> pd.DataFrame:
    """Return what each unit of the code does over the rows of a table: one row for each unit.

    Parameters
    ----------
    estimator : a fitted autoencoder.
    X : a table of at least 2 rows.

    Returns
    -------
    A frame, its index the names of the units, with the columns

    mean, deviation : of the unit over rows, without noise.
    active : the share of rows where it is not exactly 0.
    kl : where the code is a distribution, the mean over rows of its divergence from the prior, in nats.
    verdict : `"collapsed"`, a distribution whose mean has a variance below 0.01 over rows, so that the unit gives
        little but noise to the decoder; `"dead"`, 0 in every row; `"constant"`, the same in every row; else `""`.

    Raises
    ------
    InvalidData
        If there is only one row, or the table cannot be used.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders (active units).

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> diagnose(Autoencoder(2, max_epochs=2).fit(X), X).columns.tolist()
    ['mean', 'deviation', 'active', 'verdict']
    """
    require(isinstance(estimator, Reconstructor), "estimator", "an autoencoder", estimator)
    return _diagnosed(estimator, X)


@on_device
def _diagnosed(estimator: Reconstructor, X: Any) -> pd.DataFrame:
    source = estimator._open(X, reset=False)
    if source.n_rows < 2:
        raise InvalidData("diagnose compares rows: at least 2 are due. Got 1.")
    size = estimator.n_components_
    sketch = np.zeros((1, source.row.size), np.float32)
    width = jax.eval_shape(_look, estimator._weights, estimator._skeleton, sketch).shape[1]
    seen = estimator._apply(_look, source, width).astype(np.float64)
    point = seen[:, :size]
    found = pd.DataFrame(
        {"mean": point.mean(axis=0), "deviation": point.std(axis=0), "active": (point != 0).mean(axis=0)},
        index=pd.Index(estimator.get_feature_names_out(), name="unit"),
    )
    if width > size:
        found["kl"] = seen[:, size:].mean(axis=0)
    found["verdict"] = _verdicts(found)
    return found


@jax.jit
def _look(weights: Array, model: Any, x: Array) -> Array:
    """Return the point code of `x` [n, d] and, where it is a distribution, its information: [n, size or 2 · size]."""
    network = assemble(model, weights)
    code = network.encode(x)
    information = network.neck.information(code)
    return code.point if information is None else jnp.concatenate([code.point, information], axis=1)


def _verdicts(found: pd.DataFrame) -> np.ndarray:
    is_dead = found["active"] == 0
    is_collapsed = (found["deviation"] ** 2 < LEAST_VARIANCE) & ("kl" in found)
    is_constant = found["deviation"] <= ROUNDING * found["mean"].abs()
    return np.select([is_collapsed, is_dead, is_constant], ["collapsed", "dead", "constant"], "")
