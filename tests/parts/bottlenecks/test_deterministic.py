"""Plain codes: an affine map and an activation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.parameter_specs import assemble
from isthmus.errors import InvalidPart
from isthmus.parts.bottlenecks import Deterministic

HIDDEN = np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]])
MATRIX = np.array([[1.0, 0.5, -1.0], [2.0, -0.5, 0.0]])
BIAS = np.array([0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Deterministic(3), HIDDEN @ MATRIX + BIAS),
        (Deterministic(3, activation="tanh"), np.tanh(HIDDEN @ MATRIX + BIAS)),
        (Deterministic(3, activation="relu"), np.maximum(HIDDEN @ MATRIX + BIAS, 0)),
    ],
    ids=str,
)
def test_the_code_by_hand(part: Deterministic, expected: np.ndarray) -> None:
    neck = assemble(part.build(2), jnp.array(np.concatenate([MATRIX.ravel(), BIAS])))
    code = neck(jnp.array(HIDDEN), None)
    np.testing.assert_allclose(code.point, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(code.draws, code.point[None])
    np.testing.assert_array_equal(neck(jnp.array(HIDDEN), jax.random.key(0)).draws, code.draws)


def test_a_row_can_be_copied_where_the_code_is_as_wide() -> None:
    assert [Deterministic(8).can_copy(columns) for columns in (7, 8, 9)] == [True, True, False]


def test_a_code_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^Deterministic\.size must be at least 1\. Got 0\.$"):
        Deterministic(0)
