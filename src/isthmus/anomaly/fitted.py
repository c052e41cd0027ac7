"""The fitted state of a detector: what it scores rows by, and the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.anomaly import thresholds
from isthmus.anomaly.scores import NeighborScore
from isthmus.anomaly.tables import contributions
from isthmus.anomaly.thresholds import ValidationScores
from isthmus.data.source import Source


@dataclass(frozen=True)
class FittedDetector:
    """What a fit leaves of a detector."""

    settings: dict[str, Any]  # the parameters of the fit as JSON
    scores: tuple[NeighborScore, ...]  # of each model
    validation: ValidationScores
    offset: float

    @property
    def is_own(self) -> bool:
        """Say whether the rows that are scored may be those of the fit."""
        return self.settings["contamination"] != "auto"

    @property
    def of_nothing(self) -> float:
        """The score of a row without any cell: beyond those of all validation rows."""
        return max(float(self.validation.score.max()), -self.offset) + 1

    def is_odd(self, score: np.ndarray, rate: float | None = None) -> np.ndarray:
        """Say which scores [n] are beyond the threshold, or are flagged at a rate of false discoveries.

        Warn where far more are beyond the threshold than of usual rows would be, and where none is flagged at a rate
        for which there are too few validation rows.
        """
        is_odd: np.ndarray
        if rate is not None:
            is_odd = thresholds.discoveries(thresholds.p_values(self.validation, score), rate)
            if not is_odd.any():
                thresholds.warn_of_few(self.validation, len(score), rate, self.is_own)
            return is_odd
        is_odd = -score < self.offset
        if not self.is_own:
            thresholds.warn_of_shift(is_odd, float(self.settings["alpha"]))
        return is_odd

    def contributions(self, sources: Sequence[Source]) -> np.ndarray:
        """Return what columns add to scores, [n, d]."""
        blocks = contributions(self.scores, sources, is_own=self.is_own, of_nothing=self.of_nothing)
        return np.concatenate(list(blocks))
