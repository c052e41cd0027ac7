"""Each column its own output and loss: numbers and categories in one row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.contracts import Head, Likelihood, OutputLayer, Row, fixed, spelling
from isthmus.distributions.heterogeneous import HeterogeneousHead, groups_of, numbers_of

LEAST = 0.1  # of a column's unit: what hardly ever differs must not outweigh the rest


@dataclass(frozen=True)
class Columns(Likelihood):
    """Columns of numbers explained by one likelihood, each column of codes 0, 1, … by a softmax of its own.

    The loss of a row is Σ_j ℓ_j / u_j over the columns that are observed, ℓ_j = −log p_j(x_j) for codes. Balanced, u_j
    is the mean loss in training of telling every row the same: for codes the entropy −Σ_v s_v log s_v of the shares s
    of the values, for the squared error the variance, at least 0.1 each and 1 where a column has one value only. So a
    model that knows the marginal distributions and no more has a loss of 1 by column, and no column drowns the others.
    Numbers whose likelihood is a density are taken as they come, in nats. A row is expected to hold the most probable
    codes.

    Parameters
    ----------
    numbers : the likelihood of columns that hold numbers.
    balanced : divide by u_j; else u_j = 1, and where `numbers` is a density the loss is the joint −log p.

    References
    ----------
    Nazábal, Olmos, Ghahramani and Valera (2020), Handling incomplete heterogeneous data using VAEs.

    Examples
    --------
    >>> part = Columns()
    >>> x = np.array([[0.0, 2.0], [1.0, 2.0], [0.0, 4.0], [1.0, 4.0]])  # a fair coin, and a number of variance 1
    >>> [round(float(v), 4) for v in part.start(Row((2,), categories=(2, 0)), x, np.ones(4))["scale"]]  # log 2, 1
    [0.6931, 1.0]
    """

    numbers: Likelihood = spelling("squared_error")
    balanced: bool = True

    is_bounded_below = False  # −log p of a category has no upper bound, so minus it has no lower one
    explains = "categories"

    @property
    def support(self) -> tuple[float, float]:
        return self.numbers.support

    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        counts = row.categories or (0,) * row.size
        numbers, groups = numbers_of(counts), groups_of(counts)
        total = sum(size * len(columns) for size, columns in groups)
        return HeterogeneousHead(
            self.numbers.build(_row(row, numbers), output_layer) if numbers else None,
            output_layer(total) if total else None,
            fixed((row.size,)),
            counts,
        )

    def start(self, row: Row, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        counts = row.categories or (0,) * row.size
        numbers = numbers_of(counts)
        inner = _row(row, numbers)
        inner_start = self.numbers.start(inner, x[:, numbers], weight) if numbers else {}
        scale = np.ones(row.size)
        if self.balanced:
            units = self.numbers.unit(x[:, numbers], weight) if numbers else None
            if units is not None:
                scale[list(numbers)] = units
            for column, count in enumerate(counts):
                if count:
                    scale[column] = _entropy(x[:, column], weight, count)
            scale = np.where(scale > 0, np.maximum(scale, LEAST), 1.0)
        return {"scale": scale} | {f"numbers.{path}": value for path, value in inner_start.items()}

    def link(self, x: np.ndarray) -> np.ndarray:
        return self.numbers.link(x)


def _row(row: Row, columns: tuple[int, ...]) -> Row:
    """Return the row of the columns that hold numbers."""
    if row.categories is None:
        return row
    names = None if row.columns is None else tuple(row.columns[column] for column in columns)
    return Row((len(columns),), names, may_be_missing=row.may_be_missing)


def _entropy(codes: np.ndarray, weight: np.ndarray, count: int) -> float:
    is_there = ~np.isnan(codes)
    totals = np.bincount(codes[is_there].astype(np.int64), weight[is_there], count)
    shares = totals[totals > 0] / max(totals.sum(), 1e-12)
    return float(-np.sum(shares * np.log(shares)))
