"""The split into training and validation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ValidationSplit:
    """Which rows are kept for validation: a share in [0, 1), drawn with a seed, never all."""

    share: float
    seed: int
    together: np.ndarray | None = None  # [rows], numbers; rows of one number are kept together or not at all
    strata: np.ndarray | None = None  # [rows], numbers; of each number the same share is kept

    def draw(self, rows: int) -> np.ndarray:
        """Say for each row whether it is kept for validation, [rows]."""
        if self.together is not None:
            numbers, place = np.unique(self.together, return_inverse=True)
            return ValidationSplit(self.share, self.seed).draw(len(numbers))[place]
        if self.strata is not None:
            is_out = np.zeros(rows, bool)
            for number in np.unique(self.strata):
                chosen = self.strata == number
                is_out[chosen] = ValidationSplit(self.share, self.seed).draw(int(chosen.sum()))
            return is_out
        generator = np.random.Generator(np.random.Philox([self.seed, 1 << 40]))
        is_out = np.zeros(rows, bool)
        is_out[generator.permutation(rows)[: min(round(self.share * rows), rows - 1)]] = True
        return is_out
