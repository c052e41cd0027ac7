"""Convolution over the steps of a sequence, as a matrix product of windows (why, says `convolution/`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Activation
from isthmus.core.affine import Affine
from isthmus.core.parameter_specs import constant, uniform
from isthmus.layers.recurrence.layers import States, dropped


class Window(eqx.Module):
    """a(K * x + b): every step of what comes out sees `kernel` steps of `x` around it; beyond the ends stand zeros."""

    affine: Affine  # K [kernel · inputs, outputs] and b
    activation: Callable[[Array], Array]
    kernel: int = eqx.field(static=True)

    def __call__(self, x: Array) -> Array:
        """Return [n, steps, outputs] of `x` [n, steps, inputs]."""
        before = (self.kernel - 1) // 2
        padded = jnp.pad(x, ((0, 0), (before, self.kernel - 1 - before), (0, 0)))
        shifted = [padded[:, i : i + x.shape[1]] for i in range(self.kernel)]
        return self.activation(self.affine(jnp.concatenate(shifted, axis=-1)))


class Windows(eqx.Module):
    """Convolutions on top of each other, with inverted dropout after each; what lies behind an end stays zero."""

    layers: tuple[Window, ...]
    dropout: float | None

    def __call__(self, x: Array, mask: Array | None = None, key: Array | None = None) -> States:
        """Return what the last layer gives for `x` [n, steps, width], where `mask` [n, steps] is not False."""
        for i, layer in enumerate(self.layers):
            x = dropped(layer(x), self.dropout, None if key is None else jax.random.fold_in(key, i))
            x = x if mask is None else jnp.where(mask[:, :, None], x, 0)
        if mask is None:
            return States(x, x[:, -1])
        end = x.shape[1] - 1 - jnp.argmax(mask[:, ::-1], axis=1)
        return States(x, jnp.take_along_axis(x, end[:, None, None], axis=1)[:, 0])


def window(kernel: int, inputs: int, outputs: int, activation: Activation) -> Window:
    """Return a convolution of specs: K starts uniform in ±gain · sqrt(6 / (kernel · (inputs + outputs))), b as 0."""
    limit = activation.gain * math.sqrt(6 / (kernel * (inputs + outputs)))
    affine = Affine(uniform((kernel * inputs, outputs), limit), constant((outputs,)))
    return Window(affine, activation.build(outputs), kernel)
