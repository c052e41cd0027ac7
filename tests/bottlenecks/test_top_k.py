"""Top-k codes: exactly k units pass, the largest by sign, the first of equals."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.bottlenecks import TopK
from isthmus.bottlenecks.top_k import keep_largest
from isthmus.errors import InvalidPart
from isthmus.weights import assemble, draw

keep = jax.jit(keep_largest, static_argnums=1)


@pytest.mark.parametrize(
    ("row", "k", "kept"),
    [
        ([3.0, 1.0, 2.0, -4.0], 2, [3, 0, 2, 0]),  # -4 is large by magnitude only
        ([-3.0, -1.0, -2.0, -4.0], 2, [0, -1, -2, 0]),  # negative units stay negative
        ([1.0, 1.0, 1.0, 1.0], 2, [1, 1, 0, 0]),  # of equals the first
        ([0.0, 2.0, 2.0, 2.0], 2, [0, 2, 2, 0]),
        ([2.0, 3.0, 2.0, 2.0], 3, [2, 3, 2, 0]),
        ([5.0, -1.0, -2.0, -3.0], 4, [5, -1, -2, -3]),
        ([5.0, 6.0, 7.0, 8.0], 1, [0, 0, 0, 8]),
    ],
    ids=str,
)
def test_the_largest_stay_as_they_are(row: list[float], k: int, kept: list[float]) -> None:
    np.testing.assert_array_equal(keep(jnp.array([row]), k), [kept])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(hnp.arrays(np.float32, (5, 7), elements=st.sampled_from([-2.0, -1.0, 0.5, 1.0, 2.0])))
def test_exactly_k_of_a_row_are_not_zero_whatever_its_ties(x: np.ndarray) -> None:
    kept = np.asarray(keep(x, 3))
    assert (np.count_nonzero(kept, axis=1) == 3).all()
    # A stable sort from large to small puts the first of equals first.
    for row, found in zip(x, kept, strict=True):
        order = np.argsort(-row, kind="stable")[:3]
        expected = np.zeros_like(row)
        expected[order] = row[order]
        np.testing.assert_array_equal(found, expected)


def test_the_gradient_flows_through_the_units_that_stay() -> None:
    x = np.array([[3.0, 1.0, 2.0, -4.0], [-1.0, -1.0, -5.0, -1.0]])
    pull = np.array([[10.0, 20.0, 30.0, 40.0], [50.0, 60.0, 70.0, 80.0]])
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(keep_largest(x, 2) * pull)))(x)
    np.testing.assert_array_equal(gradient, [[10, 0, 30, 0], [50, 60, 0, 0]])


def test_the_code_is_the_affine_map_of_the_largest() -> None:
    hidden = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    skeleton = TopK(8, k=2).build(3)
    flat = draw(skeleton, 0)
    flat[-8:] = np.linspace(-1, 1, 8)
    neck = assemble(skeleton, flat)
    linear = hidden @ flat[:24].reshape(3, 8) + flat[24:]
    third = np.sort(linear, axis=1)[:, -3:-2]
    code = neck(hidden, None)
    np.testing.assert_allclose(code.point, np.where(linear > third, linear, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(code.draws, code.point[None])
    np.testing.assert_array_equal(neck(hidden, jax.random.key(0)).point, code.point)


def test_a_row_can_be_copied_where_k_reaches_its_columns() -> None:
    part = TopK(64, k=8)
    assert [part.room_for_identity(columns) for columns in (7, 8, 9, 64)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"size": 0}, "TopK.size must be at least 1. Got 0."),
        ({"size": 4}, "TopK.k must be from 1 to the size of the code, 4. Got 8."),
        ({"size": 16, "k": 0}, "TopK.k must be from 1 to the size of the code, 16. Got 0."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        TopK(**settings_)
    assert str(caught.value) == message
