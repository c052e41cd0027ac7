"""What a model file holds, between an object and its bytes: plain JSON values and named tensors."""

from __future__ import annotations

import abc
import functools
import importlib
import inspect
import math
import os
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Self

import numpy as np

from isthmus.core.coercion import short
from isthmus.core.programs import check_not_forked
from isthmus.errors import InvalidPart, ModelFileError, suggestion
from isthmus.storage import container
from isthmus.storage.container import FileLike, Opened

Shapes = dict[str, tuple[str, tuple[int, ...]]]
"""Type, as F32, and shape of tensors by name."""
OWN_PIECE = "own piece"  # the name of a part that wraps an object of a user: no file has it
PACKAGES = ("estimators", "anomaly", "codec")  # whose classes can be loaded


@dataclass(frozen=True)
class State:
    """Plain JSON values and tensors, by name."""

    json: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    def __or__(self, other: State) -> State:
        return State(self.json | other.json, self.tensors | other.tensors)

    def inside(self, name: str) -> State:
        """Return this state as a part of another one, below a name: `Opened.inside` finds it there."""
        return State({name: self.json}, {f"{name}.{key}": tensor for key, tensor in self.tensors.items()})


class Storable(abc.ABC):
    """What a model file can hold as a whole."""

    @abc.abstractmethod
    def to_state(self) -> State:
        """Return all that a file must hold of this object."""

    @classmethod
    @abc.abstractmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the object whose state `to_state` gave; the file may hold anything.

        Raises
        ------
        InvalidPart, ModelFileError
            If it is not a state that `to_state` returns. No memory is taken for tensors before their shapes are known.
        """


@functools.cache
def storable_types() -> dict[str, type[Storable]]:
    """Return the classes that can be loaded, by name."""
    packages = [importlib.import_module(f"isthmus.{name}") for name in PACKAGES]
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
    ]
    classes = [cls for module in modules for cls in vars(module).values() if inspect.isclass(cls)]
    return {cls.__name__: cls for cls in classes if issubclass(cls, Storable) and not inspect.isabstract(cls)}


def named_state(model: Storable) -> State:
    """Return the state of an object with the name of its class: what `load_state` needs."""
    return State({"estimator": type(model).__name__}) | model.to_state()


def load_state(stored: Opened) -> Any:
    """Return the object of a file, or of a model inside one.

    Raises
    ------
    ModelFileError
        If it describes none that this version knows.
    """
    name, known = header_field(stored, "estimator", str), storable_types()
    if name not in known:
        raise ModelFileError(
            f"{stored.path} holds a {short(name)}, which this version does not know.{suggestion(name, known)} "
            f"It knows: {', '.join(known)}."
        )
    try:
        return known[name].from_state(stored)
    except InvalidPart as error:
        raise ModelFileError(f"{stored.path} describes no model that can be built: {error}") from error


def save(model: Storable, path: str | os.PathLike[str]) -> None:
    """Write an object to one file, at once or not at all."""
    state = named_state(model)
    if (piece := own_piece(state.json)) is not None:
        raise ModelFileError(
            f"the {piece} cannot be saved: a model file holds names and numbers, no code. Make it a part, a class in a "
            "module of yours (examples/own_parts.py), or keep the process, or pickle the estimator."
        )
    container.write(path, {"kind": "model", "version": version("isthmus")} | state.json, state.tensors)


def own_piece(data: Any) -> str | None:
    """Return what the first object of a user is called in the JSON of a model, or None."""
    if isinstance(data, dict) and data.get("part") == OWN_PIECE:
        return str(data["settings"]["piece"])
    inside = data.values() if isinstance(data, dict) else data if isinstance(data, list | tuple) else ()
    return next((piece for item in inside if (piece := own_piece(item)) is not None), None)


def load(path: FileLike, kind: type | tuple[type, ...] | None = None) -> Any:
    """Return the estimator that was saved to a file; nothing in the file is executed.

    Parameters
    ----------
    path : of a file that `save` wrote, or its bytes, or the file itself, open for reading bytes.
    kind : the class that it must be of, as `isthmus.AnomalyDetector`, or several; None for any.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of a newer version, or describes no model that this version knows, or one of
        another kind.
    """
    check_not_forked()
    stored = container.open_file(path, "model")
    model = load_state(stored)
    if kind is not None and not isinstance(model, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(allowed.__name__ for allowed in kinds)
        raise ModelFileError(f"{stored.path} holds {type(model).__name__}; expected {names}.")
    return model


@dataclass(frozen=True)
class FileInfo:
    """What the header of a model file says."""

    version: str  # of the library that wrote it
    estimator: str
    n_weights: int  # numbers that training has learned, those of models inside included


def file_info(path: FileLike) -> FileInfo:
    """Return what the header of a model file says; no tensor is read.

    Raises
    ------
    ModelFileError
        If it is no model file.
    """
    stored = container.open_file(path, "model")
    sizes = (math.prod(shape) for name, (_, shape) in stored.tensors.items() if "weights." in name)
    return FileInfo(header_field(stored, "version", str), header_field(stored, "estimator", str), sum(sizes))


def header_field(stored: Opened, name: str, kind: type) -> Any:
    """Return a value of the header, or refuse one that is not of this type."""
    value = stored.header.get(name)
    if type(value) is not kind:
        raise ModelFileError(f"{stored.path} is damaged: its {name!r} is not of type {kind.__name__}.")
    return value


def read_tensors(stored: Opened, expected: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, np.ndarray]:
    """Return the tensors of a file, their types and shapes compared with the expected ones before they are read.

    Raises
    ------
    ModelFileError
        If one is missing, superfluous, of another type or shape, or holds what is not finite.
    """
    compare_shapes(stored, expected)
    tensors = stored.read()
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"{stored.path} is damaged: {name} holds values that are not finite.")
    return tensors


def compare_shapes(stored: Opened, expected: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise `ModelFileError` where the tensors of a file are not of the expected types and shapes."""
    for name, needed in expected.items():
        stored_as = stored.tensors.get(name)
        if stored_as != needed:
            came = "is missing" if stored_as is None else f"is {stored_as[0]} {list(stored_as[1])}"
            raise ModelFileError(
                f"{stored.path} is damaged: {name} {came}; the model needs {needed[0]} {list(needed[1])}."
            )
    if extra := set(stored.tensors) - set(expected):
        raise ModelFileError(f"{stored.path} is damaged: the model has no tensor {min(extra)!r}.")
