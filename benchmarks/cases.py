"""The cases: which rows, which network, how many steps; the rows from a folder, or made up of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

LEARNING_RATE = 1e-3
SHUTTLE_ROWS, SHUTTLE_COLUMNS, SHUTTLE_HELD_OUT = 49_097, 9, 9_097
MNIST_ROWS, MNIST_COLUMNS, MNIST_HELD_OUT = 60_000, 784, 10_000

Rows = tuple[np.ndarray, np.ndarray]
"""Rows to train on and rows held out, both float32 [n, d] and scaled."""


@dataclass(frozen=True)
class Targets:
    """What isthmus is to reach, beside a first fit no slower than the slowest of the baselines."""

    warm: float  # times the fastest peer
    compiling: float = np.inf  # seconds that a first fit may take longer than a later one
    rate: float = 0.0  # share of the matrix-product rate
    memory: float = np.inf  # times the data


@dataclass(frozen=True)
class Case:
    """One autoencoder on one table: ReLU layers, a linear code and output, Adam, squared error."""

    name: str
    rows: Callable[[Path | None], Rows]
    hidden: tuple[int, ...]
    code: int
    batch: int
    epochs: int
    targets: Targets

    def widths(self, columns: int) -> list[int]:
        """Return the width of every layer from the row to its reconstruction."""
        return [columns, *self.hidden, self.code, *reversed(self.hidden), columns]

    def layers(self, columns: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the inputs and outputs of each layer, and whether it ends in ReLU."""
        pairs = list(pairwise(self.widths(columns)))
        linear = (len(self.hidden), len(pairs) - 1)
        for number, (inputs, outputs) in enumerate(pairs):
            yield inputs, outputs, number not in linear

    def steps(self, rows: int) -> int:
        """Return the steps of a fit; the last batch of an epoch may be shorter."""
        return self.epochs * -(-rows // self.batch)

    def flop(self, rows: int, columns: int) -> int:
        """Return the operations in the matrix products of a fit.

        2 · rows · in · out a layer forward, as much again for the gradient of its weights and of its input; the
        first layer's input needs none.
        """
        sizes = [2 * inputs * outputs for inputs, outputs, _ in self.layers(columns)]
        return self.epochs * rows * (3 * sum(sizes) - sizes[0])


def shuttle(folder: Path | None, rows: int) -> Rows:
    """Return the first rows of the shuttle table, shuffled, standardised by them, and the table's last rows."""
    if folder is None:
        x = made_up(SHUTTLE_ROWS, SHUTTLE_COLUMNS)
    else:
        with np.load(folder / "adbench" / "32_shuttle.npz", allow_pickle=False) as file:
            x = file["X"].astype(np.float64)
        x = x[np.random.default_rng(0).permutation(len(x))]
    train, held_out = x[:rows], x[-SHUTTLE_HELD_OUT:]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return _float32((train - mean) / deviation), _float32((held_out - mean) / deviation)


def mnist(folder: Path | None) -> Rows:
    """Return the training and the test images of MNIST, [0, 1]."""
    if folder is None:
        x = made_up(MNIST_ROWS + MNIST_HELD_OUT, MNIST_COLUMNS).clip(0, 1)
        return _float32(x[:MNIST_ROWS]), _float32(x[MNIST_ROWS:])
    with np.load(folder / "mnist" / "mnist.npz", allow_pickle=False) as file:
        return tuple(_float32(file[name].reshape(-1, MNIST_COLUMNS) / 255) for name in ("x_train", "x_test"))


def made_up(rows: int, columns: int) -> np.ndarray:
    """Return rows bent out of three hidden numbers, with a little noise, [rows, columns]."""
    normal = partial(np.random.default_rng(0).standard_normal, dtype=np.float32)
    hidden = np.tanh(normal((rows, 3)) @ normal((3, 16)))
    return hidden @ normal((16, columns)) / 4 + np.float32(0.1) * normal((rows, columns))


def _float32(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x, np.float32)


CASES = {
    case.name: case
    for case in (
        Case(
            "small",
            lambda folder: shuttle(folder, 10_000),
            (64, 32),
            4,
            batch=32,
            epochs=5,
            targets=Targets(6, compiling=1.5),
        ),
        Case("table", lambda folder: shuttle(folder, 40_000), (64, 32), 4, batch=256, epochs=10, targets=Targets(2)),
        Case("image", mnist, (512, 128), 32, batch=256, epochs=3, targets=Targets(1, rate=0.8, memory=3)),
    )
}
