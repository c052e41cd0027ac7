"""Autoencoders with scikit-learn's face and JAX underneath.

>>> import isthmus
>>> ae = isthmus.Autoencoder(8)  # an undercomplete autoencoder, 8-dimensional code
"""

from __future__ import annotations

import importlib
from importlib.metadata import version as _version
from typing import Any

__version__ = _version("isthmus")

_PLACES = {
    "Autoencoder": "isthmus.estimators.autoencoder",
    "load": "isthmus.estimators.storing",
    "CheckpointError": "isthmus.errors",
    "Diverged": "isthmus.errors",
    "InvalidData": "isthmus.errors",
    "InvalidPart": "isthmus.errors",
    "IsthmusError": "isthmus.errors",
    "MissingExtra": "isthmus.errors",
    "ModelFileError": "isthmus.errors",
    "UnknownPart": "isthmus.errors",
}
_ROOMS = ("activations", "backbones", "bottlenecks", "likelihoods", "penalties", "optimizers", "schedules", "stops")


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import isthmus` alone loads no numerics."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    if name[:1].isupper():
        for room in (*_ROOMS, "corruptions", "scalings"):
            try:
                return getattr(importlib.import_module(f"isthmus.{room}"), name)
            except AttributeError:
                continue
    raise AttributeError(f"module 'isthmus' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_PLACES, "__version__"])
