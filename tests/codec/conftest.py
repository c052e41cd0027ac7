"""A table with every kind of column, and codecs of it: one from a file, and those that tests fit once."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import isthmus
from isthmus import Codec
from mixed_table import FIXTURES, make_table


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return make_table()


@pytest.fixture(scope="session")
def kept() -> Codec:
    """The codec of a file that stays as it is: lossless, of `make_table`."""
    return isthmus.load(FIXTURES / "lossless.safetensors")


@pytest.fixture(scope="session")
def fitted() -> Callable[..., Codec]:
    """Return a codec fitted on a table, once for the same settings."""
    known: dict[str, Codec] = {}

    def fit(X: object, name: str, **settings: object) -> Codec:
        key = f"{name} {sorted(settings.items())}"
        if key not in known:
            known[key] = Codec(hidden=8, steps=100, **settings).fit(X)
        return known[key]

    return fit
