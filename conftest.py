"""What every test and doctest finds ready."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def names_for_doctests(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace |= {"jax": jax, "jnp": jnp, "np": np}
