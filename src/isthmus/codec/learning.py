"""What a codec learns of a table: alphabets, and a network of whole numbers over them."""

from __future__ import annotations

import numpy as np

from isthmus.codec.lanes import LANE, Layout
from isthmus.codec.network import IntegerNetwork, round_weights
from isthmus.codec.symbols import Alphabet, cost, filled_forward, fit_alphabet
from isthmus.codec.training import train

WORTH = 0.85  # of the bits without the row before: where it takes fewer with it, the order of the rows says something
EVERY = 40  # rows, one is learned as if it were the first


def fit_alphabets(numbers: np.ndarray, special: np.ndarray, history: bool | None) -> tuple[list[Alphabet], bool]:
    """Return the alphabets of the columns of a table [n, columns], and whether they look at the row before."""
    columns = list(zip(numbers.T, (special < 0).T, strict=True))
    alone = [fit_alphabet(values, is_known, False) for values, is_known in columns]
    if history is False or len(numbers) < 2:
        return alone, False
    following = [fit_alphabet(values, is_known, True) for values, is_known in columns]
    if history is None:
        bits = [0.0, 0.0]
        for choice, alphabets in enumerate((alone, following)):
            for alphabet, (values, is_known) in zip(alphabets, columns, strict=True):
                filled = filled_forward(values, is_known)
                places = np.diff(filled, prepend=filled[:1]) if alphabet.follows else filled
                bits[choice] += cost(places[is_known], alphabet.edges)
        history = bits[1] < WORTH * bits[0]
    return (following, True) if history else (alone, False)


def fit_network(
    layout: Layout, numbers: np.ndarray, special: np.ndarray, hidden: int, steps: int, seed: int
) -> IntegerNetwork:
    """Return the network for the rows of a table [n, columns]."""
    parts = [_examples(layout, numbers, special, LANE if layout.history else 1)]
    if layout.history:
        parts.append(_examples(layout, numbers[::EVERY], special[::EVERY], 1))
    features, before, symbols = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    sizes = np.diff(layout.starts).tolist()
    weights = train(features, before, symbols, sizes, layout.n_features, hidden, steps, seed)
    return round_weights(weights, layout.starts)


def _examples(layout: Layout, numbers: np.ndarray, special: np.ndarray, lane: int) -> tuple[np.ndarray, ...]:
    """Return what `train` takes of rows: their features, those of the rows before, and their symbols."""
    rows = layout.rows(numbers.copy(), special.copy(), np.ones(numbers.shape[1], bool), lane)
    n, none = len(numbers), layout.n_features
    features = np.full((n, numbers.shape[1], 2), none, np.int32)
    for column, (place, alphabet) in enumerate(zip(layout.places, layout.alphabets, strict=True)):
        features[:, column, 0] = rows.features[:, place]
        if alphabet.follows:
            features[:, column, 1] = rows.features[:, place + 1]
    if not layout.history:
        return features, np.full((n, 1), none, np.int32), rows.symbols
    before = np.full((n, layout.width), none, np.int32)
    before[1:] = rows.features[:-1] + layout.inputs[-1]
    is_first = np.arange(n) % lane == 0
    before[is_first] = none
    before[is_first, 0] = layout.nothing
    return features, before, rows.symbols
