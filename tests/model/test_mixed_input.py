"""A road sees numbers, marks for holes, codes one-hot; in this order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from isthmus.contracts import Row
from isthmus.core.parameter_specs import assemble, draw_weights
from isthmus.errors import InvalidPart
from isthmus.model.mixed_input import mixed_input, normal_scores
from isthmus.model.model import build
from isthmus.parts.backbones import MLP, Hyper
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import Columns
from tiny import assembled

NAN = np.nan
ROW = Row((4,), ("job", "age", "sex", "pay"), (3, 0, 2, 0), may_be_missing=True, is_table=True)
X = np.array([[2, 0.5, NAN, NAN], [NAN, NAN, 1, 3.0]], np.float32)


def test_codes_are_one_hot_and_holes_are_marked() -> None:
    entry, shown = mixed_input(ROW, ())
    found = replace(entry, gate=jnp.array([10.0, 20.0])).encoder_input(jnp.array(X))
    due = [[0.5, 0, 0, 20, 0, 0, 1, 0, 0], [0, 3, 10, 0, 0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(found, due)
    assert shown.columns == (
        *("age", "pay", "age is missing", "pay is missing"),
        *("job = 0", "job = 1", "job = 2", "sex = 0", "sex = 1"),
    )
    assert (shown.shape, shown.categories, shown.may_be_missing) == ((9,), None, False)


def test_ranks_are_scores_of_the_normal_distribution() -> None:
    """Of five quantiles Φ⁻¹ of .1, .3, .5, .7, .9; straight between them; equal ones count as their middle."""
    knots = jnp.array([[0.0, 0.0], [1.0, 2.0], [2.0, 2.0], [4.0, 2.0], [8.0, 3.0]])
    x = jnp.array([[0.0, 0.0], [1.5, 2.0], [4.0, 1.0], [8.0, 2.5], [-9.0, 3.0], [99.0, 9.0]])
    low, lower, middle, upper, high = norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    due = [
        *([low, low], [(lower + middle) / 2, middle], [upper, (low + lower) / 2]),
        *([high, (upper + high) / 2], [low, high], [high, high]),
    ]
    np.testing.assert_allclose(normal_scores(knots, x), due, atol=1e-6)


def test_ranks_follow_the_numbers_that_are_there() -> None:
    entry, shown = mixed_input(ROW, (), ranks=3)
    assert shown.columns is not None
    assert shown.columns[:6] == (*("age", "pay", "age is missing", "pay is missing"), "rank of age", "rank of pay")
    rows = np.array([[0, 5.0, 0, 1.0], [0, 7.0, 0, NAN], [0, 6.0, 0, 3.0], [0, NAN, 0, 99.0]], np.float32)
    start = entry.start(rows, np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(start["knots"], [5, 1, 6, 1, 7, 3])
    filled = replace(entry, gate=jnp.zeros(2), knots=jnp.array(start["knots"]))
    inputs = filled.encoder_input(jnp.array(rows))
    assert inputs.shape == (4, *shown.shape)
    np.testing.assert_allclose(inputs[1:3, 4:6], [[norm.ppf(5 / 6), 0], [0, norm.ppf(5 / 6)]], atol=1e-6)
    assert mixed_input(replace(ROW, categories=(3, 2, 2, 2)), (), ranks=3)[0].knots is None  # no numbers


def test_a_hole_starts_as_the_middle_of_its_column() -> None:
    model = build(ROW, MLP((4,)), Deterministic(2), MLP((4,)), Columns())
    network = assembled(model, draw_weights(model, 0))
    filled = np.where(np.isnan(X) & [False, True, False, True], 0, X)
    np.testing.assert_array_equal(network.encode(jnp.array(X)).point, network.encode(jnp.array(filled)).point)


def test_the_mark_learns_from_holes_only() -> None:
    model = build(ROW, MLP((4,)), Deterministic(2), MLP((4,)), Columns())
    network = assemble(model, draw_weights(model, 0))

    def total(gate: Any, x: Any) -> Any:
        encoder = replace(network.encoder, gate=gate)
        return jnp.sum(replace(network, encoder=encoder).encode(x).point ** 2)

    gradient = jax.jit(jax.grad(total))(jnp.zeros(2), jnp.array(X[:1]))
    assert gradient[0] == 0  # of the age, which is there
    assert gradient[1] != 0


def test_a_code_that_the_road_reads_itself_comes_last_and_as_such() -> None:
    row = replace(ROW, categories=(3, 0, 4, 0))
    entry, shown = mixed_input(row, {2})
    found = (
        entry.encoder_input(jnp.array(X))
        if entry.gate is None
        else replace(entry, gate=jnp.zeros(2)).encoder_input(jnp.array(X))
    )
    np.testing.assert_array_equal(found[:, -1], [NAN, 1])
    assert shown.columns is not None
    assert shown.columns[-1] == "sex"
    assert shown.categories == (*(0,) * 7, 4)


def test_a_hypernetwork_names_its_column() -> None:
    row = replace(ROW, categories=(3, 0, 4, 0))
    build(row, Hyper("mlp((4,))", column="sex", tasks=4), Deterministic(2), Hyper("mlp((4,))", "sex", 4), Columns())
    with pytest.raises(InvalidPart, match="in a table of numbers and categories the encoder hyper must name its colu"):
        build(row, Hyper("mlp((4,))", column=2, tasks=4), Deterministic(2), Hyper("mlp((4,))", 2, 4), Columns())
