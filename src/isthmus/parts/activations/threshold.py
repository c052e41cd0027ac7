"""The step of a neuron that fires or does not."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import Activation


@dataclass(frozen=True)
class Threshold(Activation):
    """The step: a(x) = 1 for x >= 0, else 0.

    For weights that are set by hand. Its derivative is zero, so nothing below it can learn: a fit through it is
    refused, and `max_epochs=0` builds a network without training.

    References
    ----------
    McCulloch and Pitts (1943), A logical calculus of the ideas immanent in nervous activity.

    Examples
    --------
    >>> Threshold()(jnp.array([-0.1, 0.0, 2.0])).tolist()
    [0.0, 1.0, 1.0]
    """

    span = (0.0, 1.0)
    has_slope = False

    def __call__(self, x: Array) -> Array:
        return (x >= 0).astype(x.dtype)
