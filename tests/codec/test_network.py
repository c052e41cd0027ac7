"""The network in whole numbers: exact whatever the order of terms, and near the one that was trained."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from isthmus.codec.network import EXACT, EXPONENTIALS, MOST_SYMBOLS, STEPS, TOP, IntegerNetwork, outlets, round_weights
from isthmus.codec.training import Weights, bucketed, log_likelihood

RANDOM = np.random.Generator(np.random.Philox(5))


def test_the_table_is_that_of_the_exponential_function() -> None:
    exact = [int((Decimal(-i) / STEPS).exp() * TOP) for i in range(len(EXPONENTIALS) - 1)]
    assert np.abs(EXPONENTIALS[:-1] - np.array(exact)).max() <= 1
    assert EXPONENTIALS[-1] == 0
    assert (np.diff(EXPONENTIALS) < 0).all() or (np.diff(EXPONENTIALS) <= 0).all()
    assert EXPONENTIALS.max() * MOST_SYMBOLS <= EXACT


def any_network(columns: int = 3, symbols: int = 20, hidden: int = 16) -> tuple[IntegerNetwork, np.ndarray, Weights]:
    starts = np.arange(columns + 1) * symbols
    weights = Weights(
        RANDOM.normal(0, 0.5, (columns * symbols + 1, hidden)),
        RANDOM.uniform(0, 1, (columns, hidden)),
        RANDOM.normal(0, 0.5, (columns * symbols, hidden)),
        RANDOM.normal(0, 1, columns * symbols),
    )
    return round_weights(weights, starts), starts, weights


def test_products_are_those_of_whole_numbers() -> None:
    network, starts, _ = any_network()
    total = RANDOM.integers(-120, 120, (50, 16)).astype(np.int32)
    hidden = network.hidden(total, 1)
    outlet = outlets(network, starts)[1]
    exact = hidden.astype(np.int64) @ network.outputs[20:40].T.astype(np.int64) + network.output_bias[20:40]
    below = (exact.max(axis=1, keepdims=True) - exact) >> int(network.shifts[1])
    assert (outlet.chances(hidden) == EXPONENTIALS[np.minimum(below, len(EXPONENTIALS) - 1)]).all()
    order = RANDOM.permutation(16)
    shuffled = type(outlet)(np.ascontiguousarray(outlet.weights[order]), outlet.bias, outlet.scale)
    assert (shuffled.chances(hidden[:, order]) == outlet.chances(hidden)).all()
    one = np.concatenate([outlet.chances(row[None]) for row in hidden])
    assert (one == outlet.chances(hidden)).all()


def test_the_rounded_network_says_what_the_trained_one_does() -> None:
    network, starts, weights = any_network()
    symbols = RANDOM.integers(0, 20, (40, 3))
    features = np.stack([symbols + starts[:-1], np.full((40, 3), 61)], axis=2).astype(np.int32)
    before = np.full((40, 1), 61, np.int32)
    floats = Weights(*(np.asarray(array, np.float32) for array in weights))
    expected = np.asarray(log_likelihood(floats, features, before, symbols, starts, bucketed([20, 20, 20])))
    total = np.zeros((40, 16), np.int32)
    for column, outlet in enumerate(outlets(network, starts)):
        chances = outlet.chances(network.hidden(total, column)).astype(np.float64)
        logs = np.log(chances[np.arange(40), symbols[:, column]] / chances.sum(axis=1))
        assert np.abs(logs - expected[:, column]).max() < 0.3
        assert np.abs(logs - expected[:, column]).mean() < 0.06
        total += network.inputs[features[:, column, 0]]


def test_a_network_whose_sums_would_not_be_exact_is_refused() -> None:
    network, starts, _ = any_network(hidden=1024)
    large = IntegerNetwork(
        network.inputs, network.hidden_bias, np.full_like(network.outputs, 127), network.output_bias, network.shifts
    )
    with pytest.raises(OverflowError):
        outlets(large, starts)
