"""A detector as a graph: the parts of its score, the score by column, and the flag at the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array

from isthmus.anomaly.calibration import Means
from isthmus.anomaly.neighbors import compare
from isthmus.anomaly.scores import NeighborScore, doubted, to_points
from isthmus.data.reader import Reader
from isthmus.errors import InvalidPart
from isthmus.estimators._graphs import among_unseen
from isthmus.model.model import Model
from isthmus.onnx.columns import Table
from isthmus.onnx.graph import Graph, Tensor, mean_of
from isthmus.onnx.network import compute

if TYPE_CHECKING:
    from isthmus.anomaly.fitted import FittedDetector
    from isthmus.estimators._fitted_autoencoder import FittedAutoencoder

SPARE = 8  # more candidates than are asked for: products of matrices tell distances that are nearly equal wrongly


def add_detector(graph: Graph, fitted: FittedDetector) -> Reader:
    """Add the inputs of a detector to a graph, and its answers; return what is known of its tables."""
    first = fitted.scores[0].model.fitted_
    table = Table(graph, first.reader)
    is_unseen: Any = table.is_unseen
    added: list[Any] = []
    rows: Any = None
    for score in fitted.scores:
        if isinstance(score.calibration, Means):
            raise InvalidPart("a detector of an early model file cannot be written as ONNX: fit it again.")
        scaled = table.scaled(score.model.fitted_.reader, is_capped=True)
        rows = scaled if rows is None else rows
        parts = _parts(graph, score, scaled, is_unseen, is_own=fitted.is_own)
        added.append(score.added(parts, is_unseen))
    is_nothing = np.isnan(rows) if is_unseen is None else np.isnan(rows) & ~is_unseen
    is_empty = np.all(is_nothing, axis=1, keepdims=True)
    contribution = np.where(is_empty, fitted.of_nothing / first.row.size, mean_of(added))
    total = contribution.sum(axis=1)
    graph.output("anomaly_score", total, "what `anomaly_score` returns: about 1 for a usual row, higher is odder")
    graph.output("is_outlier", -total < fitted.offset, "whether the row is beyond the threshold, where `predict` is -1")
    graph.output("contribution", contribution, "what each column adds to the anomaly score")
    return first.reader


def detector_answers(fitted: FittedDetector, contribution: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a detector answers by what columns add to scores, [n, d], by the names of the outputs."""
    total = contribution.sum(axis=1)
    return {"anomaly_score": total, "is_outlier": -total < fitted.offset, "contribution": contribution}


def _parts(graph: Graph, score: NeighborScore, rows: Tensor, is_unseen: Tensor | None, *, is_own: bool) -> Any:
    """Return the parts of the score by column, [3, rows, d] float64, as `NeighborScore.parts` does."""
    errors = [_error(graph, model.fitted_, rows, is_unseen).astype(np.float64) for model in score.models]
    error = mean_of(errors)
    error = doubted(score.model.fitted_.row, error) / np.square(score.spread[1], dtype=np.float64)
    if not len(score.points):
        return np.stack([np.zeros_like(error), error, np.zeros_like(error)])
    points: Any = to_points(score.model, rows, score.spread[0])
    index = _nearest(graph, points, score)
    usual, own = score.usual, points if is_own else None
    reach: Any = graph.look_up(usual.reach, index) if usual.has_density else None
    there: Any = graph.look_up(usual.points, index)
    known: Any = graph.look_up(usual.weight, index)
    square, weight = compare(there, known, points, own)
    distance, local = usual.parts_of(square, weight, reach)
    return np.stack([distance, error, local])


def _error(graph: Graph, fitted: FittedAutoencoder, rows: Tensor, is_unseen: Tensor | None) -> Tensor:
    """Return how far each cell is from its expectation, [rows, d] float32, as `column_error` does."""
    model: Model = fitted.model

    def answers(x: Array) -> tuple[Array, Array]:
        code = model.encode(x)
        outcome = model.decode(code.draws, None, code.condition)
        observed = x == x if model.may_be_missing else None
        return outcome.mean()[0], outcome.log_density_by_column(x, observed)[0]

    mean, log_density = compute(graph, answers, [rows])
    difference = mean - rows
    error = np.square(np.nan_to_num(difference) if model.may_be_missing else difference)
    error = np.where(fitted.is_category, -log_density, error)
    if is_unseen is None:
        return error
    is_chosen: Any = np.any(is_unseen, axis=1)
    others = (error, log_density)
    return among_unseen(graph, fitted, is_chosen, is_unseen, rows, others, is_error=True)[0]


def _nearest(graph: Graph, points: Tensor, score: NeighborScore) -> Tensor:
    """Return the usual rows that are nearest to points, nearest first, [rows, count] int64."""
    usual, count = score.usual.points, score.usual.count
    center = usual.mean(axis=0, dtype=np.float64).astype(np.float32)
    around = usual - center
    size = np.square(around, dtype=np.float64).sum(axis=1).astype(np.float32)
    width = min(count + SPARE, len(usual))
    product = graph.node(
        "MatMul",
        [points - center, np.ascontiguousarray(-2 * around.T)],
        np.zeros((len(points), len(usual)), np.float32),
    )
    candidates = graph.smallest(product + size, width)
    there: Any = graph.look_up(usual, candidates)
    gap = np.subtract(points[:, None], there, dtype=np.float64)
    order = graph.smallest(np.square(gap).sum(axis=2), count)
    example = np.zeros((len(points), count), np.int64)
    return graph.node("GatherElements", [candidates, order], example, axis=1)
