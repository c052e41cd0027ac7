"""What a model file holds of a detector: its autoencoders, their neighbors, and the scores held out."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.anomaly.scores import PARTS, NeighborScore
from isthmus.anomaly.thresholds import ValidationScores
from isthmus.core.coercion import short
from isthmus.errors import ModelFileError
from isthmus.estimators._kept import compare_shapes, field, finite
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._storing import loaded, nested
from isthmus.storage.container import Opened

OWN = {"spread": "F32", "points": "F32", "weight": "F32", "means": "F64"}
"""The arrays beside each autoencoder, and their types."""
MOST_MODELS = 10_000


def told(found: list[NeighborScore], held_out: ValidationScores) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what a file holds of them: a header and tensors."""
    header: dict[str, Any] = {"models": len(found)}
    tensors = {f"held_out.{name}": array for name, array in held_out._asdict().items()}
    for i, one in enumerate(found):
        inner, arrays = nested(f"model{i}", one.model)
        header |= inner
        tensors |= arrays | {f"oddness{i}.{name}": getattr(one, name) for name in OWN}
    return header, tensors


def taken(opened: Opened, neighbors: int) -> tuple[list[NeighborScore], ValidationScores]:
    """Return what `told` was given, from a file that may hold anything.

    Raises
    ------
    ModelFileError
        If it is nothing that `told` returns.
    """
    count = field(opened, "models", int)
    if not 1 <= count <= MOST_MODELS:
        raise ModelFileError(f"{opened.path} is damaged: it tells of {count} models.")
    models = [_model(opened, f"model{i}") for i in range(count)]
    own = {name: is_ for name, is_ in opened.tensors.items() if not name.startswith(_prefixes(count))}
    compare_shapes(Opened(opened.path, opened.header, own), _due(opened, models))
    tensors = finite(opened)
    found = [
        NeighborScore(model, neighbors=neighbors, **{name: tensors[f"oddness{i}.{name}"] for name in OWN})
        for i, model in enumerate(models)
    ]
    held_out = ValidationScores(tensors["held_out.score"], tensors["held_out.weight"])
    _check_values(opened, found, held_out)
    return found, held_out


def _prefixes(count: int) -> tuple[str, ...]:
    return tuple(f"model{i}." for i in range(count))


def _model(opened: Opened, name: str) -> Reconstructor:
    model = loaded(opened.inside(name))
    if not isinstance(model, Reconstructor):
        raise ModelFileError(f"{opened.path} is damaged: a {type(model).__name__} in it is no autoencoder.")
    return model


def _due(opened: Opened, models: list[Reconstructor]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the types and shapes of the tensors beside the models; some axes are as long as the file says."""
    rows = max(_length(opened, "held_out.score"), 1)
    due: dict[str, tuple[str, tuple[int, ...]]] = dict.fromkeys(
        [f"held_out.{name}" for name in ValidationScores._fields], ("F64", (rows,))
    )
    for i, model in enumerate(models):
        size, points = model._row.size, _length(opened, f"oddness{i}.weight")
        shapes: list[tuple[int, ...]] = [(2, size), (points, size), (points,), (PARTS,)]  # in the order of OWN
        names = [f"oddness{i}.{name}" for name in OWN]
        due |= dict(zip(names, zip(OWN.values(), shapes, strict=True), strict=True))
    return due


def _length(opened: Opened, name: str) -> int:
    """Return how long a tensor of one axis is, 0 where it is none: then its shape is not the one that is due."""
    _, shape = opened.tensors.get(name, ("", ()))
    return shape[0] if len(shape) == 1 else 0


def _check_values(opened: Opened, found: list[NeighborScore], held_out: ValidationScores) -> None:
    """Raise `ModelFileError` where spreads, weights or means are none."""
    wrong = (held_out.weight <= 0).any() or any(
        (one.spread <= 0).any() or (one.weight <= 0).any() or (one.means < 0).any() for one in found
    )
    sizes = {one.model.n_features_in_ for one in found}
    if wrong or len(sizes) > 1:
        raise ModelFileError(f"{opened.path} is damaged: its detector cannot be what a fit leaves.")


def offset(opened: Opened) -> float:
    """Return the offset that a file tells."""
    found = opened.header.get("offset")
    if type(found) is not float:
        raise ModelFileError(f"{opened.path} is damaged: its offset is {short(found)}.")
    return found
