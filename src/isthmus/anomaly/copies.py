"""Copies of autoencoders, fitted with other seeds: those of one together, where they see rows alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from isthmus.estimators._reconstructor import Reconstructor
from isthmus.training.callbacks import Callback


def fitted_copies(
    templates: Sequence[Reconstructor],
    count: int,
    rows: Any,
    weight: np.ndarray,
    seed: int,
    paths: Iterator[Any],
    callbacks: Sequence[Callback] = (),
) -> list[tuple[Reconstructor, ...]]:
    """Return fitted copies of autoencoders: those of one together, where they see rows alike, else each by itself.

    Parameters
    ----------
    templates : the autoencoders, which stay as they are.
    count : how many copies of each.
    rows, weight : the table, and the weights of its rows, [n].
    seed : what the seeds of the copies come from.
    paths : a checkpoint, or None, for each copy in turn.
    callbacks : of each of them.
    """
    seeds = np.random.SeedSequence(seed).generate_state(len(templates) * count).tolist()
    models = [
        clone(templates[i % len(templates)])
        .set_params(random_state=start)
        .fit(rows, sample_weight=weight, checkpoint=next(paths), callbacks=callbacks)
        for i, start in enumerate(seeds)
    ]
    groups = [tuple(models[i :: len(templates)]) for i in range(len(templates))]
    if all(see_alike(group[0], other) for group in groups for other in group[1:]):
        return groups
    return [(model,) for model in models]


def see_alike(model: Reconstructor, other: Reconstructor) -> bool:
    """Say whether two fitted autoencoders are given a row in the same form and on the same scale."""
    first, second = model.fitted_, other.fitted_
    if first.row != second.row or first.reader.learned.keys() != second.reader.learned.keys():
        return False
    return all(np.array_equal(array, second.reader.learned[name]) for name, array in first.reader.learned.items())
