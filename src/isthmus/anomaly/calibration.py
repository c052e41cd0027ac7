"""Parts of an anomaly score to a common scale, by the validation rows."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isthmus.storage.state import Shapes

LEAST = 1e-12  # of a part: what is smaller is taken for it
LEVELS = 512  # of validation rows that are kept of each part, at most
EXTENSION = 0.5  # how fast surprise grows beyond the last level, by deviation of the log of a part
LEAST_ABOVE = 10  # rows at or above the last level, or a quarter of them where they are few: fewer say little
LEAST_DEVIATION = 0.1  # of such a log: where all rows are alike, a score has an end all the same
TOLERANCE = 1e-9  # of the sum of shares
NARROWEST, STEEPEST = 1e-6, 1e6  # slopes that a file may hold


class Calibration(abc.ABC):
    """What the size of each part of a score is worth."""

    tensors: ClassVar[tuple[str, ...]]  # the arrays of it, float64

    @property
    @abc.abstractmethod
    def is_used(self) -> np.ndarray:
        """Which parts count, [parts] bool."""

    @abc.abstractmethod
    def worth(self, size: np.ndarray) -> np.ndarray:
        """Return what parts [parts, n] add to scores, [parts, n] float64."""

    @abc.abstractmethod
    def is_sound(self) -> bool:
        """Say whether it can be what a fit leaves."""

    @classmethod
    @abc.abstractmethod
    def shapes(cls, levels: int) -> Shapes:
        """Return the types and shapes of its arrays."""


@dataclass(frozen=True)
class Means(Calibration):
    """A part over its mean: how detectors of the first format of model files count distance and error."""

    means: np.ndarray  # [2] float64; 0 for a part that is not there

    tensors = ("means",)

    @property
    def is_used(self) -> np.ndarray:
        return np.append(self.means > 0, False)

    def worth(self, size: np.ndarray) -> np.ndarray:
        counts = self.means > 0
        factor = np.divide(counts, self.means, out=np.zeros(2), where=counts) / np.count_nonzero(counts)
        return np.append(factor, 0.0)[:, None] * size

    def is_sound(self) -> bool:
        return not ((self.means < 1e-6) & (self.means != 0)).any()

    @classmethod
    def shapes(cls, levels: int) -> Shapes:
        return {"means": ("F64", (2,))}


@dataclass(frozen=True)
class Surprise(Calibration):
    """−log of the share of validation rows in which a part is at least as large.

    So it is about 1 on average for usual rows, whatever the part measures. Between rows it is read off lines over the
    log of the part; from where only ten rows are as large on, it goes on growing with that log, slowly: few rows would
    make it a matter of luck.

    References
    ----------
    Fisher (1925), Statistical methods for research workers: the sum of −log p joins several tests.

    Examples
    --------
    >>> sizes = np.array([1.0, 2.0, 4.0, 8.0])
    >>> surprise = Surprise.of([sizes], [np.ones(4)], np.array([1.0]))
    >>> surprise.worth(np.array([[1.0, 2.0, 4.0]])).round(3).tolist()
    [[0.0, 0.288, 0.693]]
    """

    levels: np.ndarray  # [parts, L] float64, logs of a part, not falling
    surprise: np.ndarray  # [parts, L] float64, there
    slope: np.ndarray  # [parts] float64, beyond the last level
    share: np.ndarray  # [parts] float64 of a score that is their mean, 1 together; 0 for a part that does not count

    tensors = ("levels", "surprise", "slope", "share")

    @classmethod
    def of(cls, parts: Sequence[np.ndarray], weights: Sequence[np.ndarray], share: np.ndarray) -> Surprise:
        """Return the calibration by the sizes of each part in usual rows, [m], their weights, [m], and its share."""
        curves = [_curve(np.log(np.maximum(part, LEAST)), w) for part, w in zip(parts, weights, strict=True)]
        longest = max(len(levels) for levels, _, _ in curves)
        pad = lambda values: np.pad(values, (0, longest - len(values)), "edge")  # noqa: E731
        return cls(
            np.stack([pad(levels) for levels, _, _ in curves]),
            np.stack([pad(surprise) for _, surprise, _ in curves]),
            np.array([slope for _, _, slope in curves]),
            share,
        )

    @property
    def is_used(self) -> np.ndarray:
        return self.share > 0

    def worth(self, size: np.ndarray) -> np.ndarray:
        worth = []
        for part, share in enumerate(self.share):
            if not share:
                worth.append(np.zeros_like(size[part]))
                continue
            level, last = np.log(np.maximum(size[part], LEAST)), self.levels[part, -1]
            known = np.interp(level, self.levels[part], self.surprise[part])
            worth.append(share * (known + self.slope[part] * np.maximum(level - last, 0)))
        return np.stack(worth)

    def is_sound(self) -> bool:
        rises = (np.diff(self.levels, axis=1) >= 0).all() and (np.diff(self.surprise, axis=1) >= 0).all()
        return bool(
            rises
            and all(np.isfinite(array).all() for array in (self.levels, self.surprise))
            and (self.surprise >= 0).all()
            and ((self.slope > NARROWEST) & (self.slope < STEEPEST)).all()
            and (self.share >= 0).all()
            and abs(self.share.sum() - 1) < TOLERANCE
        )

    @classmethod
    def shapes(cls, levels: int) -> Shapes:
        return {
            "levels": ("F64", (3, levels)),
            "surprise": ("F64", (3, levels)),
            "slope": ("F64", (3,)),
            "share": ("F64", (3,)),
        }


def _curve(level: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return levels that rise, −log of the share of `level` [m] at or above each, and the slope beyond the last."""
    levels, place = np.unique(level, return_inverse=True)
    mass = np.bincount(place, weight)
    above = np.cumsum(mass[::-1])[::-1]
    deviation = np.sqrt(np.average(np.square(levels - np.average(levels, weights=mass)), weights=mass))
    kept = np.flatnonzero(above >= min(LEAST_ABOVE, above[0] / 4))
    if len(kept) > LEVELS:  # more of them where few rows are above
        even = np.linspace(0, len(kept) - 1, LEVELS // 2)
        high = len(kept) - np.geomspace(1, len(kept), LEVELS // 2)
        kept = np.unique(np.concatenate([even, high]).round().astype(int))
    return levels[kept], -np.log(above[kept] / above[0]), EXTENSION / max(float(deviation), LEAST_DEVIATION)
