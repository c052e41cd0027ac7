"""Reasons: which column, had it been as the other columns expect it, would have made a row usual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.anomaly.scores import NeighborScore
from isthmus.anomaly.tables import Marked, added_by_columns, marked_blocks
from isthmus.data.source import Source

AT_ONCE = 8192  # rows that are scored at a time
CANDIDATES = 32  # of a row, the columns that add most to its score, and those furthest from what is expected


def explained(
    scores: Sequence[NeighborScore], sources: Sequence[Source], *, is_own: bool, of_nothing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scores of rows [n], the share of each column in them, and what the others expect there, [n, d] each.

    What is expected is scaled, as the first model sees it.

    Parameters
    ----------
    sources : the table as each model reads it.
    is_own : as in `NeighborScore.contributions`.
    of_nothing : the score of a row without any cell, shared evenly.
    """
    totals, shares, usual = [], [], []
    for marked in marked_blocks(scores, sources):
        expected = [score.expected(rows) for score, (rows, _) in zip(scores, marked, strict=True)]
        added = added_by_columns(scores, marked, is_own=is_own, of_nothing=of_nothing)
        totals.append(added.sum(axis=1))
        shares.append(_shared_by_falls(scores, marked, expected, added, is_own=is_own))
        usual.append(expected[0])
    return np.concatenate(totals), np.concatenate(shares), np.concatenate(usual)


def _shared_by_falls(
    scores: Sequence[NeighborScore],
    marked: Sequence[Marked],
    expected: Sequence[np.ndarray],
    added: np.ndarray,
    *,
    is_own: bool,
) -> np.ndarray:
    """Return the scores of rows, shared among their columns by how far each falls when one column is as expected.

    Of row x with score s, let s_j be that of x with what the other columns expect in place of x_j. Column j gets
    s · max(s − s_j, 0) / Σ max(s − s_i, 0), so that they add up to s. A row whose score no column lowers keeps what the
    columns add.

    Parameters
    ----------
    scores : of each model.
    marked : the rows as each model sees them.
    expected : what the others expect in each of their cells.
    added : what the columns add to the scores, [n, d], the mean over models.
    is_own : as in `NeighborScore.contributions`.
    """
    total = added.sum(axis=1)
    row, column = np.nonzero(_candidates(scores[0], marked[0], expected[0], added))
    after = np.zeros(len(row))
    for start in range(0, len(row), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        for score, (rows, is_unseen), usual in zip(scores, marked, expected, strict=True):
            changed, unseen = rows[row[part]], is_unseen[row[part]]
            place = np.arange(len(changed)), column[part]
            changed[place], unseen[place] = usual[row[part], column[part]], False
            new = score.contributions(changed, unseen, is_own=is_own, origin=rows[row[part]])
            after[part] += new.sum(axis=1) / len(scores)
    fall = np.zeros_like(added)
    fall[row, column] = np.maximum(total[row] - after, 0)
    whole = fall.sum(axis=1, keepdims=True)
    return np.where(whole > 0, total[:, None] * fall / np.where(whole > 0, whole, 1), added)


def _candidates(score: NeighborScore, marked: Marked, expected: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Say which columns of rows are tried, [n, d]: those that hold something, and of many the most suspicious."""
    rows, is_unseen = marked
    is_there = ~np.isnan(rows) | is_unseen
    if rows.shape[1] <= 2 * CANDIDATES:
        return is_there
    distance = np.abs(np.nan_to_num(rows - expected)) / score.spread[0]
    is_among = np.zeros(rows.shape, bool)
    for amounts in (added, distance):
        places = np.argpartition(-amounts, CANDIDATES, axis=1)[:, :CANDIDATES]
        np.put_along_axis(is_among, places, True, axis=1)
    return is_among & is_there
