"""The network of a codec in whole numbers, so that every machine computes the same chances, to the bit.

Inputs are looked up and added as integers. Hidden units are integers in [0, 127], outputs small integers, and their
products are summed in float32, which is exact in any order while sums stay below 2^24. The chances are looked up in a
table of integers. Ballé, Johnston and Minnen (2019), Integer networks for data compression with latent-variable models;
Uria et al. (2016), Neural autoregressive distribution estimation.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from isthmus.codec.symbols import MOST_SYMBOLS
from isthmus.codec.training import Weights

UNIT = 32  # of inputs and hidden units, for 1.0
MOST_INPUT = 127
MOST_HIDDEN = 127
MOST_OUTPUT = 127
MOST_BIAS = 2**22
EXACT = 2**24  # below which float32 has every whole number
STEPS = 64  # of the table in a factor of e
TOP = 2**16  # of the table; MOST_SYMBOLS times as many are EXACT
FACTOR, FACTOR_BITS = 1_082_465_279_991, 40  # exp(-1/64) in 40 bits


def _exponentials() -> np.ndarray:
    """Return exp(-i / STEPS) in units of TOP, as far as it is not 0; whole numbers by whole numbers."""
    values, value = [], TOP << 32
    while value >> 32:
        values.append(value >> 32)
        value = value * FACTOR >> FACTOR_BITS
    return np.array([*values, 0], np.float64)


EXPONENTIALS = _exponentials()


@dataclass(frozen=True)
class IntegerNetwork:
    """A network of whole numbers: inputs, hidden units of each column, outputs of each symbol."""

    inputs: np.ndarray  # [features, hidden] int8
    hidden_bias: np.ndarray  # [columns, hidden] int32
    outputs: np.ndarray  # [symbols, hidden] int8
    output_bias: np.ndarray  # [symbols] int32
    shifts: np.ndarray  # [columns] int32: outputs are in units of 2^-shift / STEPS

    def hidden(self, total: np.ndarray, column: int) -> np.ndarray:
        """Return the hidden units before a column, [n, hidden] float32, from sums of inputs [n, hidden] int32."""
        return np.clip(total + self.hidden_bias[column], 0, MOST_HIDDEN).astype(np.float32)


@dataclass(frozen=True)
class Outlet:
    """The outputs of one column, laid out for products."""

    weights: np.ndarray  # [hidden, symbols] float32
    bias: np.ndarray  # [symbols] float32
    scale: np.float32

    def chances(self, hidden: np.ndarray) -> np.ndarray:
        """Return how likely each symbol is, [n, symbols] float64: whole numbers that sum to at most 2^24."""
        logits = hidden @ self.weights
        logits += self.bias
        below = logits.max(axis=1, keepdims=True) - logits
        below *= self.scale
        places = below.astype(np.int32)
        return EXPONENTIALS[np.minimum(places, len(EXPONENTIALS) - 1, out=places)]


def round_weights(weights: Weights, starts: np.ndarray) -> IntegerNetwork:
    """Return a network of whole numbers near the weights of a trained one; `starts` are where columns begin."""
    shifts, outputs, biases = [], [], []
    for first, last in itertools.pairwise(starts):
        largest = float(np.abs(weights.outputs[first:last]).max()) + 1e-9
        power = int(np.clip(np.floor(np.log2(MOST_OUTPUT / largest)), 1, 12))
        shifts.append(power - 1)
        bias = weights.output_bias[first:last] - weights.output_bias[first:last].max()
        outputs.append(np.clip(np.rint(weights.outputs[first:last] * 2.0**power), -MOST_OUTPUT, MOST_OUTPUT))
        biases.append(np.clip(np.rint(bias * (UNIT * 2.0**power)), -MOST_BIAS, MOST_BIAS))
    return IntegerNetwork(
        np.clip(np.rint(weights.inputs * UNIT), -MOST_INPUT, MOST_INPUT).astype(np.int8),
        np.rint(weights.hidden_bias * UNIT).astype(np.int32),
        np.concatenate(outputs).astype(np.int8),
        np.concatenate(biases).astype(np.int32),
        np.array(shifts, np.int32),
    )


def outlets(network: IntegerNetwork, starts: np.ndarray) -> list[Outlet]:
    """Return the outputs of each column.

    Raises
    ------
    OverflowError
        If a sum could be too large to be exact.
    """
    answer = []
    for column, (first, last) in enumerate(itertools.pairwise(starts)):
        weights = network.outputs[first:last].astype(np.float32)
        bias = network.output_bias[first:last]
        largest = np.abs(weights).sum(axis=1) * MOST_HIDDEN + np.abs(bias)
        if largest.max() * 2 >= EXACT or last - first > MOST_SYMBOLS:
            raise OverflowError
        scale = np.float32(2.0 ** -int(network.shifts[column]))
        answer.append(Outlet(np.ascontiguousarray(weights.T), bias.astype(np.float32), scale))
    return answer
