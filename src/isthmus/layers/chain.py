"""Layers in a row, built from their spellings: the modules of the backbone `sequential`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
from jaxtyping import Array

from isthmus.contracts import Activation, BackboneModule, affine, constant
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart, require
from isthmus.layers.dropout import dropout

LINEAR = re.compile(r"linear\((\d{1,7})\)")
DROPOUT = re.compile(r"dropout\((0?\.\d+|0)\)")
SCALE = "scale"


class Chain(BackboneModule):
    """Layers, each given what the one before gives."""

    layers: tuple[Callable[[Array, Array | None], Array], ...]

    def __call__(self, x: Array, key: Array | None) -> Array:
        x = x.reshape(x.shape[0], -1)
        for i, layer in enumerate(self.layers):
            x = layer(x, None if key is None else jax.random.fold_in(key, i))
        return x

    @property
    def is_identity(self) -> bool:
        return not self.layers


class Link(eqx.Module):
    """A layer without noise."""

    function: Callable[[Array], Array]

    def __call__(self, x: Array, key: Array | None) -> Array:
        return self.function(x)


class Dropped(eqx.Module):
    """Where units are dropped in training."""

    rate: float = eqx.field(static=True)

    def __call__(self, x: Array, key: Array | None) -> Array:
        return x if key is None else dropout(x, self.rate, key)


class Scale(eqx.Module):
    """a x + b, unit by unit."""

    factor: Array  # [width]
    shift: Array  # [width]

    def __call__(self, x: Array) -> Array:
        return x * self.factor + self.shift


def chain_of(layers: Sequence[str], inputs: int) -> tuple[Chain, int]:
    """Return layers that take `inputs` numbers, and the width of what they give.

    Raises
    ------
    InvalidPart
        If one is spelled wrongly.
    """
    width, built = inputs, list[Link | Dropped]()
    for place, text in enumerate(layers):
        linear, dropped = LINEAR.fullmatch(text), DROPOUT.fullmatch(text)
        if linear:
            require(int(linear[1]) >= 1, f"Sequential.layers[{place}]", "linear(width) of at least 1", text)
            # What starts an activation behind it is its own gain.
            built.append(Link(affine(width, int(linear[1]), _gain(layers[place + 1 : place + 2]))))
            width = int(linear[1])
        elif dropped:
            built += [Dropped(float(dropped[1]))] if float(dropped[1]) else []
        elif text == SCALE:
            built.append(Link(Scale(constant((width,), 1.0), constant((width,)))))
        else:
            built.append(Link(_activation(text, place).build(width)))
    return Chain(tuple(built)), width


def widths_of(layers: Sequence[str]) -> tuple[int, ...]:
    """Return the widths of the linear layers."""
    return tuple(int(match[1]) for text in layers if (match := LINEAR.fullmatch(text)))


def _activation(text: str, place: int) -> Activation:
    try:
        return resolve(Activation, text)
    except InvalidPart as error:
        raise InvalidPart(
            f"Sequential.layers[{place}]: expected linear(width), dropout(rate), scale or an activation; got {text!r}. "
            f"Of activations: {error}"
        ) from error


def _gain(following: Sequence[str]) -> float:
    is_activation = following and not LINEAR.fullmatch(following[0]) and not DROPOUT.fullmatch(following[0])
    return _activation(following[0], 0).gain if is_activation and following[0] != SCALE else 1.0
