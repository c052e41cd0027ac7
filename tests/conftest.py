"""What holds for every test: programs are compiled without most optimisations, and forgotten after their module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Before JAX is imported, and for the processes that tests start. Most programs run once; it costs a quarter less time.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Forget compiled programs: each takes maps of memory, and a process may have 65,530 of them."""
    import jax

    yield
    jax.clear_caches()
