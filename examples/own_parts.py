"""Your own corruption, penalty and backbone, ten lines each: they spell, train, save and load like the library's."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import isthmus
from isthmus.contracts import Backbone, BackboneModule, Corruption, ForwardPass, Penalty, Row
from isthmus.layers.equinox_module import from_equinox


@dataclass(frozen=True)
class Dimming(Corruption):
    """Multiply each row by a factor between `least` and 1."""

    least: float = 0.5

    def __call__(self, x: Any, key: Any) -> Any:
        return x * jax.random.uniform(key, (len(x), *[1] * (x.ndim - 1)), minval=self.least, maxval=1.0)


@dataclass(frozen=True)
class Decorrelation(Penalty):
    """The squared correlations between units of the code, over the batch."""

    weight: float = 0.1

    def __call__(self, forward: ForwardPass) -> Any:
        z = forward.code.point - jnp.mean(forward.code.point, axis=0)
        covariance = z.T @ z / len(z)
        return jnp.sum(jnp.square(covariance)) - jnp.sum(jnp.square(jnp.diagonal(covariance)))


@dataclass(frozen=True)
class Highway(Backbone):
    """A perceptron of Equinox on either side."""

    width: int = 64

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        return self._layers(row.size), self.width

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        return self._layers(size), self.width

    def _layers(self, inputs: int) -> BackboneModule:
        return from_equinox(eqx.nn.MLP(inputs, self.width, self.width, depth=1, key=jax.random.key(0)))


def main() -> None:
    """Train with the parts above, save, load, and compare."""
    X = load_digits().data
    ae = isthmus.Autoencoder(
        8, encoder="highway(48)", corruption=Dimming(0.7), penalties="decorrelation", max_epochs=20
    )
    codes = ae.fit_transform(X)
    print(
        f"validation loss {ae.history_[0]['validation_loss']:.1f} at first, "
        f"{ae.history_[-1]['validation_loss']:.1f} at last"
    )
    print(f"its last record: {ae.history_[-1]}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.safetensors"
        ae.save(path)
        again = isthmus.load(path)  # this module is imported, so its parts are known
    print(f"loaded: the codes are {'the same' if np.array_equal(again.transform(X), codes) else 'others'}")


if __name__ == "__main__":
    main()
