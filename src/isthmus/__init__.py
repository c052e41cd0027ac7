"""Autoencoders with scikit-learn's face and JAX underneath.

>>> import isthmus
>>> ae = isthmus.Autoencoder(8)  # an undercomplete autoencoder, 8-dimensional code
"""

from __future__ import annotations

import importlib
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

__version__ = _version("isthmus")

if TYPE_CHECKING:  # what is imported when it is asked for, as type checkers and editors see it
    from isthmus.analysis.codes import compare_codes as compare_codes
    from isthmus.analysis.diagnose import diagnose as diagnose
    from isthmus.analysis.explained_variance import explained_variance_ratio as explained_variance_ratio
    from isthmus.analysis.gradients import check_gradients as check_gradients
    from isthmus.analysis.log_likelihood import log_likelihood as log_likelihood
    from isthmus.analysis.maximal_inputs import exciting_inputs as exciting_inputs
    from isthmus.analysis.optimizers import compare_optimizers as compare_optimizers
    from isthmus.analysis.pooling import pool as pool
    from isthmus.analysis.series import clean_series as clean_series
    from isthmus.analysis.series import expected_series as expected_series
    from isthmus.analysis.series import join_windows as join_windows
    from isthmus.analysis.series import series_error as series_error
    from isthmus.analysis.series import windows as windows
    from isthmus.anomaly.detector import AnomalyDetector as AnomalyDetector
    from isthmus.core.part import Part as Part
    from isthmus.core.registry import find_part as find_part
    from isthmus.core.registry import part_kinds as part_kinds
    from isthmus.core.registry import part_names as part_names
    from isthmus.core.registry import search_parts as search_parts
    from isthmus.data.sources import open_table as open_table
    from isthmus.errors import CheckpointError as CheckpointError
    from isthmus.errors import Diverged as Diverged
    from isthmus.errors import InvalidData as InvalidData
    from isthmus.errors import InvalidPart as InvalidPart
    from isthmus.errors import IsthmusError as IsthmusError
    from isthmus.errors import MissingExtra as MissingExtra
    from isthmus.errors import ModelFileError as ModelFileError
    from isthmus.errors import UnknownParameter as UnknownParameter
    from isthmus.errors import UnknownPart as UnknownPart
    from isthmus.estimators.autoencoder import Autoencoder as Autoencoder
    from isthmus.estimators.classifier import NetworkClassifier as NetworkClassifier
    from isthmus.estimators.imputer import Imputer as Imputer
    from isthmus.estimators.ranker import NetworkRanker as NetworkRanker
    from isthmus.estimators.regressor import NetworkRegressor as NetworkRegressor
    from isthmus.estimators.stacked import StackedAutoencoder as StackedAutoencoder
    from isthmus.estimators.word_vectors import WordVectors as WordVectors
    from isthmus.layers.equinox_module import from_equinox as from_equinox
    from isthmus.presets import adversarial as adversarial
    from isthmus.presets import contractive as contractive
    from isthmus.presets import convolutional as convolutional
    from isthmus.presets import denoising as denoising
    from isthmus.presets import embedding as embedding
    from isthmus.presets import generalized as generalized
    from isthmus.presets import importance_weighted as importance_weighted
    from isthmus.presets import k_sparse as k_sparse
    from isthmus.presets import sparse as sparse
    from isthmus.presets import tabular as tabular
    from isthmus.presets import variational as variational
    from isthmus.storage.files import write_file as write_file
    from isthmus.storage.state import file_info as file_info
    from isthmus.storage.state import load as load

_PLACES = {
    "Autoencoder": "isthmus.estimators.autoencoder",
    "AnomalyDetector": "isthmus.anomaly.detector",
    "Imputer": "isthmus.estimators.imputer",
    "NetworkClassifier": "isthmus.estimators.classifier",
    "NetworkRanker": "isthmus.estimators.ranker",
    "NetworkRegressor": "isthmus.estimators.regressor",
    "StackedAutoencoder": "isthmus.estimators.stacked",
    "WordVectors": "isthmus.estimators.word_vectors",
    **dict.fromkeys(("file_info", "load"), "isthmus.storage.state"),
    "open_table": "isthmus.data.sources",
    "write_file": "isthmus.storage.files",
    "Part": "isthmus.core.part",
    **dict.fromkeys(("find_part", "part_kinds", "part_names", "search_parts"), "isthmus.core.registry"),
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
            "tabular",
            "variational",
        ),
        "isthmus.presets",
    ),
    "check_gradients": "isthmus.analysis.gradients",
    "compare_codes": "isthmus.analysis.codes",
    "compare_optimizers": "isthmus.analysis.optimizers",
    "diagnose": "isthmus.analysis.diagnose",
    "exciting_inputs": "isthmus.analysis.maximal_inputs",
    "explained_variance_ratio": "isthmus.analysis.explained_variance",
    "log_likelihood": "isthmus.analysis.log_likelihood",
    "pool": "isthmus.analysis.pooling",
    "from_equinox": "isthmus.layers.equinox_module",
    **dict.fromkeys(
        ("clean_series", "expected_series", "join_windows", "series_error", "windows"), "isthmus.analysis.series"
    ),
    "CheckpointError": "isthmus.errors",
    "Diverged": "isthmus.errors",
    "InvalidData": "isthmus.errors",
    "InvalidPart": "isthmus.errors",
    "IsthmusError": "isthmus.errors",
    "MissingExtra": "isthmus.errors",
    "ModelFileError": "isthmus.errors",
    "UnknownParameter": "isthmus.errors",
    "UnknownPart": "isthmus.errors",
}
__all__ = [*_PLACES]  # noqa: PLE0604 -- the names are texts
_KINDS = (
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
    if name in _KINDS:
        return importlib.import_module(f"isthmus.parts.{name}")
    if name[:1].isupper():
        parts = {kind: part for kind in _KINDS if (part := _part_of(kind, name)) is not None}
        if len(parts) > 1:
            places = " or ".join(f"isthmus.{kind}.{name}" for kind in parts)
            raise AttributeError(f"isthmus.{name} could be {places}: write which.")
        if parts:
            return next(iter(parts.values()))
    raise AttributeError(f"module 'isthmus' has no attribute {name!r}")


def _part_of(kind: str, name: str) -> Any:
    return getattr(importlib.import_module(f"isthmus.parts.{kind}"), name, None)


def __dir__() -> list[str]:
    return sorted([*_PLACES, "__version__"])
