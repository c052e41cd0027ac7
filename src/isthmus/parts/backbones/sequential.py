"""Layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.contracts import Backbone, BackboneModule, Row
from isthmus.core.spelling import resolve
from isthmus.errors import require
from isthmus.layers.chain import Chain, chain_of, widths_of

MOST_LAYERS = 1000


@dataclass(frozen=True)
class Sequential(Backbone):
    """Layers in the order in which they stand, each as it is spelled; a decoder has them in the same order.

    Parameters
    ----------
    layers : `"linear(64)"`, h = x W + b; any activation, as `"gelu"` or `"leaky_relu(0.2)"`; `"dropout(0.1)"`;
        `"scale"`, h = a x + b unit by unit, which batch normalisation is once its statistics are kept. Of an
        `nn.Sequential` of PyTorch, given as `encoder=`, they are its layers, with its weights.

    Examples
    --------
    >>> encoder, width = Sequential(("linear(64)", "gelu", "dropout(0.1)", "linear(32)")).encoder(Row((9,)))
    >>> width, encoder.layers[0].function.matrix.shape
    (32, (9, 64))
    """

    layers: tuple[str, ...] = ("linear(64)", "relu", "linear(32)", "relu")

    if TYPE_CHECKING:  # a list becomes a tuple

        def __init__(self, layers: Sequence[str] = ("linear(64)", "relu", "linear(32)", "relu")) -> None: ...

    def __post_init__(self) -> None:
        require(len(self.layers) <= MOST_LAYERS, "Sequential.layers", f"at most {MOST_LAYERS} layers", len(self.layers))
        chain_of(self.layers, 1)  # it says what is wrong with one

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._chain(row.size)

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._chain(size)

    @property
    def reversed(self) -> Backbone:
        """A perceptron of the same widths: what comes after what may be anything here, and cannot be turned round."""
        return resolve(Backbone, f"mlp({widths_of(self.layers)!r})")

    def _chain(self, inputs: int) -> tuple[Chain, int]:
        return chain_of(self.layers, inputs)
