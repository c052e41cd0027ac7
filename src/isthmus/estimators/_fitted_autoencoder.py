"""What a fitted autoencoder is: its network, its sampler, and how far rows are from what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.contracts import Arrays, Row
from isthmus.estimators._code_sampler import CodeSampler
from isthmus.estimators._fitted import Fitted
from isthmus.estimators._network_parts import AutoencoderParts, StackParts
from isthmus.model import inference
from isthmus.storage.state import State


@dataclass(frozen=True, kw_only=True)
class FittedAutoencoder(Fitted):
    """The fitted state of an autoencoder."""

    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(None))
    findings: Arrays = field(default_factory=dict)  # what the bottleneck has learned besides
    is_category: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """Whether each column is explained as a category, [d]."""
    support: np.ndarray = field(default_factory=lambda: np.array([[-np.inf], [np.inf]]))
    """The lowest and the highest value of each scaled column that the likelihood explains, [2, d]."""

    def column_error(
        self, rows: np.ndarray, is_unseen: np.ndarray | None = None, *, is_balanced: bool = True
    ) -> np.ndarray:
        """Return how far each entry of scaled rows [n, d] float32 is from its expectation, [n, d].

        It is the squared difference of a number, and −log p of a category, where `is_balanced` in units of what a
        balanced likelihood divides its column by.

        Parameters
        ----------
        is_unseen : where a category is that the fit has not had, [n, d]: it is as far as the furthest one.
        """
        error = self._by_block(inference.error, rows)
        explain, explain_as = inference.explain, inference.explain_as
        if not is_balanced:
            explain, explain_as = inference.log_density, inference.log_density_as
        if self.is_category.any():
            error = np.where(self.is_category, -self._by_block(explain, rows), error)
        if is_unseen is None or not is_unseen.any():
            return error
        among = is_unseen.any(axis=1)
        x, unseen, furthest = rows[among], is_unseen[among], np.zeros_like(error[among])
        back = self._by_block(inference.reconstruct, x)
        for cells in self._categories(unseen):
            log_prob = self._by_block(explain_as, x, cells)
            furthest = np.fmax(furthest, np.where(self.is_category, -log_prob, (back - cells) ** 2))
        error[among] = np.where(unseen, self._at_least_rare(furthest), error[among])
        return error

    def reconstructed(self, rows: np.ndarray) -> np.ndarray:
        """Return what the model makes of scaled rows [n, d] float32, scaled too; of a category the most probable."""
        return self._by_block(inference.reconstruct, rows)

    def squared_error(self, rows: np.ndarray, is_unseen: np.ndarray) -> np.ndarray:
        """Return the squared difference of scaled rows [n, d] to what is expected of them, 1 for a wrong category."""
        error = self._by_block(inference.error, rows)
        error = np.where(self.is_category, np.sign(error), error)
        if not is_unseen.any():
            return error
        return np.where(is_unseen, np.where(self.is_category, 1, self.column_error(rows, is_unseen)), error)

    def is_outside(self, rows: np.ndarray) -> np.ndarray:
        """Say which entries of scaled rows [n, d] no likelihood explains, [n, d]."""
        return (rows < self.support[0]) | (rows > self.support[1])

    def column_log_density(self, rows: np.ndarray, is_unseen: np.ndarray) -> np.ndarray:
        """Return the log-density of scaled rows [n, d] by column, [n, d]; 0 where a value is missing.

        It is −inf outside of what the likelihood explains.

        A category that the fit has not had, where `is_unseen` [n, d], is at most as probable as the least probable one
        of its column, given the row, and as one row among those of the fit and this one.
        """
        log_density = self._by_block(inference.log_density, rows)
        among = is_unseen.any(axis=1)
        if among.any():
            x, unseen = rows[among], is_unseen[among]
            densities = [self._by_block(inference.log_density_as, x, cells) for cells in self._categories(unseen)]
            least = np.min(densities, axis=0)
            log_density[among] = np.where(unseen, -self._at_least_rare(-least), log_density[among])
        return np.where(self.is_outside(rows), -np.inf, log_density)

    def _at_least_rare(self, error: np.ndarray) -> np.ndarray:
        """Return −log p, at least that of one row among those of the fit and one more."""
        return np.maximum(error, np.log(self.n_samples + 1))

    def _categories(self, is_unseen: np.ndarray) -> Iterator[np.ndarray]:
        """Yield, where `is_unseen` [n, d], each of the categories of a column in turn, scaled [n, d]; NaN elsewhere."""
        counts = np.array(self.row.unseen)
        for place in range(int(counts[is_unseen.any(axis=0)].max())):
            cells = np.where(is_unseen, np.minimum(place, counts - 1), np.nan)
            scaled = self.reader.fitted_scaling.apply(self.reader.learned, cells)
            yield scaled.astype(np.float32)

    def _by_block(self, function: Callable[..., Any], rows: np.ndarray, cells: np.ndarray | None = None) -> np.ndarray:
        """Return a compiled function of scaled rows [n, d], and of other cells [n, d] where they are given, [n, d]."""
        compute = self.bind(function)
        beside = [rows] if cells is None else [rows, cells]

        def of_block(block: np.ndarray, count: np.int32) -> Any:
            return compute(*np.split(block, len(beside), axis=1), count=count)

        return np.concatenate(list(inference.blockwise(of_block, iter([np.concatenate(beside, axis=1)]))))

    def to_state(self) -> State:
        """Return what a file holds of the autoencoder."""
        facts = {name: array.tolist() for name, array in self.findings.items()}
        return self.network_state(facts | self.sampler.facts()) | self.sampler.to_state(self)


def category_mask(parts: AutoencoderParts | StackParts, row: Row) -> np.ndarray:
    """Say of each column whether it is explained as a category, [d]."""
    has_categories = bool(row.categories) and parts.row_likelihood(row).explains == "categories"
    return np.array(row.categories) > 0 if has_categories else np.zeros(row.size, bool)
