"""Dead units: who counts as dead, what they are taught, and that they come back to life."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.contracts import Batch, Code, ForwardPass, Row
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.data.device_table import DeviceTable
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import TopK
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Adam
from isthmus.parts.penalties import DeadUnits
from isthmus.training.objective import Plan, loss
from isthmus.training.step import begin, epoch
from tiny import assembled

COLUMNS, SIZE, K, ROWS = 5, 7, 2, 6
ROAD = MLP(())
SKELETON = build(Row((COLUMNS,)), ROAD, TopK(SIZE, k=K), ROAD, SquaredError())
DEEP = build(Row((COLUMNS,)), ROAD, TopK(SIZE, k=K), MLP((4,), activation="tanh"), SquaredError())
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, COLUMNS))
WEIGHT = np.array([1.0, 2.0, 0.0, 0.5, 1.0, 3.0])
FLAT = RANDOM.normal(size=sum(spec.size for spec in parameter_specs(SKELETON).values()))
DEEP_FLAT = RANDOM.normal(size=sum(spec.size for spec in parameter_specs(DEEP).values()))
SINCE = np.array([3, 10, 0, 12, 9, 0, 11], np.int32)  # rows; units 1, 3 and 6 have been idle for 10 or more


@jax.jit
def penalty_of(penalty: Any, flat: Any, since: Any, x: Any = X, skeleton: Any = SKELETON) -> Any:
    """Return the penalty's term [n] for a model of these weights."""
    model = assemble(skeleton, flat)
    code = model.encode(x)
    batch = Batch(x, jnp.asarray(WEIGHT, x.dtype))
    return penalty(ForwardPass(batch, x, code, model.decode(code.draws), model, jnp.int32(0), None, since))


def named(flat: Any) -> dict[str, np.ndarray]:
    found, offset = {}, 0
    for name, spec in parameter_specs(SKELETON).items():
        found[name] = np.asarray(flat[offset : offset + spec.size]).reshape(spec.shape)
        offset += spec.size
    return found


def by_hand(flat: np.ndarray, fixed: np.ndarray, dead: list[int], most: int, x: np.ndarray = X) -> np.ndarray:
    """Return ‖e − z_dead W‖² · V(x) / V(e) of each row in plain NumPy; `fixed` are the weights that e is taken from."""
    own, held = named(flat), named(fixed)
    down, shift, up, bias = (held[name] for name in NAMES)
    linear = x @ down + shift
    kept = np.where(linear >= np.sort(linear, axis=1)[:, -K, None], linear, 0)
    missed = x - kept @ up - bias
    now = x @ own[NAMES[0]] + own[NAMES[1]]
    revived = np.zeros_like(now)
    for row, values in zip(revived, now, strict=True):
        chosen = sorted(dead, key=lambda unit: -values[unit])[:most]
        row[chosen] = values[chosen]

    def variance(rows: np.ndarray) -> float:
        mean = np.average(rows, axis=0, weights=WEIGHT)
        return float(np.average(((rows - mean) ** 2).sum(axis=1), weights=WEIGHT))

    return ((missed - revived @ own[NAMES[2]]) ** 2).sum(axis=1) * variance(x) / variance(missed)


NAMES = [name for name in parameter_specs(SKELETON) if "neck" in name] + [
    name for name in parameter_specs(SKELETON) if "head" in name
]


def test_the_names_are_those_of_two_affine_maps() -> None:
    assert [named(FLAT)[name].shape for name in NAMES] == [(COLUMNS, SIZE), (SIZE,), (SIZE, COLUMNS), (COLUMNS,)]


@pytest.mark.parametrize("revived", [1, 2, 3, 5, 100, None], ids=str)
def test_the_term_is_what_the_largest_dead_units_leave_of_the_residual(revived: int | None) -> None:
    with jax.enable_x64(True):
        found = penalty_of(DeadUnits(revived=revived, after=10), FLAT, SINCE)
    most = COLUMNS // 2 if revived is None else revived
    np.testing.assert_allclose(found, by_hand(FLAT, FLAT, [1, 3, 6], most), rtol=1e-12)


def test_the_gradient_holds_code_and_residual_fixed_and_leaves_the_bias_alone() -> None:
    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(lambda flat: jnp.sum(penalty_of(DeadUnits(revived=2, after=10), flat, SINCE))))
        slope = np.asarray(gradient(FLAT))
    numeric, step = np.zeros_like(FLAT), 1e-6
    for i in range(len(FLAT)):
        ahead, behind = FLAT.copy(), FLAT.copy()
        ahead[i] += step
        behind[i] -= step
        rise = by_hand(ahead, FLAT, [1, 3, 6], 2).sum() - by_hand(behind, FLAT, [1, 3, 6], 2).sum()
        numeric[i] = rise / (2 * step)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-5)
    down, shift, up, bias = (named(slope)[name] for name in NAMES)
    np.testing.assert_array_equal(bias, 0)
    living = [0, 2, 4, 5]
    for held in (down[:, living], shift[living], up[living]):
        np.testing.assert_array_equal(held, 0)
    assert all(np.abs(taught[[1, 3, 6]]).min() > 0 for taught in (down.T, up))


def test_the_bias_is_not_counted_twice_where_a_decoder_has_layers() -> None:
    """The dead units' share is what the decoder answers to them beside the living ones."""
    with jax.enable_x64(True):
        model = assembled(DEEP, DEEP_FLAT)
        code = model.encode(X)
        extra = np.where(np.isin(np.arange(SIZE), [1, 3, 6]), code.dense, 0)
        base, more = (np.asarray(model.decode(z[None]).mean()[0]) for z in (code.point, code.point + extra))
        found = penalty_of(DeadUnits(revived=3, after=10), DEEP_FLAT, SINCE, skeleton=DEEP)
    ratio = np.asarray(found) / ((X - base - (more - base)) ** 2).sum(axis=1)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)


def test_living_units_learn_nothing_from_it_through_a_decoder_with_layers() -> None:
    def total(flat: Any) -> Any:
        return jnp.sum(penalty_of(DeadUnits(revived=2, after=10), flat, SINCE, X.astype(np.float32), DEEP))

    slope = assemble(DEEP, jax.jit(jax.grad(total))(DEEP_FLAT.astype(np.float32))).neck.affine
    np.testing.assert_array_equal(np.asarray(slope.matrix)[:, [0, 2, 4, 5]], 0)
    np.testing.assert_array_equal(np.asarray(slope.bias)[[0, 2, 4, 5]], 0)
    assert np.abs(slope.bias[np.array([1, 3, 6])]).min() > 0


@pytest.mark.parametrize("case", ["nothing is dead", "nothing is missed", "one row", "no row counts"])
def test_it_is_exactly_zero_and_never_not_a_number(case: str) -> None:
    since = np.zeros(SIZE, np.int32) if case == "nothing is dead" else SINCE
    x, weight = X.astype(np.float32), np.ones(ROWS, np.float32)
    flat = FLAT.astype(np.float32)
    if case == "nothing is missed":
        x = np.zeros_like(x) + named(flat)[NAMES[3]]
        flat = flat.copy()
        flat[: COLUMNS * SIZE + SIZE] = 0  # the code is 0, and the bias all there is
    weight[1 if case == "one row" else 0 if case == "no row counts" else ROWS :] = 0

    @jax.jit
    def evaluate(flat: Any) -> Any:
        model = assemble(SKELETON, flat)
        code = model.encode(x)
        outcome = model.decode(code.draws)
        forward = ForwardPass(Batch(x, weight), x, code, outcome, model, jnp.int32(0), None, since)  # type: ignore[arg-type]
        return jnp.sum(DeadUnits(after=10)(forward))

    value, slope = jax.value_and_grad(evaluate)(flat)
    assert float(value) == 0
    np.testing.assert_array_equal(slope, 0)


def test_rows_are_counted_since_a_unit_was_last_active() -> None:
    penalty = DeadUnits(after=10)
    draws = np.zeros((1, 4, 3), np.float32)
    draws[0, 1, 0] = -2.0  # active, though negative
    draws[0, 3, 1] = 5.0  # active only in a row that does not count
    code = Code(jnp.asarray(draws), jnp.asarray(draws[0]))
    batch = Batch(jnp.zeros((4, 2)), jnp.array([1.0, 0.5, 2.0, 0.0]))
    memory, counts = penalty.start(SimpleNamespace(size=3), {}), []
    for _ in range(4):
        forward = ForwardPass(batch, batch.x, code, None, None, jnp.int32(0), None, memory)  # type: ignore[arg-type]
        memory = penalty.remember(forward)
        counts.append(np.asarray(memory).tolist())
    assert counts == [[0, 3, 3], [0, 6, 6], [0, 9, 9], [0, 10, 10]]  # three rows a step, and no more than matters
    assert memory.dtype == penalty.start(SimpleNamespace(size=3), {}).dtype


def test_evaluation_without_memory_counts_nothing() -> None:
    plan = Plan(None, (DeadUnits(after=1),), Adam())
    x = X.astype(np.float32)
    terms = loss(assemble(SKELETON, FLAT.astype(np.float32)), plan, Batch(x, jnp.ones(ROWS)), jnp.int32(0), None)[1]
    assert float(terms.terms["dead_units"]) == 0


def trained(penalties: tuple[Any, ...]) -> tuple[np.ndarray, float]:
    """Return the units that are ever active after training, and the squared error; units 8 to 15 start dead."""
    rows = np.random.default_rng(3).normal(size=(64, 8)).astype(np.float32)
    skeleton = build(Row((8,)), ROAD, TopK(16, k=2), ROAD, SquaredError())
    flat = draw_weights(skeleton, 0)
    flat[8 * 16 + 8 : 8 * 16 + 16] = -6  # their biases: 7 standard deviations below
    plan = Plan(None, penalties, Adam(0.02))
    state = begin(plan, skeleton, flat[None], {})
    table, order = (
        DeviceTable(rows, np.ones(64, np.float32), np.int32(64)),
        np.arange(64, dtype=np.int32).reshape(1, 2, 32),
    )
    for number in range(300):
        key, factor = np.array([[0, number]], np.uint32), np.ones(1, np.float32)
        state, result = epoch(state, order, key, factor, skeleton, plan, table, np.int32(2))
    code = assemble(skeleton, state.weights[0]).encode(rows).point
    return np.flatnonzero(np.any(np.asarray(code) != 0, axis=0)), float(result.terms["reconstruction"][0])


def test_dead_units_come_back_to_life_and_help_and_stay_dead_without() -> None:
    alive, without = trained(())
    assert alive.max() < 8
    revived, with_penalty = trained((DeadUnits(revived=1, after=100),))
    assert np.count_nonzero(revived >= 8) >= 6
    assert with_penalty < 0.85 * without


def test_a_code_without_a_choice_is_refused() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(InvalidPart) as caught:
        Autoencoder(2, penalties=["dead_units"], max_epochs=1).fit(x)
    assert str(caught.value) == (
        "the penalty dead_units needs a code of which only the largest units pass: use bottleneck='top_k(...)'."
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"weight": -1.0}, "DeadUnits.weight must be at least 0. Got -1.0."),
        ({"revived": 0}, "DeadUnits.revived must be at least 1, or None. Got 0."),
        ({"after": 0}, "DeadUnits.after must be from 1 to 2**30 - 1. Got 0."),
        ({"after": 2**30}, "DeadUnits.after must be from 1 to 2**30 - 1. Got 1073741824."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        DeadUnits(**setting)
    assert str(caught.value) == message


def test_neither_categories_nor_missing_cells_are_missed() -> None:
    """The term of the other columns is by hand; what stands in these does not matter."""
    there = np.ones((ROWS, COLUMNS), bool)
    there[2, 0] = False
    counts = (0,) * (COLUMNS - 1) + (5,)  # the last column holds categories

    def term(x: np.ndarray) -> Any:
        model = assemble(SKELETON, FLAT.astype(np.float32))
        code = model.encode(X.astype(np.float32))
        batch = Batch(jnp.asarray(x, jnp.float32), jnp.asarray(WEIGHT, jnp.float32))  # type: ignore[arg-type]
        outcome, since = model.decode(code.draws), jnp.asarray(SINCE)
        forward = ForwardPass(
            batch, batch.x, code, outcome, model, jnp.int32(0), None, since, observed=there, counts=counts
        )
        return DeadUnits(after=10, revived=SIZE)(forward)

    found, odd = term(X), np.where(there, X, 77.0)
    odd[:, -1] += np.arange(ROWS)
    np.testing.assert_allclose(term(odd), found, rtol=1e-6)
    model = assemble(SKELETON, FLAT.astype(np.float32))
    code = model.encode(X.astype(np.float32))
    is_measured = there & (np.arange(COLUMNS) < COLUMNS - 1)
    missed = np.where(is_measured, X - np.asarray(model.decode(code.draws).mean()[0]), 0)
    dead = np.asarray(code.dense) * (SINCE >= 10)
    added = np.asarray(model.decode(code.draws + dead).mean()[0] - model.decode(code.draws).mean()[0])

    def variance(rows: np.ndarray) -> float:
        weight = WEIGHT[:, None] * is_measured
        mean = (weight * rows).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)
        return float((weight * np.square(rows - mean)).sum() / WEIGHT.sum())

    due = variance(X) / variance(missed) * np.where(is_measured, np.square(missed - added), 0).sum(axis=1)
    np.testing.assert_allclose(found, due, rtol=1e-3)
