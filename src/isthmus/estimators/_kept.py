"""What a model file can hold: an estimator told as a header and tensors, and taken from them again."""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.errors import ModelFileError
from isthmus.estimators._parameters import PartParameters
from isthmus.storage import container as modelfile
from isthmus.storage.container import Opened


class Kept(PartParameters, abc.ABC):
    """An estimator that is saved to a file, and loaded by `isthmus.load`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, at once or not at all; `isthmus.load` reads it.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        """
        check_is_fitted(self)
        header, tensors = self._told()
        known = {"kind": "model", "version": version("isthmus"), "estimator": type(self).__name__}
        modelfile.write(path, known | header, tensors)

    @abc.abstractmethod
    def _told(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what a file must hold of this estimator: plain JSON values, and tensors of the types it knows."""

    @classmethod
    @abc.abstractmethod
    def _taken(cls, opened: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything.

        Raises
        ------
        InvalidPart, ModelFileError
            If it is nothing that `_told` returns. No memory is taken for tensors before their shapes are known.
        """


def field(opened: Opened, name: str, kind: type) -> Any:
    """Return a value of the header, or refuse one that is not of this type."""
    value = opened.header.get(name)
    if type(value) is not kind:
        raise ModelFileError(f"{opened.path} is damaged: its {name!r} is not of type {kind.__name__}.")
    return value


def compare_shapes(opened: Opened, expected: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise `ModelFileError` where the tensors of a file are not of the expected types and shapes."""
    for name, due in expected.items():
        found = opened.tensors.get(name)
        if found != due:
            came = "is missing" if found is None else f"is {found[0]} {list(found[1])}"
            raise ModelFileError(f"{opened.path} is damaged: {name} {came}; the model needs {due[0]} {list(due[1])}.")
    if extra := set(opened.tensors) - set(expected):
        raise ModelFileError(f"{opened.path} is damaged: the model has no tensor {min(extra)!r}.")


def finite(opened: Opened) -> dict[str, np.ndarray]:
    """Return the tensors of a file, or refuse one that is not finite."""
    tensors = opened.read()
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"{opened.path} is damaged: {name} holds values that are not finite.")
    return tensors
