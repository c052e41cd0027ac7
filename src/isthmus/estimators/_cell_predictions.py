"""What a network predicts of every cell of a row, given the cells that are there."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from isthmus.estimators._fill_calibration import FillCalibration
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.model import inference


class CellPrediction(NamedTuple):
    """The prediction of every cell of scaled rows, [n, d] each."""

    mean: np.ndarray  # of a number its expectation, of a category its most probable category
    uncertainty: np.ndarray  # of a number its deviation, 1 where there is none; of a category, the chance to be wrong
    draw: np.ndarray  # of a category one drawn by its probability


def predict_cells(
    model: Autoencoder, x: np.ndarray, calibration: FillCalibration, seed: int | None = None
) -> CellPrediction:
    """Return the calibrated prediction of every cell of scaled rows `x` [n, d]; with a seed it draws categories."""
    trust, shares = calibration.as_float32()
    predict = partial(model.fitted_.bind(inference.expectation_and_uncertainty), trust=trust, log_shares=shares)
    blocks = inference.blockwise_with_noise(predict, iter([x.astype(np.float32)]), jax.random.key(seed or 0))
    columns = zip(*list(blocks), strict=True)
    cells = CellPrediction(*(np.concatenate(arrays).astype(np.float64) for arrays in columns))
    return cells._replace(mean=calibration.toward_center(cells.mean))


def log_probability(model: Autoencoder, x: np.ndarray, truth: np.ndarray, calibration: FillCalibration) -> np.ndarray:
    """Return the calibrated log-probability of categories `truth` [n, d] given scaled rows `x` [n, d], [n, d].

    It is 0 where `truth` is NaN; of numbers it is what the network says, uncalibrated.
    """
    explain = model.fitted_.bind(inference.log_density_toward)
    trust, shares = calibration.as_float32()
    rows = np.concatenate([x, truth], axis=1).astype(np.float32)
    blocks = inference.blockwise(
        lambda block, count: explain(*np.split(block, 2, axis=1), trust, shares, count=count), iter([rows])
    )
    return np.concatenate(list(blocks)).astype(np.float64)
