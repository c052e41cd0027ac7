"""Diagnosis of a code: the mean, spread and use of each unit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from isthmus.errors import require
from isthmus.estimators._diagnosis import diagnose_code
from isthmus.estimators._reconstructor import Reconstructor


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
    return diagnose_code(estimator, X)
