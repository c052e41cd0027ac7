"""From an estimator to a model file and back."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.contracts import Row, Scaling
from isthmus.core.coercion import short
from isthmus.core.parameter_specs import parameter_specs
from isthmus.core.spelling import resolve
from isthmus.data.scaling import TableScaling
from isthmus.data.sources import source_types
from isthmus.errors import InvalidPart, ModelFileError, suggestion
from isthmus.estimators import _tabling as tabling
from isthmus.estimators import _wording as wording
from isthmus.estimators._kept import Kept, compare_shapes, field, finite
from isthmus.storage import container as modelfile
from isthmus.storage.container import MOST_AXES, Opened

if TYPE_CHECKING:
    from isthmus.estimators._network import Network


def told(estimator: Network) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what a file holds of a fitted network: a header and tensors."""
    header = {
        # Where it was trained, and how loudly, is not the model's.
        "parameters": estimator._settings | {"device": None, "verbose": 0},
        "row": _told(estimator),
        "has_names": "feature_names_in_" in vars(estimator),
        "form": estimator._form,
        "n_samples": estimator.n_samples_,
        "history": estimator.history_,
        "stop_reason": estimator.stop_reason_,
        "facts": estimator._facts(),
        **wording.told(estimator._wording),
        **tabling.told(estimator._schema),
    }
    tensors, offset, weights = {}, 0, np.asarray(estimator._weights)
    for name, slot in parameter_specs(estimator._skeleton).items():
        tensors[f"weights.{name}"] = weights[offset : offset + slot.size].reshape(slot.shape)
        offset += slot.size
    tensors |= {f"scaling.{name}": array for name, array in estimator._learned.items()}
    return header, tensors | estimator._more_tensors()


def taken(kind: type[Network], opened: Opened) -> Any:
    """Return the network of a kind that a file holds.

    Raises
    ------
    InvalidPart, ModelFileError
        If the file describes none.
    """
    estimator = _empty(kind, opened)
    compare_shapes(opened, _expected(estimator, opened))
    tensors = finite(opened)
    names = [f"weights.{name}" for name in parameter_specs(estimator._skeleton)]
    estimator._weights = np.concatenate([tensors[name].ravel() for name in names])
    estimator._learned = {name: tensors[f"scaling.{name}"] for name in estimator._scaling.learned}
    estimator._take_tensors({name: tensors[name] for name in estimator._most_shapes() if name in tensors})
    return estimator


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
    return loaded(modelfile.open_file(path, "model"))


def loaded(opened: Opened) -> Any:
    """Return the estimator of a file, or of a model inside one, as `load` does."""
    name = field(opened, "estimator", str)
    if name not in estimators():
        known = ", ".join(estimators())
        raise ModelFileError(
            f"{opened.path} holds a {short(name)}, which this version does not know.{suggestion(name, estimators())} "
            f"It knows: {known}."
        )
    try:
        return estimators()[name]._taken(opened)
    except InvalidPart as error:
        raise ModelFileError(f"{opened.path} describes no model that can be built: {error}") from error


def nested(name: str, estimator: Kept) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what a file holds of a fitted estimator inside another: `loaded(opened.inside(name))` takes it."""
    header, tensors = estimator._told()
    header = {"estimator": type(estimator).__name__, **header}
    return {name: header}, {f"{name}.{each}": tensor for each, tensor in tensors.items()}


def _told(estimator: Network) -> dict[str, Any]:
    """Return what a row is, as JSON; what most rows are not is left out."""
    row = estimator._row
    told: dict[str, Any] = {"shape": list(row.shape), "columns": estimator._labels}
    if row.is_sequence:
        told["is_sequence"] = True
    if row.may_be_missing:
        told["has_holes"] = True
    if row.is_table:
        told["is_mixed"] = True
    if estimator._scaling.seen:
        told["seen"] = {str(column): list(values) for column, values in estimator._scaling.seen.items()}
    return told


@functools.cache
def estimators() -> dict[str, type[Kept]]:
    """Return the estimators by name: the classes of the floor."""
    packages = [importlib.import_module(f"isthmus.{name}") for name in ("estimators", "anomaly")]
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
    ]
    found = [c for m in modules for c in vars(m).values() if inspect.isclass(c) and issubclass(c, Kept)]
    return {cls.__name__: cls for cls in found if not inspect.isabstract(cls)}


def _empty(kind: type[Network], opened: Opened) -> Network:
    """Return the network of a header, its model built of slots: nothing large is allocated."""
    estimator = kind.from_json(field(opened, "parameters", dict))
    estimator._check_settings()
    estimator._settings = estimator.to_json()
    estimator._labels, row = _columns(opened, estimator)
    estimator._row = estimator._with_read_categories(row)
    scaling = estimator.part("scaling") or resolve(Scaling, "none")
    estimator._scaling = TableScaling(scaling, estimator._row, _seen(opened, estimator._row))
    estimator._form = field(opened, "form", str)
    if estimator._form not in {kind.__module__.rpartition(".")[2] for kind in source_types()}:
        raise ModelFileError(f"{opened.path} is damaged: it was fitted on a {short(estimator._form)}.")
    estimator._take_facts(field(opened, "facts", dict) if "facts" in opened.header else {})
    estimator._skeleton = estimator._build(estimator._row)
    estimator.n_components_ = estimator._skeleton.size + len(estimator._skeleton.condition)
    estimator.n_features_in_ = estimator._row.size
    if field(opened, "has_names", bool) and estimator._row.columns:
        estimator.feature_names_in_ = np.array(estimator._row.columns, dtype=object)
    estimator.n_samples_ = field(opened, "n_samples", int)
    estimator.history_ = _history(opened)
    estimator.n_iter_ = len(estimator.history_)
    estimator.stop_reason_ = field(opened, "stop_reason", str)
    return estimator


def _expected(estimator: Network, opened: Opened) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the types and the shapes that the tensors of a file must have; some axes are as long as the file says."""
    expected = {f"weights.{name}": ("F32", slot.shape) for name, slot in parameter_specs(estimator._skeleton).items()}
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
    return expected


def _columns(opened: Opened, estimator: Network) -> tuple[list[str | int] | None, Row]:
    """Return the names of the columns and the row; texts tell them by themselves."""
    estimator._wording = wording.taken(opened.header)
    if estimator._wording is None:
        labels, estimator._schema = _labels(opened), tabling.taken(opened.header)
        row = _row(opened, labels)
        if estimator._schema is None:
            return labels, row
        if row.columns != tuple(estimator._schema.names):
            raise ModelFileError(f"{opened.path} is damaged: its schema has other columns than its rows.")
        return labels, estimator._schema.row()
    row = estimator._wording.part.row(estimator._wording.learned)
    return None if row.columns is None else list(row.columns), row


def _labels(opened: Opened) -> list[str | int] | None:
    """Return the names of the columns as their frame had them: text, or whole numbers."""
    labels = field(opened, "row", dict).get("columns")
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(type(label) in (str, int) for label in labels):
        raise ModelFileError(f"{opened.path} is damaged: its columns have no proper names.")
    return labels


def _row(opened: Opened, labels: list[str | int] | None) -> Row:
    shape = field(opened, "row", dict).get("shape")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= MOST_AXES
    if not is_shape or not all(type(axis) is int and 0 < axis < 2**31 for axis in shape):
        raise ModelFileError(f"{opened.path} is damaged: its rows have the shape {short(shape)}.")
    told = field(opened, "row", dict)
    words = {"is_sequence": "is_sequence", "may_be_missing": "has_holes", "is_table": "is_mixed"}  # as files have them
    flags = {name: told.get(word, False) for name, word in words.items()}
    if not all(type(flag) is bool for flag in flags.values()) or (flags["is_sequence"] and len(shape) != 2):
        raise ModelFileError(f"{opened.path} is damaged: its rows are described by {short(told)}.")
    row = Row(tuple(shape), None if labels is None else tuple(map(str, labels)), **flags)
    if row.columns is not None and not len(row.columns) == len(set(row.columns)) == row.size:
        raise ModelFileError(f"{opened.path} is damaged: {row.size} columns have {len(set(row.columns))} names.")
    return row


def _seen(opened: Opened, row: Row) -> dict[int, tuple[int, ...]]:
    """Return the values that columns of codes had in training."""
    seen = field(opened, "row", dict).get("seen", {})
    is_told = isinstance(seen, dict) and all(column.isdecimal() and isinstance(v, list) for column, v in seen.items())
    codes = row.categories or ()
    if not is_told or not all(int(column) < len(codes) for column in seen):
        raise ModelFileError(f"{opened.path} is damaged: its columns of codes have seen {short(seen)}.")
    for column, values in seen.items():
        if not all(type(value) is int and 0 <= value < codes[int(column)] for value in values):
            raise ModelFileError(f"{opened.path} is damaged: column {column} has seen {short(values)}.")
    return {int(column): tuple(values) for column, values in seen.items()}


def _history(opened: Opened) -> list[dict[str, Any]]:
    history = field(opened, "history", list)
    for record in history:
        if not isinstance(record, dict) or not all(_may_hold(name, value) for name, value in record.items()):
            raise ModelFileError(f"{opened.path} is damaged: its history holds {short(record)}.")
    return [{_FORMER_NAMES.get(name, name): value for name, value in record.items()} for record in history]


_FORMER_NAMES = {"held_out_loss": "validation_loss"}  # of what records hold, in the files of earlier versions


def _may_hold(name: str, value: Any) -> bool:
    """Say whether a record may hold a value: numbers, and the name of the stop that ended training."""
    return type(value) is str and value.isidentifier() if name == "stop" else type(value) in (int, float)
