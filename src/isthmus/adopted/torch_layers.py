"""Layers of PyTorch as encoders and decoders, with the weights that they have; nothing of PyTorch is imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from isthmus.adopted._own import Own
from isthmus.adopted.backbone import Held, StartedAsHeld
from isthmus.contracts import Backbone, BackboneModule, Row
from isthmus.core.extras import is_made_by
from isthmus.core.registry import find_part
from isthmus.errors import InvalidPart
from isthmus.layers.chain import Chain

Arrays = list[np.ndarray]
Converted = tuple[list[str], Arrays]  # layers as `sequential` spells them, and their weights in order

PLAIN = {
    **dict.fromkeys(("Flatten", "Identity", "Unflatten"), ""),
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "SiLU": "function('silu')",
    "Mish": "function('mish')",
    "SELU": "function('selu')",
    "ReLU6": "function('relu6')",
}
"""Layers without settings; rows are flat here as they come."""


class StartedChain(StartedAsHeld, Chain):
    """Layers whose weights start as they are."""


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class TorchLayers(Own, Backbone, abstract=True):
    """An `nn.Sequential`: a model file holds it as the backbone `sequential`, with the weights that training left."""

    held: Any
    part: Backbone  # that backbone
    arrays: Arrays  # the weights, in order

    def to_json(self) -> dict[str, Any]:
        return self.part.to_json()

    def __str__(self) -> str:
        return str(self.part)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._started(*self.part.encoder(row), row.size, "a row")

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._started(*self.part.decoder(row, size), size, "a code")

    @property
    def reversed(self) -> Backbone:
        return self.part.reversed

    def _started(self, module: BackboneModule, width: int, inputs: int, what: str) -> tuple[BackboneModule, int]:
        takes = self.arrays[0].shape[0] if self.arrays else inputs
        if takes != inputs:
            raise InvalidPart(f"the Sequential takes {takes:,} numbers, and {what} has {inputs:,}: give it that many.")
        assert isinstance(module, Chain)  # noqa: S101 -- it is what `sequential` builds
        return StartedChain(module.layers, Held(self.arrays)), width


def adopted_layers(value: Any) -> Backbone | None:
    """Return the backbone that an `nn.Sequential` is; None for what is nothing of PyTorch's.

    Raises
    ------
    InvalidPart
        If it is another module of PyTorch, or holds a layer that has no counterpart.
    """
    if not is_made_by(value, "torch", "Module"):
        return None
    if not is_made_by(value, "torch", "Sequential"):
        raise InvalidPart(
            f"{type(value).__name__} of PyTorch: expected an nn.Sequential of Linear, activations, Dropout and "
            "BatchNorm1d. Put its layers into one."
        )
    layers, arrays = _converted(value)
    return TorchLayers(value, find_part("backbones", "sequential")(tuple(layers)), arrays)


def _converted(module: Any) -> Converted:
    """Return the layers of a module, and of those inside it."""
    if is_made_by(module, "torch", "Sequential"):
        parts = [_converted(layer) for layer in module]
        return [name for names, _ in parts for name in names], [array for _, arrays in parts for array in arrays]
    name = type(module).__name__
    if name in PLAIN:
        return ([PLAIN[name]] if PLAIN[name] else []), []
    if name not in LAYERS:
        known = ", ".join(sorted({*LAYERS, *PLAIN} - {"Identity", "Unflatten"}))
        raise InvalidPart(f"the layer {name} of PyTorch has no counterpart here. There are: {known}.")
    return LAYERS[name](module)


def _linear(module: Any) -> Converted:
    matrix = _numbers(module.weight).T  # [inputs, outputs]
    bias = np.zeros(matrix.shape[1], np.float32) if module.bias is None else _numbers(module.bias)
    return [f"linear({matrix.shape[1]})"], [np.ascontiguousarray(matrix), bias]


def _normalised(module: Any) -> Converted:
    """Return batch normalisation as it is in inference: a factor and a shift of each unit."""
    if module.running_var is None:
        raise InvalidPart("BatchNorm1d of PyTorch: expected one that keeps its statistics, track_running_stats=True.")
    factor = 1 / np.sqrt(_numbers(module.running_var) + np.float32(module.eps))
    factor = factor if module.weight is None else factor * _numbers(module.weight)
    shift = -_numbers(module.running_mean) * factor
    return ["scale"], [factor, shift if module.bias is None else shift + _numbers(module.bias)]


def _gelu(module: Any) -> Converted:
    is_exact = getattr(module, "approximate", "none") == "none"
    return ["gelu" if is_exact else "function('gelu')"], []


def _numbers(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)


LAYERS: dict[str, Callable[[Any], Converted]] = {
    "Linear": _linear,
    "BatchNorm1d": _normalised,
    "GELU": _gelu,
    "LeakyReLU": lambda module: ([f"leaky_relu({float(module.negative_slope)!r})"], []),
    "ELU": lambda module: ([f"elu({float(module.alpha)!r})"], []),
    "Dropout": lambda module: ([f"dropout({float(module.p)!r})"], []),
}
