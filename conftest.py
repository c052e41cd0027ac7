"""What every test and doctest finds ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

MOST_MAPS = 20_000


@pytest.fixture(autouse=True)
def names_for_doctests(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace |= {"jax": jax, "jnp": jnp, "np": np}


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """Drop compiled programs in time: each maps memory, and Linux ends a process that holds 65,530 maps."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
