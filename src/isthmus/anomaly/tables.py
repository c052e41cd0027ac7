"""Tables scored: read as each model reads them, in blocks, and the mean over models; rows of them taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from isthmus.anomaly.scores import NeighborScore
from isthmus.core.extras import is_made_by
from isthmus.data.arrow import ColumnSource
from isthmus.data.source import Source
from isthmus.data.sources import is_path, open_table
from isthmus.data.table_source import TableSource
from isthmus.data.text_table import TextTable

Marked = tuple[np.ndarray, np.ndarray]  # scaled rows [n, d], and where a category is that the fit has not had


def open_sources(scores: Sequence[NeighborScore], X: Any) -> list[Source]:
    """Return the sources of a table, as each of the models reads it; a file or a stream is opened once."""
    if scores[0].model.fitted_.reader.text is None and isinstance(opened := open_table(X), ColumnSource):
        X = opened
    return [score.model.open_rows(X) for score in scores]


def contributions(
    scores: Sequence[NeighborScore], sources: Sequence[Source], *, is_own: bool, of_nothing: float = 0.0
) -> Iterator[np.ndarray]:
    """Yield what columns add to the scores of rows, [rows, d] float64, the mean over models."""
    return (
        added_by_columns(scores, marked, is_own=is_own, of_nothing=of_nothing)
        for marked in marked_blocks(scores, sources)
    )


def marked_blocks(scores: Sequence[NeighborScore], sources: Sequence[Source]) -> Iterator[tuple[Marked, ...]]:
    """Yield blocks of rows as each model sees them, and where a category is that the fit has not had."""
    readers = [score.model.fitted_.reader for score in scores]
    blocks = [reader.scale_marked(source, is_capped=True) for reader, source in zip(readers, sources, strict=True)]
    return zip(*blocks, strict=True)


def added_by_columns(
    scores: Sequence[NeighborScore], marked: Sequence[Marked], *, is_own: bool, of_nothing: float = 0.0
) -> np.ndarray:
    """Return what columns add to the scores of rows, [rows, d] float64, the mean over models.

    A row without any cell scores `of_nothing`.
    """
    parts = [score.contributions(*block, is_own=is_own) for score, block in zip(scores, marked, strict=True)]
    is_empty = (np.isnan(marked[0][0]) & ~marked[0][1]).all(axis=1, keepdims=True)
    added: np.ndarray = np.where(is_empty, of_nothing / parts[0].shape[1], np.mean(parts, axis=0))
    return added


def total_scores(scores: Sequence[NeighborScore], table: Any, *, is_own: bool) -> np.ndarray:
    """Return the scores of the rows of a table, [n], the mean over models."""
    blocks = contributions(scores, open_sources(scores, table), is_own=is_own)
    return np.concatenate([block.sum(axis=1) for block in blocks])


def takeable(X: Any, source: Source) -> Any:
    """Return a table whose rows can be taken by their places: what a path or a source leads to is read."""
    inner = source.inner if isinstance(source, TableSource) else source
    if isinstance(inner, TextTable):
        return inner
    if is_path(X) or isinstance(X, Source) or isinstance(source, TableSource | ColumnSource):
        return source.whole()
    if source.row.is_sequence and isinstance(X, list | tuple):
        return list(X)
    table: Any = np.asarray(X) if getattr(X, "shape", None) is None else X  # a list, or what gives an array if asked
    return table.tocsr() if scipy.sparse.issparse(table) else table


def take_rows(table: Any, places: np.ndarray) -> Any:
    """Return the rows of a table at places, in its own form."""
    if isinstance(table, list):
        return [table[place] for place in places]
    if isinstance(table, TextTable):
        return table.take(places)
    if is_made_by(table, "pandas"):
        return table.iloc[places]
    return table.take(places) if is_made_by(table, "pyarrow") else table[places]
