"""The share of the variance that each unit of a code explains."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.errors import InvalidData, require
from isthmus.estimators._device import on_device
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.layers.ordered_code import explained_shares
from isthmus.model import inference


def explained_variance_ratio(estimator: Reconstructor, X: Any) -> np.ndarray:
    """Return the share of the variance that each unit of the code explains beyond those before it, [n_components_].

    With R²_j = 1 − mean ‖x − x̂_j‖² / mean ‖x − mean x‖², where x̂_j is decoded from the first j units, the others kept
    at their means over rows (a `nested` code: at 0), it is R²_j − R²_{j−1} and R²_0 = 0. All are in scaled units, and
    they sum to R² of the whole code. For principal components it is what scikit-learn's PCA gives; a unit of a code
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
    fitted, rows = estimator.fitted_, estimator.scaled_rows(X)
    if len(rows) < 2:
        raise InvalidData("explained variance compares rows: expected at least 2; got 1.")
    return explained_shares(inference.trained_network(fitted.bind, fitted.weights, fitted.skeleton, rows, rows))
