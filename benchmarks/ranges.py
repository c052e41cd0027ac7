"""VUS-PR: how well scores of time steps rank odd stretches, where their ends are not sharp."""

from __future__ import annotations

import numpy as np

THRESHOLDS = 250


def vus_pr(is_odd: np.ndarray, score: np.ndarray, longest: int = 100) -> float:
    """Return the volume under the surface of precision and recall, in [0, 1].

    It is the mean, over buffers of 0 to `longest` steps, of the area under the curve of precision and recall: half of
    a buffer of b steps lies at each side of a stretch, where a step at distance d is odd by √(1 − d / b). Recall
    counts the share of stretches of which at least one step is found, too. With l such labels and p the steps found,
    precision is Σ l p / Σ p, recall min(Σ l p / ((Σ y + Σ y + Σ (l − y) p) / 2), 1), y the labels without a buffer.

    Parameters
    ----------
    is_odd : [steps] bool, with at least one True.
    score : [steps], higher is more anomalous.

    References
    ----------
    Paparrizos et al. (2022), Volume under the surface: a new accuracy evaluation measure for time-series anomaly
    detection, VLDB 15(11); thresholds as in the authors' code, at 250 evenly spaced ranks.
    """
    order = np.argsort(-score, kind="stable")
    descending = score[order]
    threshold = descending[np.linspace(0, len(score) - 1, THRESHOLDS).astype(int)]
    found = np.searchsorted(-descending, -threshold, side="right")  # steps that score as high
    areas = [_area(is_odd, score, order, threshold, found, buffer) for buffer in range(longest + 1)]
    return float(np.mean(areas))


def _area(
    is_odd: np.ndarray, score: np.ndarray, order: np.ndarray, threshold: np.ndarray, found: np.ndarray, buffer: int
) -> float:
    """Return the area under precision and recall with a buffer."""
    label = soft_labels(is_odd, buffer)
    hit = np.cumsum(label[order])[found - 1]
    beside = np.cumsum(np.where(is_odd, 0, label)[order])[found - 1]
    first, last = stretches(is_odd)
    begins = np.append(True, last[:-1] + buffer // 2 < first[1:] - buffer // 2)  # or its buffer is one with the former
    ends = np.append(begins[1:], True)
    whole = zip(np.maximum(first[begins] - buffer // 2, 0), last[ends] + buffer // 2 + 1, strict=True)
    highest = np.array([score[start:end].max() for start, end in whole])
    existence = (highest[:, None] >= threshold).mean(axis=0)
    recall = np.minimum(hit / (is_odd.sum() + beside / 2), 1) * existence
    return float(np.diff(recall, prepend=0) @ (hit / found))


def soft_labels(is_odd: np.ndarray, buffer: int) -> np.ndarray:
    """Return how odd steps are, [steps] in [0, 1]: 1 within stretches, less in the half buffers beside them."""
    label, length = is_odd.astype(float), len(is_odd)
    distance = np.arange(1, buffer // 2 + 1)
    side = np.sqrt(1 - distance / max(buffer, 1))
    for start, end in zip(*stretches(is_odd), strict=True):
        for places in (start - distance, end + distance):
            inside = (places >= 0) & (places < length)
            label[places[inside]] += side[inside]
    return np.minimum(label, 1)


def stretches(is_odd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last step of each stretch."""
    change = np.diff(np.concatenate([[0], is_odd.astype(int), [0]]))
    return np.flatnonzero(change > 0), np.flatnonzero(change < 0) - 1
