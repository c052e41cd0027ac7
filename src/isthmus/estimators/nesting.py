"""A detector, with the autoencoders in it, to one model file and back."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from isthmus import modelfile
from isthmus.errors import InvalidPart, ModelFileError
from isthmus.estimators.detector import AnomalyDetector
from isthmus.estimators.oddness import PARTS, Oddness
from isthmus.estimators.reconstructor import Reconstructor
from isthmus.estimators.storing import described, filled, packed, read
from isthmus.estimators.thresholds import HeldOutScores
from isthmus.modelfile import Opened
from isthmus.values import short

OWN = {"spread": "F32", "points": "F32", "weight": "F32", "means": "F64"}
"""The arrays beside each autoencoder, and their types."""


def save(detector: AnomalyDetector, path: str | os.PathLike[str]) -> None:
    """Write a fitted detector to a model file."""
    header: dict[str, Any] = {
        "kind": "model",
        "version": version("isthmus"),
        "estimator": type(detector).__name__,
        "parameters": detector._settings,
        "offset": detector.offset_,
        "models": [],
    }
    tensors = {f"held_out.{name}": array for name, array in detector._held_out._asdict().items()}
    for i, one in enumerate(detector._oddness):
        inner, arrays = packed(one.model)
        header["models"].append(inner)
        arrays |= {f"oddness.{name}": getattr(one, name) for name in OWN}
        tensors |= {f"{i}.{name}": array for name, array in arrays.items()}
    modelfile.write(path, header, tensors)


def load(opened: Opened) -> AnomalyDetector:
    """Return the detector of a file whose header has been checked.

    Raises
    ------
    ModelFileError
        If it describes none.
    """
    header = opened.header
    if header.get("estimator") != AnomalyDetector.__name__ or not isinstance(header.get("parameters"), dict):
        raise ModelFileError(f"{opened.path} is damaged: it holds models in a {short(header.get('estimator'))}.")
    try:
        detector = AnomalyDetector.from_json(header["parameters"])
        detector._check_settings()
    except InvalidPart as error:
        raise ModelFileError(f"{opened.path} describes no detector that can be built: {error}") from error
    models, offset = header["models"], header.get("offset")
    if not isinstance(models, list) or not models or not all(isinstance(inner, dict) for inner in models):
        raise ModelFileError(f"{opened.path} is damaged: its models are {short(models)}.")
    if type(offset) is not float:
        raise ModelFileError(f"{opened.path} is damaged: its offset is {short(offset)}.")
    parts = [_part(opened, inner, f"{i}.") for i, inner in enumerate(models)]
    empty = [_described(part) for part in parts]
    _check_held_out(opened, parts)
    tensors = read(opened)
    found = []
    for i, model in enumerate(empty):
        own = {name.removeprefix(f"{i}."): array for name, array in tensors.items() if name.startswith(f"{i}.")}
        arrays = {name: own[f"oddness.{name}"] for name in OWN}
        rest = {name: array for name, array in own.items() if not name.startswith("oddness.")}
        found.append(Oddness(filled(model, rest), neighbors=int(detector.neighbors), **arrays))
    held_out = HeldOutScores(tensors["held_out.score"], tensors["held_out.weight"])
    _check_values(opened, found, held_out)
    detector._set(found, held_out, offset)
    return detector


def _part(opened: Opened, header: dict[str, Any], prefix: str) -> Opened:
    """Return the file as if it held one of its models only."""
    tensors = {name.removeprefix(prefix): is_ for name, is_ in opened.tensors.items() if name.startswith(prefix)}
    return replace(opened, header=header, tensors=tensors)


def _described(part: Opened) -> Reconstructor:
    """Return one of the autoencoders, unfilled, all shapes compared."""
    own = {name: part.tensors.get(f"oddness.{name}") for name in OWN}
    rest = {name: is_ for name, is_ in part.tensors.items() if name.removeprefix("oddness.") not in OWN}
    model = described(replace(part, tensors=rest))
    if not isinstance(model, Reconstructor):
        raise ModelFileError(f"{part.path} is damaged: a {type(model).__name__} in it is no autoencoder.")
    size = model._row.size
    count = own["weight"][1][0] if own["weight"] and len(own["weight"][1]) == 1 else 0
    shapes = {"spread": (2, size), "points": (count, size), "weight": (count,), "means": (PARTS,)}
    for name, kind in OWN.items():
        if own[name] != (kind, shapes[name]):
            came = "is missing" if own[name] is None else f"is {own[name]}"
            raise ModelFileError(f"{part.path} is damaged: oddness.{name} {came}; {kind} {shapes[name]} is due.")
    return model


def _check_held_out(opened: Opened, parts: list[Opened]) -> None:
    """Raise `ModelFileError` where held-out scores are not there, or there is more than a detector has."""
    score, weight = (opened.tensors.get(f"held_out.{name}") for name in HeldOutScores._fields)
    if score is None or score != weight or score[0] != "F64" or len(score[1]) != 1 or not score[1][0]:
        raise ModelFileError(f"{opened.path} is damaged: its held-out scores are {short(score)}, {short(weight)}.")
    if len(opened.tensors) != 2 + sum(len(part.tensors) for part in parts):
        raise ModelFileError(f"{opened.path} is damaged: it has tensors of no model.")


def _check_values(opened: Opened, found: list[Oddness], held_out: HeldOutScores) -> None:
    """Raise `ModelFileError` where spreads, weights or means are none."""
    wrong = (held_out.weight <= 0).any() or any(
        (one.spread <= 0).any() or (one.weight <= 0).any() or (one.means < 0).any() for one in found
    )
    sizes = {one.model.n_features_in_ for one in found}
    if wrong or len(sizes) > 1:
        raise ModelFileError(f"{opened.path} is damaged: its detector cannot be what a fit leaves.")
