"""What every schedule keeps: a finite number at every step, and a factor above zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.registry import find_part, part_names

STEPS = np.array([0, 1, 2, 7, 8, 9, 1000, 10**6, 2**31 - 1], np.int32)


@pytest.mark.parametrize("name", part_names("schedules"))
def test_it_is_a_finite_number_at_every_step(name: str, example: Callable[[Any], Any]) -> None:
    schedule = example(find_part("schedules", name))
    values = jax.jit(lambda part, steps: jax.vmap(part)(steps))(schedule, jnp.array(STEPS))
    assert values.shape == STEPS.shape
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert jnp.shape(schedule(jnp.int32(3))) == ()
    np.testing.assert_allclose(schedule(jnp.int32(7)), values[3], rtol=1e-6)


@pytest.mark.parametrize("name", part_names("schedules"))
def test_its_factor_is_a_share_seen_from_the_past(name: str, example: Callable[[Any], Any]) -> None:
    schedule = example(find_part("schedules", name))
    assert schedule.factor([]) == 1.0
    assert 0 < schedule.factor([{"loss": 1.0}] * 20) <= 1.0
