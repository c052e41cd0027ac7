"""From an estimator to a model file and back."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
from importlib.metadata import version
from typing import Any

import numpy as np

from isthmus import modelfile
from isthmus.contracts import Scaling
from isthmus.errors import InvalidPart, ModelFileError, suggestion
from isthmus.estimators.network import Network
from isthmus.estimators.wording import taken, told
from isthmus.flow import Row
from isthmus.modelfile import MOST_AXES, Opened
from isthmus.parts import resolve
from isthmus.reading import kinds
from isthmus.row_scaling import RowScaling
from isthmus.values import short
from isthmus.weights import slots


def save(estimator: Network, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a model file."""
    modelfile.write(path, *packed(estimator))


def packed(estimator: Network) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what a model file holds of a fitted estimator: a header and tensors."""
    header = {
        "kind": "model",
        "version": version("isthmus"),
        "estimator": type(estimator).__name__,
        # Where it was trained, and how loudly, is not the model's.
        "parameters": estimator._settings | {"device": None, "verbose": 0},
        "row": _told(estimator),
        "has_names": "feature_names_in_" in vars(estimator),
        "form": estimator._form,
        "n_samples": estimator.n_samples_,
        "history": estimator.history_,
        "stop_reason": estimator.stop_reason_,
        "facts": estimator._facts(),
        **told(estimator._wording),
    }
    tensors, offset, weights = {}, 0, np.asarray(estimator._weights)
    for name, slot in slots(estimator._skeleton).items():
        tensors[f"weights.{name}"] = weights[offset : offset + slot.size].reshape(slot.shape)
        offset += slot.size
    tensors |= {f"scaling.{name}": array for name, array in estimator._learned.items()}
    return header, tensors | estimator._more_tensors()


def load(path: str | os.PathLike[str]) -> Any:
    """Return the estimator that was saved to a file; nothing in the file is executed.

    Parameters
    ----------
    path : of a file that `save` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of a newer version, or describes no model that this version knows.
    """
    opened = modelfile.open_file(path, "model")
    if "models" in opened.header:
        from isthmus.estimators.nesting import load as load_nested  # it knows this module

        return load_nested(opened)
    estimator = described(opened)
    return filled(estimator, read(opened))


def described(opened: Opened) -> Network:
    """Return the estimator of a header, unfilled, its shapes compared with those of the tensors."""
    try:
        estimator = _empty(opened)
    except InvalidPart as error:
        raise ModelFileError(f"{opened.path} describes no model that can be built: {error}") from error
    _compare_shapes(estimator, opened)
    return estimator


def read(opened: Opened) -> dict[str, np.ndarray]:
    """Return the tensors of a file, finite."""
    tensors = opened.read()
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"{opened.path} is damaged: {name} holds values that are not finite.")
    return tensors


def filled(estimator: Network, tensors: dict[str, np.ndarray]) -> Network:
    """Return the estimator with its tensors taken."""
    names = [f"weights.{name}" for name in slots(estimator._skeleton)]
    estimator._weights = np.concatenate([tensors[name].ravel() for name in names])
    estimator._learned = {name: tensors[f"scaling.{name}"] for name in estimator._scaling.learned}
    estimator._take_tensors({name: tensors[name] for name in estimator._most_shapes() if name in tensors})
    return estimator


def _told(estimator: Network) -> dict[str, Any]:
    """Return what a row is, as JSON; what most rows are not is left out."""
    row = estimator._row
    told: dict[str, Any] = {"shape": list(row.shape), "columns": estimator._labels}
    if row.is_sequence:
        told["is_sequence"] = True
    if row.has_holes:
        told["has_holes"] = True
    if estimator._scaling.seen:
        told["seen"] = {str(column): list(values) for column, values in estimator._scaling.seen.items()}
    return told


@functools.cache
def estimators() -> dict[str, type[Network]]:
    """Return the estimators by name: the classes of the floor."""
    package = importlib.import_module("isthmus.estimators")
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [c for m in modules for c in vars(m).values() if inspect.isclass(c) and issubclass(c, Network)]
    return {cls.__name__: cls for cls in found if not inspect.isabstract(cls)}


def _empty(opened: Opened) -> Network:
    """Return the estimator of a header, its model built of slots: nothing large is allocated."""
    name = _field(opened, "estimator", str)
    if name not in estimators():
        known = ", ".join(estimators())
        raise ModelFileError(
            f"{opened.path} holds a {short(name)}, which this version does not know.{suggestion(name, estimators())} "
            f"It knows: {known}."
        )
    estimator = estimators()[name].from_json(_field(opened, "parameters", dict))
    estimator._check_settings()
    estimator._settings = estimator.to_json()
    estimator._labels, row = _columns(opened, estimator)
    estimator._row = estimator._described(row)
    scaling = estimator.part("scaling") or resolve(Scaling, "none")
    estimator._scaling = RowScaling(scaling, estimator._row, _seen(opened, estimator._row))
    estimator._form = _field(opened, "form", str)
    if estimator._form not in {kind.__module__.rpartition(".")[2] for kind in kinds()}:
        raise ModelFileError(f"{opened.path} is damaged: it was fitted on a {short(estimator._form)}.")
    estimator._take_facts(_field(opened, "facts", dict) if "facts" in opened.header else {})
    estimator._skeleton = estimator._build(estimator._row)
    estimator.n_components_ = estimator._skeleton.size + len(estimator._skeleton.condition)
    estimator.n_features_in_ = estimator._row.size
    if _field(opened, "has_names", bool) and estimator._row.columns:
        estimator.feature_names_in_ = np.array(estimator._row.columns, dtype=object)
    estimator.n_samples_ = _field(opened, "n_samples", int)
    estimator.history_ = _history(opened)
    estimator.n_iter_ = len(estimator.history_)
    estimator.stop_reason_ = _field(opened, "stop_reason", str)
    return estimator


def _compare_shapes(estimator: Network, opened: Opened) -> None:
    """Raise `ModelFileError` where the tensors of a file are not those of its model."""
    expected = {f"weights.{name}": ("F32", slot.shape) for name, slot in slots(estimator._skeleton).items()}
    for name in estimator._scaling.learned:
        _, shape = opened.tensors.get(f"scaling.{name}", ("", ()))
        axes = estimator._scaling.part.axes
        is_free = len(shape) == axes and 0 not in shape
        rest = shape[:-1] if is_free else (1,) * (axes - 1)
        expected[f"scaling.{name}"] = ("F64", (*rest, estimator._scaling.width))
    for name, most in estimator._most_shapes().items():
        if name not in opened.tensors:
            continue
        _, shape = opened.tensors.get(name, ("", ()))
        is_free = len(shape) == len(most) and shape[0] <= most[0]
        expected[name] = ("F32", (*shape[:1], *most[1:]) if is_free else most)
    for name, due in expected.items():
        found = opened.tensors.get(name)
        if found != due:
            came = "is missing" if found is None else f"is {found[0]} {list(found[1])}"
            raise ModelFileError(f"{opened.path} is damaged: {name} {came}; the model needs {due[0]} {list(due[1])}.")
    if extra := set(opened.tensors) - set(expected):
        raise ModelFileError(f"{opened.path} is damaged: the model has no tensor {min(extra)!r}.")


def _columns(opened: Opened, estimator: Network) -> tuple[list[str | int] | None, Row]:
    """Return the names of the columns and the row; texts tell them by themselves."""
    estimator._wording = taken(opened.header)
    if estimator._wording is None:
        labels = _labels(opened)
        return labels, _row(opened, labels)
    row = estimator._wording.part.row(estimator._wording.learned)
    return None if row.columns is None else list(row.columns), row


def _labels(opened: Opened) -> list[str | int] | None:
    """Return the names of the columns as their frame had them: text, or whole numbers."""
    labels = _field(opened, "row", dict).get("columns")
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(type(label) in (str, int) for label in labels):
        raise ModelFileError(f"{opened.path} is damaged: its columns have no proper names.")
    return labels


def _row(opened: Opened, labels: list[str | int] | None) -> Row:
    shape = _field(opened, "row", dict).get("shape")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= MOST_AXES
    if not is_shape or not all(type(axis) is int and 0 < axis < 2**31 for axis in shape):
        raise ModelFileError(f"{opened.path} is damaged: its rows have the shape {short(shape)}.")
    told = _field(opened, "row", dict)
    flags = {name: told.get(name, False) for name in ("is_sequence", "has_holes")}
    if not all(type(flag) is bool for flag in flags.values()) or (flags["is_sequence"] and len(shape) != 2):
        raise ModelFileError(f"{opened.path} is damaged: its rows are described by {short(told)}.")
    row = Row(tuple(shape), None if labels is None else tuple(map(str, labels)), **flags)
    if row.columns is not None and not len(row.columns) == len(set(row.columns)) == row.size:
        raise ModelFileError(f"{opened.path} is damaged: {row.size} columns have {len(set(row.columns))} names.")
    return row


def _seen(opened: Opened, row: Row) -> dict[int, tuple[int, ...]]:
    """Return the values that columns of codes had in training."""
    seen = _field(opened, "row", dict).get("seen", {})
    is_told = isinstance(seen, dict) and all(column.isdecimal() and isinstance(v, list) for column, v in seen.items())
    codes = row.codes or ()
    if not is_told or not all(int(column) < len(codes) for column in seen):
        raise ModelFileError(f"{opened.path} is damaged: its columns of codes have seen {short(seen)}.")
    for column, values in seen.items():
        if not all(type(value) is int and 0 <= value < codes[int(column)] for value in values):
            raise ModelFileError(f"{opened.path} is damaged: column {column} has seen {short(values)}.")
    return {int(column): tuple(values) for column, values in seen.items()}


def _history(opened: Opened) -> list[dict[str, Any]]:
    history = _field(opened, "history", list)
    for record in history:
        if not isinstance(record, dict) or not all(_may_hold(name, value) for name, value in record.items()):
            raise ModelFileError(f"{opened.path} is damaged: its history holds {short(record)}.")
    return history


def _may_hold(name: str, value: Any) -> bool:
    """Say whether a record may hold a value: numbers, and the name of the stop that ended training."""
    return type(value) is str and value.isidentifier() if name == "stop" else type(value) in (int, float)


def _field(opened: Opened, name: str, kind: type) -> Any:
    value = opened.header.get(name)
    if type(value) is not kind:
        raise ModelFileError(f"{opened.path} is damaged: its {name!r} is not of type {kind.__name__}.")
    return value
