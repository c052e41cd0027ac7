"""The libraries of the extra `onnx`, imported when they are used: nothing else needs them."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from isthmus.errors import MissingExtra

NEEDED = (
    "ONNX files need jax2onnx and onnxruntime: pip install 'isthmus[onnx]' (jax2onnx pins orbax-checkpoint < 0.11.37: "
    "where another package needs a later one, install it in an environment of its own)."
)


@functools.cache
def library(name: str) -> Any:
    """Return a module of the extra.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(NEEDED) from error
