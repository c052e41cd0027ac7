"""The oddest rows of a table, and the columns that make them so, with what was expected there."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from isthmus.anomaly.detector import AnomalyDetector
from isthmus.anomaly.tables import take_rows, takeable
from isthmus.core.constraints import Whole
from isthmus.errors import InvalidData
from isthmus.estimators._reconstructor import Reconstructor


def odd_rows(
    model: Any, X: Any, n: int | None = None, reasons: int = 3, *, false_discovery_rate: float | None = None
) -> pd.DataFrame:
    """Return the oddest rows of a table, the oddest first, and the columns that make them so.

    Parameters
    ----------
    model : a fitted `AnomalyDetector`, or an autoencoder, whose rows of the largest reconstruction error are odd.
    X : a table; of texts the columns are words.
    n : how many rows; None takes all of them, in their order.
    reasons : how many columns of each row.
    false_discovery_rate : how a detector flags rows, as in its `predict`: by those that are returned together.

    Returns
    -------
    frame [n, …] : `row`, its place in the table from 0; `anomaly_score`, of an autoencoder its reconstruction error,
    the higher the odder; of a detector also `p_value` and `is_odd`; then by reason i from 1 `column_i`, its share of
    the score `share_i`, and `value_i` and `expected_i` as texts, None where a cell is missing.

    Raises
    ------
    InvalidData
        If the model says nothing of single rows, or the table is not like that of the fit.

    Examples
    --------
    >>> import isthmus
    >>> X = np.random.default_rng(0).normal(size=(60, 1)) @ np.ones((1, 3))
    >>> X[7, 1] = 9.0
    >>> detector = isthmus.AnomalyDetector(isthmus.Autoencoder(1, max_epochs=20)).fit(X)
    >>> isthmus.odd_rows(detector, X, 1)[["row", "column_1", "value_1"]].values.tolist()
    [[7, 'x1', '9']]
    """
    Whole(1, optional=True).check("n", n)
    Whole(1).check("reasons", reasons)
    network = model.models_[0] if isinstance(model, AnomalyDetector) else model
    if not isinstance(network, Reconstructor):
        raise InvalidData(f"expected an AnomalyDetector or an autoencoder; got {type(model).__name__}.")
    source = network.open_rows(X)
    table = takeable(X, source)
    places = np.arange(source.n_rows)
    if n is not None:
        score = model.anomaly_score(table) if model is not network else network.reconstruction_error(table)
        places = np.argsort(-score, kind="stable")[:n]
        table = take_rows(table, places)
    is_detector = model is not network
    found = _of_detector(model, table, false_discovery_rate) if is_detector else _of_network(network, table)
    scores, added, expected = found
    values = _frame(network.open_rows(table).whole(), added)
    rows = pd.concat([pd.DataFrame({"row": places}), scores], axis=1)
    whole = np.where(rows["anomaly_score"] > 0, rows["anomaly_score"], 1)  # to a score of 0 no column adds
    order = np.argsort(-added.to_numpy(), axis=1, kind="stable")
    names = np.asarray(added.columns, dtype=object).astype(str)
    for number, chosen in enumerate(order.T[:reasons], 1):
        rows[f"column_{number}"] = names[chosen]
        rows[f"share_{number}"] = np.take_along_axis(added.to_numpy(), chosen[:, None], axis=1)[:, 0] / whole
        rows[f"value_{number}"] = _cells(values, chosen)
        rows[f"expected_{number}"] = _cells(expected, chosen)
    return rows


def _of_detector(
    detector: AnomalyDetector, table: Any, rate: float | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return scores, what columns add to them, and what was expected, frames of the same rows."""
    explained = detector.explain(table, with_scores=True, false_discovery_rate=rate)
    return explained["score"].reset_index(drop=True), explained["contribution"], explained["expected"]


def _of_network(network: Reconstructor, table: Any) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the same of an autoencoder: squared errors, and what it makes of the rows."""
    fitted, source = network.fitted_, network.open_rows(table)
    error = network.reconstruction_error(table, per_feature=True)
    rows = fitted.reader.unscale(fitted.reconstructed(network.scaled_rows(table)).astype(source.dtype))
    expected = fitted.reader.restore_frame(fitted.reader.within(rows))
    added = pd.DataFrame(error[:, fitted.reader.is_learned], columns=expected.columns)
    return pd.DataFrame({"anomaly_score": error.sum(axis=1)}), added, expected


def _frame(table: Any, like: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of a table in the columns of a frame."""
    whole = nw.from_native(table, pass_through=True, eager_only=True)
    if isinstance(whole, nw.DataFrame):
        return whole.to_pandas()[list(like.columns)]
    return pd.DataFrame(np.reshape(table, like.shape), columns=like.columns)


def _cells(frame: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    """Return of each row the cell at a place [n], as a text; None where it is missing."""
    texts = np.full(len(places), None, object)
    for place in np.unique(places):
        rows = np.flatnonzero(places == place)
        texts[rows] = [_text(value) for value in frame.iloc[rows, place]]
    return texts


def _text(value: Any) -> str | None:
    if pd.isna(value):
        return None
    if isinstance(value, float | np.floating):
        return f"{value:.{7 if isinstance(value, np.float32) else 15}g}"
    return str(value).removesuffix(" 00:00:00") if isinstance(value, pd.Timestamp) else str(value)
