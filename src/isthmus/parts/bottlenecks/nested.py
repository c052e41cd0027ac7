"""A code whose units are in order: each first part of it is a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import LAST_STEP, Affine, Arrays, Bottleneck, Code, Finish, Neck, TrainedNetwork, affine
from isthmus.errors import require, require_within
from isthmus.layers.ordered_code import count_units, explained_shares
from isthmus.parts.bottlenecks._normal_code import MOST_DRAWS


@dataclass(frozen=True)
class Nested(Bottleneck):
    """A linear code of `size` numbers of which, in training, only the first b pass and the others are zero.

    b is drawn uniformly from 1 to `size`, so one number must describe the row as well as it can, so must two, and so
    on: the first says most. Where the network is linear and the loss the squared error, the units become the principal
    components in their order. Each row is decoded at `draws` lengths at once, one from each of as many equal stretches
    of 1 … size; at `size` draws these are all lengths, and nothing is left to chance.

    `explained_variance_ratio_` tells, after `fit`, what each unit adds.

    Parameters
    ----------
    size : numbers in the code, at least 1.
    keeps : share of the variance, in (0, 1]: after training the code is cut to the fewest first units that explain as
        much of the training rows, as `n_components=0.95` does in PCA. 1 keeps all.
    draws : lengths at which each row is decoded in training, from 1 on, at most `size` of them.

    References
    ----------
    Rippel, Gelbart and Adams (2014), Learning ordered representations with nested dropout.

    Examples
    --------
    >>> from isthmus.core.parameter_specs import assemble, draw_weights
    >>> skeleton = Nested(3, draws=3).build(width=2)
    >>> code = assemble(skeleton, draw_weights(skeleton, 0) + 1)(jnp.ones((1, 2)), jax.random.key(0))
    >>> (code.draws != 0)[:, 0].astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """

    size: int
    keeps: float = 1.0
    draws: int = 4

    fact_names = ("explained_variance_ratio",)

    def __post_init__(self) -> None:
        require(self.size >= 1, "Nested.size", "at least 1", self.size)
        require(0 < self.keeps <= 1, "Nested.keeps", "in (0, 1]", self.keeps)
        require_within(self.draws, 1, MOST_DRAWS, "Nested.draws")

    def can_copy(self, columns: int) -> bool:
        return False  # the order is to be learned, whatever the size

    def build(self, width: int) -> Neck:
        return NestedNeck(affine(width, self.size), draws=min(self.draws, self.size))

    def finish(self, network: TrainedNetwork) -> Finish:
        """Return what each unit explains of the sample, and the bottleneck of the first that explain enough."""
        ratio = explained_shares(network)
        count = self.size if self.keeps == 1 else count_units(ratio, self.keeps)
        return Finish({"explained_variance_ratio": ratio[:count]}, self.replace(size=count))

    def check_facts(self, facts: Mapping[str, Any]) -> Arrays:
        ratio: Any = facts["explained_variance_ratio"]
        is_list = isinstance(ratio, list) and {type(share) for share in ratio} == {float}
        require(is_list and len(ratio) == self.size, "explained_variance_ratio", f"{self.size} numbers", ratio)
        return {"explained_variance_ratio": np.array(ratio)}


class NestedNeck(Neck):
    is_random = True

    affine: Affine
    draws: int = eqx.field(static=True)

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        point = self.affine(hidden)
        if key is None:
            return Code(point[None], point)
        n, size = point.shape
        place = jnp.arange(self.draws)[:, None] + jax.random.uniform(key, (self.draws, n))
        last = jnp.floor(place * (size / self.draws)).astype(jnp.int32)  # [draws, n], the last unit that passes
        return Code(jnp.where(jnp.arange(size) <= last[..., None], point, 0), point)

    def slopes(self, hidden: Array) -> tuple[Array, Array]:
        return jnp.ones((len(hidden), self.affine.matrix.shape[1])), self.affine.matrix

    def baseline(self, code: Array) -> Array:
        return jnp.zeros(code.shape[1])
