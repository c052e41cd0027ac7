"""What holds for every test: programs are compiled without most optimisations, and forgotten after their module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import jax
import pytest

# Most programs run once, and it costs a quarter less time. The variable is for the processes that tests start.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Forget compiled programs: each takes maps of memory, and a process may have 65,530 of them."""
    yield
    jax.clear_caches()
