"""Rows spread evenly through a table."""

from __future__ import annotations

import numpy as np

from isthmus.contracts import Blocks


def sampled(blocks: Blocks, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most about `most` rows, evenly spaced, [n, d] float64, and their weights [n]."""
    stride = -(-sum(len(weight) for _, weight in blocks()) // most)
    picked, start = [], 0
    for x, weight in blocks():
        picked.append((x[-start % stride :: stride], weight[-start % stride :: stride]))
        start += len(weight)
    rows = np.concatenate([rows for rows, _ in picked]).astype(np.float64)
    return rows, np.concatenate([weights for _, weights in picked])
