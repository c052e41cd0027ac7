"""Word vectors, and layers over the words of a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from jaxtyping import Array

from isthmus.contracts import Activation, Backbone, BackboneModule, Row, affine, spelling
from isthmus.errors import InvalidPart, require
from isthmus.layers.recurrence.cells import Kind
from isthmus.layers.recurrence.embedding import TokenEmbedding, TokenOutput, vectors
from isthmus.layers.recurrence.encoder_decoder import RecurrentDecoder, SequenceOutput
from isthmus.layers.recurrence.layers import Stack, Unroll, layer
from isthmus.layers.recurrence.windows import Windows, window

MOST_LAYERS = 100


@dataclass(frozen=True)
class Text(Backbone):
    """A vector for each token of a text, convolutions or recurrent layers over them, and the largest of each unit.

    Rows hold tokens as codes 0, 1, … in order, NaN behind the end of the text, as the text `tokens` makes them. With
    `road="conv"` the decoder makes of the code all steps by one affine layer, then convolves; with `"recurrent"` the
    code enters a recurrent layer at every step. One output layer serves all steps.

    Parameters
    ----------
    hidden : widths of the layers from the tokens towards the code; the decoder mirrors them.
    embedding : size of the vectors.
    road : `"conv"` or `"recurrent"`.
    kernel : tokens that a step of a convolution sees.
    cell : of recurrent layers, `"simple"`, `"gru"` or `"lstm"`.
    bidirectional : each recurrent layer of the encoder also reads from the end, and is twice as wide.
    pooling : what of the steps becomes the row: the `"max"` or `"mean"` of each unit, the `"last"` step of the text, or
        `"none"` for all steps side by side, which keeps their order.
    activation : of the convolutions, of the candidates of cells.
    dropout : chance of a unit to be dropped in training, in [0, 1).

    References
    ----------
    Collobert et al. (2011), Natural language processing (almost) from scratch.
    Kim (2014), Convolutional neural networks for sentence classification.

    Examples
    --------
    >>> encoder, width = Text((32,), embedding=16).encoder(Row((8,), categories=(100,) * 8, may_be_missing=True))
    >>> width, encoder.vectors.shape, encoder.layers.layers[0].affine.matrix.shape
    (32, (100, 16), (48, 32))
    """

    hidden: tuple[int, ...] = (64,)
    embedding: int = 64
    road: Literal["conv", "recurrent"] = "conv"
    kernel: int = 3
    cell: Kind = "gru"
    bidirectional: bool = False
    pooling: Literal["max", "mean", "last", "none"] = "max"
    activation: Activation = spelling("tanh")
    dropout: float = 0.0

    reads_tokens = True

    def __post_init__(self) -> None:
        is_depth = 1 <= len(self.hidden) <= MOST_LAYERS and min(self.hidden) >= 1
        require(is_depth, "Text.hidden", f"1 to {MOST_LAYERS} widths of at least 1", self.hidden)
        require(self.embedding >= 1, "Text.embedding", "at least 1", self.embedding)
        require(self.kernel >= 1, "Text.kernel", "at least 1", self.kernel)
        require(0 <= self.dropout < 1, "Text.dropout", "in [0, 1)", self.dropout)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        ways = 2 if self.bidirectional and self.road == "recurrent" else 1
        pairs = list(zip([self.embedding, *(ways * width for width in self.hidden)], self.hidden, strict=False))
        steps = self._steps(row) if self.pooling == "none" else 1
        layers = (
            Stack(tuple(layer(self.cell, a, b, self.activation, self.bidirectional, self.dropout) for a, b in pairs))
            if self.road == "recurrent"
            else self._windows(pairs)
        )
        return TokenEmbedding(
            vectors(self._values(row), self.embedding), layers, self.pooling
        ), steps * ways * self.hidden[-1]

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        steps, widths = self._steps(row), tuple(reversed(self.hidden))
        if self.road == "recurrent":
            pairs = pairwise((size, *widths))
            layers = tuple(layer(self.cell, a, b, self.activation, dropout=self.dropout) for a, b in pairs)
            return RecurrentDecoder(Unroll(layers, steps, is_reversed=False)), steps * widths[-1]
        first = affine(size, steps * widths[0], self.activation.gain)
        made = self._windows(list(pairwise(widths)))
        return TokenOutput(first, self.activation.build(widths[0]), made, steps), steps * widths[-1]

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        steps = self._steps(row)
        is_multiple = total >= steps and total % steps == 0
        require(is_multiple, "the output of Text", f"a multiple of the {steps} tokens of a row", total)
        return SequenceOutput(affine(width // steps, total // steps), steps, total // steps)

    def _windows(self, pairs: list[tuple[int, int]]) -> Windows:
        return Windows(tuple(window(self.kernel, a, b, self.activation) for a, b in pairs), self.dropout or None)

    def _steps(self, row: Row) -> int:
        self._values(row)
        return row.size

    def _values(self, row: Row) -> int:
        """Return how many tokens there are."""
        if row.categories is None or 0 in row.categories or len(row.shape) > 1:
            raise InvalidPart(
                "Text reads tokens in order, and these rows hold no such: pass texts with text='tokens', or use the "
                "backbone 'mlp'."
            )
        return max(row.categories)
