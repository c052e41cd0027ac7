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
    "AnomalyDetector": "isthmus.anomaly.detector",
    "Imputer": "isthmus.estimators.imputer",
    "NetworkClassifier": "isthmus.estimators.classifier",
    "NetworkRanker": "isthmus.estimators.ranker",
    "NetworkRegressor": "isthmus.estimators.regressor",
    "StackedAutoencoder": "isthmus.estimators.stacked",
    "WordVectors": "isthmus.estimators.word_vectors",
    "load": "isthmus.storage.state",
    **dict.fromkeys(
        (
            "adversarial",
            "contractive",
            "convolutional",
            "denoising",
            "embedding",
            "generalized",
            "importance_weighted",
            "k_sparse",
            "sparse",
            "variational",
        ),
        "isthmus.presets",
    ),
    "check_gradients": "isthmus.analysis.gradients",
    "compare_optimizers": "isthmus.analysis.optimizers",
    "diagnose": "isthmus.analysis.diagnose",
    "exciting_inputs": "isthmus.analysis.maximal_inputs",
    "explained_variance_ratio": "isthmus.analysis.explained_variance",
    "log_likelihood": "isthmus.analysis.log_likelihood",
    "pool": "isthmus.analysis.pooling",
    "from_equinox": "isthmus.layers.equinox_module",
    **dict.fromkeys(("clean_series", "join_windows", "series_error", "windows"), "isthmus.analysis.series"),
    "CheckpointError": "isthmus.errors",
    "Diverged": "isthmus.errors",
    "InvalidData": "isthmus.errors",
    "InvalidPart": "isthmus.errors",
    "IsthmusError": "isthmus.errors",
    "MissingExtra": "isthmus.errors",
    "ModelFileError": "isthmus.errors",
    "UnknownPart": "isthmus.errors",
}
__all__ = [*_PLACES]  # noqa: PLE0604 -- the names are texts
_ROOMS = (
    "activations",
    "affinities",
    "backbones",
    "bottlenecks",
    "corruptions",
    "likelihoods",
    "neighborhoods",
    "optimizers",
    "penalties",
    "priors",
    "scalings",
    "schedules",
    "stops",
    "texts",
)


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import isthmus` alone loads no numerics."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"isthmus.parts.{name}")
    if name[:1].isupper():
        found = {room: part for room in _ROOMS if (part := _in_room(room, name)) is not None}
        if len(found) > 1:
            several = " or ".join(f"isthmus.{room}.{name}" for room in found)
            raise AttributeError(f"isthmus.{name} could be {several}: write which.")
        if found:
            return next(iter(found.values()))
    raise AttributeError(f"module 'isthmus' has no attribute {name!r}")


def _in_room(room: str, name: str) -> Any:
    return getattr(importlib.import_module(f"isthmus.parts.{room}"), name, None)


def __dir__() -> list[str]:
    return sorted([*_PLACES, "__version__"])
