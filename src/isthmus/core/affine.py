"""The affine layer, before it has numbers."""

from __future__ import annotations

import math

import equinox as eqx
from jaxtyping import Array

from isthmus.core.parameter_specs import constant, uniform


class Affine(eqx.Module):
    """x W + b."""

    matrix: Array  # [inputs, outputs]
    bias: Array  # [outputs]

    def __call__(self, x: Array) -> Array:
        return x @ self.matrix + self.bias


def affine(inputs: int, outputs: int, gain: float = 1.0) -> Affine:
    """Return an affine layer of parameter specs: W starts uniform in ±gain · sqrt(6 / (inputs + outputs)), b as 0.

    References
    ----------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """
    limit = gain * math.sqrt(6 / (inputs + outputs))
    return Affine(matrix=uniform((inputs, outputs), limit), bias=constant((outputs,)))
