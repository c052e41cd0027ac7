"""What every corruption keeps: pure, of the same shape and type, another draw for another key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.registry import find_part, part_names

X = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)


@pytest.mark.parametrize("name", part_names("corruptions"))
def test_it_is_pure_noise(name: str, example: Callable[[Any], Any]) -> None:
    part = example(find_part("corruptions", name))
    compiled = jax.jit(lambda part, x, key: part(x, key))
    given = jnp.array(X)
    once = np.asarray(compiled(part, given, jax.random.key(0)))
    assert once.shape == X.shape
    assert once.dtype == np.float32
    assert np.isfinite(once).all()
    np.testing.assert_array_equal(given, X)
    np.testing.assert_array_equal(once, compiled(part, given, jax.random.key(0)))
    assert (once != X).any(), "with its defaults it does nothing"
    assert (once != compiled(part, given, jax.random.key(1))).any()
    with jax.enable_x64(True):
        assert jax.eval_shape(part, X.astype(np.float64), jax.random.key(0)).dtype == np.float64
