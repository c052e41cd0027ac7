"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import equinox as eqx
import jax
from jaxtyping import Array

from isthmus.contracts import Activation, Affine, Backbone, BackboneModule, OwnFunction, Row, affine, spelling
from isthmus.errors import require
from isthmus.layers.chain import Chain
from isthmus.layers.dropout import dropconnect, dropout

MOST_LAYERS, MOST_RANKS = 1000, 10_000


@dataclass(frozen=True)
class MLP(Backbone):
    """Fully connected layers, each h = a(x W + b), with inverted dropout after each, and DropConnect within.

    Parameters
    ----------
    hidden : widths from the row towards the code; the decoder mirrors them. `()` is no hidden layer.
        None chooses two by the number of columns: about four times as many, within 64 and 512, then half.
    activation : of every hidden layer.
    dropout : chance of a unit to be dropped in training, in [0, 1); the others are divided by 1 - dropout.
    dropconnect : chance of a weight in W to be dropped in training, in [0, 1), separately for each row; the others are
        divided by 1 - dropconnect. For many rows of wide layers `layers/dropout.py` draws x W from a normal instead.
    ranks : of how many quantiles of a column its rank is read, 0 or at least 2. From 2 on the encoder is given beside
        each number of a table its rank among the rows of the fit, as the quantile of a normal distribution.

    References
    ----------
    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
    Wan et al. (2013), Regularization of neural networks using DropConnect.
    Gorishniy, Rubachev and Babenko (2022), On embeddings for numerical features in tabular deep learning.

    Examples
    --------
    >>> encoder, width = MLP((64, 32)).encoder(Row((9,)))
    >>> width, encoder.layers[0].affine.matrix.shape
    (32, (9, 64))
    """

    hidden: tuple[int, ...] | None = None
    activation: Activation = spelling("relu")
    dropout: float = 0.0
    dropconnect: float = 0.0
    ranks: int = 0

    if TYPE_CHECKING:  # what may be given is more than what is held: spellings, functions and lists become these

        def __init__(
            self,
            hidden: Sequence[int] | None = None,
            activation: str | Activation | OwnFunction = "relu",
            dropout: float = 0.0,
            dropconnect: float = 0.0,
            ranks: int = 0,
        ) -> None: ...

    def __post_init__(self) -> None:
        require(0 <= self.dropout < 1, "MLP.dropout", "in [0, 1)", self.dropout)
        require(0 <= self.dropconnect < 1, "MLP.dropconnect", "in [0, 1)", self.dropconnect)
        require(
            self.ranks == 0 or 2 <= self.ranks <= MOST_RANKS, "MLP.ranks", f"0, or from 2 to {MOST_RANKS}", self.ranks
        )
        widths = self.hidden or ()
        require(len(widths) <= MOST_LAYERS, "MLP.hidden", f"at most {MOST_LAYERS} widths", len(widths))
        require(min(widths, default=1) >= 1, "MLP.hidden", "widths of at least 1", self.hidden)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._layers([row.size, *self._widths(row)])

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._layers([size, *reversed(self._widths(row))])

    def rank_quantiles(self) -> int:
        return self.ranks

    def _widths(self, row: Row) -> Sequence[int]:
        if self.hidden is not None:
            return self.hidden
        return (first := min(max(2 ** round(math.log2(4 * row.size)), 64), 512)), first // 2

    def _layers(self, widths: Sequence[int]) -> tuple[BackboneModule, int]:
        layers = tuple(
            Layer(
                affine(inputs, outputs, self.activation.gain),
                activation=self.activation.build(outputs),
                # A rate of exactly zero is structure: no random bits are drawn for it.
                dropout=self.dropout or None,
                dropconnect=self.dropconnect or None,
            )
            for inputs, outputs in pairwise(widths)
        )
        return Chain(layers), widths[-1]


class Layer(eqx.Module):
    affine: Affine
    activation: Callable[[Array], Array]
    dropout: float | None
    dropconnect: float | None

    def __call__(self, x: Array, key: Array | None) -> Array:
        if key is None or self.dropconnect is None:
            hidden = self.activation(self.affine(x))
        else:
            hidden = self.activation(dropconnect(self.affine, x, self.dropconnect, jax.random.fold_in(key, 0)))
        return hidden if key is None or self.dropout is None else dropout(hidden, self.dropout, key)
