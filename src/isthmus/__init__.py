"""Autoencoders with scikit-learn's face and JAX underneath.

>>> import isthmus
>>> ae = isthmus.Autoencoder(8)  # an undercomplete autoencoder, 8-dimensional code
"""

from __future__ import annotations

import importlib
import re
from importlib.metadata import version as _version
from pathlib import Path
from typing import Any

__version__ = _version("isthmus")

_PLACES = {
    "Autoencoder": "isthmus.estimators.autoencoder",
    "AnomalyDetector": "isthmus.anomaly.detector",
    "Codec": "isthmus.codec.codec",
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
    "compare_seeds": "isthmus.analysis.seeds",
    "diagnose": "isthmus.analysis.diagnose",
    "disclosures": "isthmus.analysis.disclosures",
    "exciting_inputs": "isthmus.analysis.maximal_inputs",
    "explained_variance_ratio": "isthmus.analysis.explained_variance",
    "to_images": "isthmus.analysis.images",
    "log_likelihood": "isthmus.analysis.log_likelihood",
    "odd_rows": "isthmus.analysis.odd_rows",
    "check_onnx": "isthmus.onnx.parity",
    "pool": "isthmus.analysis.pooling",
    "report": "isthmus.reports.page",
    **dict.fromkeys(("from_pretrained", "push_to_hub"), "isthmus.hub.transfer"),
    "Epoch": "isthmus.training.callbacks",
    "ProgressBar": "isthmus.training.progress_bar",
    "TensorBoard": "isthmus.training.tensorboard",
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
    if name == "plots":
        return importlib.import_module("isthmus.plots")
    if name in _KINDS:
        return importlib.import_module(f"isthmus.parts.{name}")
    if name[:1].isupper():
        parts = {kind: part for kind in _KINDS if (part := _part_of(kind, name)) is not None}
        if len(parts) > 1:
            places = " or ".join(f"isthmus.{kind}.{name}" for kind in parts)
            raise AttributeError(f"isthmus.{name} could be {places}: write which.")
        if parts:
            return next(iter(parts.values()))
    hint = "" if name.startswith("_") else _hint(name)
    raise AttributeError(f"module 'isthmus' has no attribute {name!r}{hint}")


def _hint(name: str) -> str:
    """Return `. Did you mean …?` for a word of the field, or a near miss; else nothing."""
    synonyms = importlib.import_module("isthmus.core.synonyms")
    suggestion = importlib.import_module("isthmus.errors").suggestion
    parts = {kind: synonyms.meant_part(kind, name, ())[0] for kind in synonyms.PARTS}
    for kind, part in parts.items():
        if part != name:
            where = f"isthmus.{part}(…)" if part in _PLACES else f"{part!r}, of isthmus.{kind}"
            return f". Did you mean {where}?"
    near: str = suggestion(name, __dir__())
    return f".{near}" if near else ""


def _part_of(kind: str, name: str) -> Any:
    return getattr(importlib.import_module(f"isthmus.parts.{kind}"), name, None)


def __dir__() -> list[str]:
    """Return what there is, as the stub beside this file lists it: parts by name, though none has been imported yet."""
    stub = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    return sorted(re.findall(r"(?:import .* as |^)(\w+)(?:$|: str$)", stub, re.MULTILINE))
