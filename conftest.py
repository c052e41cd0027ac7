"""What every test and doctest finds ready: programs are compiled quickly, and dropped in time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Most programs of the tests run once: compiled without optimisations, in one piece and by the plain emitter of loops,
# they are ready in a sixth of the time. As variables they hold for the processes that tests start, too.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)

import jax
import jax.numpy as jnp
import numpy as np
import pytest

MOST_MAPS = 20_000
MAPS = Path("/proc/self/maps")


@pytest.fixture(autouse=True)
def names_for_doctests(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace |= {"jax": jax, "jnp": jnp, "np": np}


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """Drop compiled programs in time: each maps memory, and Linux ends a process that holds 65,530 maps."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
