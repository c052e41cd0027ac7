"""What every optimizer keeps: with its defaults it goes down a quadratic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import at
from isthmus.core.registry import find_part, part_names

MINIMUM = np.array([1.0, -2.0, 0.5, 3.0], np.float32)
CURVATURE = np.array([1.0, 0.1, 2.0, 0.5], np.float32)


def bowl(w: Any) -> Any:
    return 0.5 * (CURVATURE * (w - MINIMUM) ** 2).sum()


@pytest.mark.parametrize("name", part_names("optimizers"))
def test_it_goes_down(name: str, example: Callable[[Any], Any]) -> None:
    optimizer = example(find_part("optimizers", name))
    start = np.zeros(4, np.float32)
    if optimizer.full_batch:
        end, _ = optimizer.round(lambda w: (float(bowl(w)), CURVATURE * (w - MINIMUM)), start.astype(np.float64))
        np.testing.assert_allclose(end, MINIMUM, atol=1e-3)
        return

    @jax.jit
    def descend(optimizer: Any, weights: Any) -> Any:
        rule = optimizer.direction()

        def step(i: Any, carry: Any) -> Any:
            weights, state = carry
            direction, state = rule.update(jax.grad(bowl)(weights), state, weights)
            return weights - at(optimizer.learning_rate, i) * direction, state

        return jax.lax.fori_loop(0, 50, step, (weights, rule.init(weights)))[0]

    end = np.asarray(descend(optimizer, jnp.array(start)))
    assert np.isfinite(end).all()
    # Every weight moves towards its minimum, since each has a bowl of its own.
    assert (np.abs(end - MINIMUM) < np.abs(start - MINIMUM)).all()
