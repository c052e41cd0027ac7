"""Libraries of the extras, imported when they are used: what needs none of them loads without."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from isthmus.errors import MissingExtra


@functools.cache
def library(name: str, needed: str) -> Any:
    """Return a module of an extra.

    Parameters
    ----------
    name : of the module.
    needed : what is said where it is not installed: what needs it, and the command that installs it.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(needed) from error


def is_made_by(data: Any, library: str, *names: str) -> bool:
    """Say whether `data` is of one of the classes of a library, or derived from it, without importing that."""
    kinds = [kind for kind in type(data).__mro__ if kind.__module__.partition(".")[0] == library]
    return any(kind.__name__ in names for kind in kinds) if names else bool(kinds)
