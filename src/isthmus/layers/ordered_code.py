"""Codes whose units are in order: what each explains, and how many of the first are enough."""

from __future__ import annotations

import numpy as np

from isthmus.contracts import TrainedNetwork

ROUNDING = 1e-6  # of a share: so little less than asked for is as much


def explained_shares(network: TrainedNetwork) -> np.ndarray:
    """Return the share of the variance of the network's sample of rows that each unit of the code adds, [size].

    The first units are decoded beside the baseline of the others. Values that are missing do not count, nor do
    categories, whose numbers have no variance.
    """
    rows, codes = network.sample, network.encode(network.sample)
    baseline = network.baseline(codes)
    observed = ~np.isnan(rows) & network.is_number
    values = np.where(observed, rows, 0)
    mean = values.sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
    total = float(np.square(values - mean, where=observed, out=np.zeros_like(values)).sum())
    errors, size = [total], len(baseline)
    for count in range(1, size + 1):
        cut = codes.copy()
        cut[:, count:size] = baseline[count:]
        errors.append(float(np.where(observed, np.square(network.decode(cut) - values), 0).sum(dtype=np.float64)))
    return -np.diff(errors) / max(total, np.finfo(float).tiny)


def count_units(shares: np.ndarray, enough: float) -> int:
    """Return how many first units explain a share of the variance, all where they do not.

    Examples
    --------
    >>> count_units(np.array([0.6, 0.3, 0.1]), 0.9), count_units(np.array([0.6, 0.3]), 0.95)
    (2, 2)
    """
    is_enough = np.cumsum(shares) >= enough - ROUNDING
    return int(is_enough.argmax()) + 1 if is_enough.any() else len(shares)
