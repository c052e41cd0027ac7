"""Recurrent layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from jaxtyping import Array

from isthmus.contracts import Activation, Backbone, BackboneModule, Row, affine, spelling
from isthmus.errors import InvalidPart, require
from isthmus.layers.recurrence.cells import Kind
from isthmus.layers.recurrence.encoder_decoder import RecurrentDecoder, RecurrentEncoder, SequenceOutput
from isthmus.layers.recurrence.layers import Stack, Unroll, layer

MOST_LAYERS = 100


@dataclass(frozen=True)
class Recurrent(Backbone):
    """Layers s_t = f(x_t U + s_{t−1} W) over the steps of a sequence; the decoder writes o_t = g(s_t V) from the code.

    The encoder ends with the state at each row's own last step: where rows are of differing lengths, what lies behind
    the end changes nothing. In the decoder the code enters at every step, and no step sees what another one gave. It
    writes the last step first, as the encoder's state is nearest to that; where rows are of differing lengths the first
    step comes first, because that is the one at which all of them stand. One layer o = s V, the output layer of the
    likelihood, serves all steps.

    Parameters
    ----------
    hidden : widths of the layers from the row towards the code; the decoder mirrors them.
    cell : `"simple"`, `"gru"` or `"lstm"`.
    activation : of the simple cell's state, of the candidate in the others (and of the memory that an LSTM shows).
    bidirectional : each layer of the encoder also reads from the last step to the first, and is twice as wide.
    dropout : chance of a unit to be dropped in training on its way up to the next layer, in [0, 1); in time none is.
    pooling : what of the states becomes the row: `"last"`, or their `"mean"` or `"max"` over the steps.
    shape : (steps, features) of a row, in this order in the columns of a flat table; None takes the shape of the rows
        of a list of sequences or an array with 3 axes, and each column of a flat table as one step.

    References
    ----------
    Elman (1990), Finding structure in time.
    Hochreiter and Schmidhuber (1997), Long short-term memory.
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder for statistical machine translation.
    Srivastava, Mansimov and Salakhutdinov (2015), Unsupervised learning of video representations using LSTMs.

    Examples
    --------
    >>> encoder, width = Recurrent((64,), cell="lstm").encoder(Row((20, 3), is_sequence=True))
    >>> width, encoder.stack.layers[0].forward.recurrent.shape
    (64, (64, 256))
    """

    hidden: tuple[int, ...] = (64,)
    cell: Kind = "gru"
    activation: Activation = spelling("tanh")
    bidirectional: bool = False
    dropout: float = 0.0
    pooling: Literal["last", "mean", "max"] = "last"
    shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        is_depth = 1 <= len(self.hidden) <= MOST_LAYERS and min(self.hidden) >= 1
        require(is_depth, "Recurrent.hidden", f"1 to {MOST_LAYERS} widths of at least 1", self.hidden)
        require(0 <= self.dropout < 1, "Recurrent.dropout", "in [0, 1)", self.dropout)
        is_shape = self.shape is None or (len(self.shape) == 2 and min(self.shape) >= 1)
        require(is_shape, "Recurrent.shape", "(steps, features), each at least 1", self.shape)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        shape, ways = self._shape(row), 1 + self.bidirectional
        widths = [shape[1], *(ways * width for width in self.hidden)]
        layers = tuple(
            layer(self.cell, inputs, width, self.activation, self.bidirectional, self.dropout)
            for inputs, width in zip(widths, self.hidden, strict=False)
        )
        return RecurrentEncoder(Stack(layers), shape, self.pooling, row.may_be_missing), widths[-1]

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        steps, widths = self._shape(row)[0], [size, *reversed(self.hidden)]
        layers = tuple(
            layer(self.cell, inputs, width, self.activation, dropout=self.dropout) for inputs, width in pairwise(widths)
        )
        return RecurrentDecoder(Unroll(layers, steps, is_reversed=not row.may_be_missing)), steps * widths[-1]

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        steps, features = self._shape(row)
        is_multiple = total >= row.size and total % row.size == 0
        require(is_multiple, "the output of Recurrent", f"a multiple of the {row.size} numbers of a row", total)
        return SequenceOutput(affine(width // steps, total // row.size * features), steps, total // row.size)

    def _shape(self, row: Row) -> tuple[int, int]:
        """Return the steps of a row, and the features of each."""
        if self.shape is not None:
            is_size = math.prod(self.shape) == row.size
            require(is_size, "Recurrent.shape", f"a shape of {row.size} numbers, as a row has", self.shape)
            return self.shape
        if len(row.shape) > 2:
            raise InvalidPart(
                f"Recurrent needs sequences, and a row of shape {row.shape} does not say which: write "
                "shape=(steps, features)."
            )
        return row.shape[0], row.size // row.shape[0]
