"""The network that judges fillings: of cells that are hidden in rows it has not learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from isthmus.data.source import Source
from isthmus.estimators._cell_predictions import CellPrediction, log_probability, predict_cells
from isthmus.estimators._fill_calibration import FillCalibration, fit_calibration
from isthmus.estimators._hidden_cells import AT_RANDOM, Hiding, hide_cells, residual_quantiles
from isthmus.estimators.autoencoder import Autoencoder


@dataclass(frozen=True)
class Judge:
    """A network, and scaled rows [m, d] in which it predicts cells."""

    model: Autoencoder
    rows: np.ndarray  # as it sees them
    slope: np.ndarray  # [d]: the imputer's network sees slope · x + offset where this one sees a number x
    offset: np.ndarray  # [d]

    @classmethod
    def of(cls, model: Autoencoder, x: np.ndarray, own: Autoencoder, source: Source, apart: np.ndarray) -> Self:
        """Return a judge of the rows at the places `apart`.

        Parameters
        ----------
        model : the network that judges.
        x : the rows of `source` [n, d] as the imputer's network `own` sees them.
        """
        if model is own:
            return cls(model, x[apart], np.ones(x.shape[1]), np.zeros(x.shape[1]))
        rows = model.scaled_rows(source).astype(np.float64)
        slope, offset = _lines(rows, np.where(np.array(model.model_.categories) > 0, rows, x))
        return cls(model, rows[apart], slope, offset)

    def predict(self, is_hidden: np.ndarray) -> CellPrediction:
        """Return what is predicted where cells [m, d] are hidden, as the imputer's network sees them."""
        cells = predict_cells(self.model, self._hide(is_hidden), self._none)
        is_number = np.array(self.model.model_.categories) == 0
        mean = np.where(is_number, self.slope * cells.mean + self.offset, cells.mean)
        return cells._replace(mean=mean, uncertainty=np.where(is_number, self.slope, 1.0) * cells.uncertainty)

    def log_probability(self, hidings: list[Hiding], calibration: FillCalibration) -> np.ndarray:
        """Return the log-probabilities of hidden categories by a calibration, [m, d] of each hiding, side by side."""
        is_category = np.array(self.model.model_.categories) > 0
        truths = [np.where(is_hidden & is_category, self.rows, np.nan) for _, is_hidden, _, _ in hidings]
        rows = [self._hide(is_hidden) for _, is_hidden, _, _ in hidings]
        return log_probability(self.model, np.concatenate(rows), np.concatenate(truths), calibration)

    def _hide(self, is_hidden: np.ndarray) -> np.ndarray:
        return np.where(is_hidden, np.nan, self.rows)

    @property
    def _none(self) -> FillCalibration:
        return FillCalibration.none(self.model.model_.categories or ())


def judge_fills(
    judge: Judge,
    x: np.ndarray,
    weight: np.ndarray,
    apart: np.ndarray,
    is_learned: np.ndarray,
    random: np.random.Generator,
    *,
    is_calibrated: bool,
) -> tuple[FillCalibration, np.ndarray]:
    """Return how far predictions are followed, and the quantiles of their residuals, [ranks, d].

    Parameters
    ----------
    x : all rows [n, d] as the imputer's network sees them; weight [n], and the places that were kept `apart` [m].
    is_learned : [d].
    is_calibrated : False where the judge has learned from the rows: then predictions are followed as they are.
    """
    counts = judge.model.model_.categories or ()
    truth = np.where(np.isnan(judge.rows), np.nan, x[apart])
    hidings = hide_cells(truth, judge.predict, is_learned, random)
    calibration = FillCalibration.none(counts)
    at_random = [hiding for hiding in hidings if hiding.way == AT_RANDOM]
    if is_calibrated:
        hidden = [
            (np.where(is_hidden, truth, np.nan), np.where(is_hidden, mean, np.nan))
            for _, is_hidden, mean, _ in at_random
        ]
        calibration = fit_calibration(
            x, weight, counts, hidden, lambda calibration: judge.log_probability(at_random, calibration)
        )
    pulled = [hiding._replace(mean=calibration.toward_center(hiding.mean)) for hiding in hidings]
    return calibration, residual_quantiles(truth, pulled, np.array(counts) > 0)


def _lines(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes and offsets of least squares of columns `y` [n, d] on `x` [n, d], NaN not counted, [d] each."""
    is_there = ~np.isnan(x) & ~np.isnan(y)
    x, y = (np.where(is_there, values, np.nan) for values in (x, y))
    count = np.maximum(is_there.sum(axis=0), 1)
    middle, level = np.nansum(x, axis=0) / count, np.nansum(y, axis=0) / count
    square = np.nansum((x - middle) ** 2, axis=0)
    slope = np.where(square > 0, np.nansum((x - middle) * (y - level), axis=0) / np.where(square > 0, square, 1), 1.0)
    return slope, level - slope * middle
