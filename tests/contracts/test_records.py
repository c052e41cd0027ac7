"""What flows through the house: rows, the terms of a neck, the losses that are watched."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from isthmus.contracts import LAST_STEP, Code, ForwardPass, Neck, Row, at, watched
from isthmus.parts.schedules import Linear


def test_a_row_knows_its_size_and_names_its_columns() -> None:
    assert [Row(shape).size for shape in ((9,), (28, 28), (0,))] == [9, 784, 0]
    assert Row((2,), ("age", "it's")).column(1) == 'column "it\'s"'
    assert Row((2,), ("age", "pay")).column(0) == "column 'age'"
    assert Row((2,)).column(1) == "column 1"


def test_the_reconstruction_is_the_mean_over_the_draws_of_a_code() -> None:
    class Plain(Neck):
        def __call__(self, hidden: Any, key: Any, step: Any = LAST_STEP) -> Code:
            return Code(hidden[None], hidden)

    log_likelihood = jnp.array([[-1.0, -2.0, -3.0], [-5.0, 0.0, -4.0]])
    code: Any = Code(jnp.zeros((2, 3, 1)), jnp.zeros((3, 1)))
    terms = Plain().terms(log_likelihood, ForwardPass(None, None, code, None, None, jnp.int32(0), None))  # type: ignore[arg-type]
    assert list(terms) == ["reconstruction"]
    np.testing.assert_array_equal(terms["reconstruction"], [3.0, 1.0, 3.5])


def test_the_held_out_loss_decides_where_there_is_one() -> None:
    assert watched([]) == []
    assert watched([{"loss": 3.0}, {"loss": 2.0, "validation_loss": 5.0}]) == [3.0, 5.0]


def test_a_number_is_a_schedule_that_stays() -> None:
    assert float(at(0.25, jnp.int32(7))) == 0.25
    assert float(at(Linear(1.0, 0.0, 8), jnp.int32(2))) == 0.75
