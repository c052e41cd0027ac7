"""The libraries of the extra `codec`, imported when they are used: a model of another kind loads without them."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from isthmus.errors import MissingExtra


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
        raise MissingExtra("a codec needs constriction, pcodec and zstandard: pip install 'isthmus[codec]'") from error
