"""Roads whose weights are made: by hand, by finite differences, at the scale that the layers ask for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import draw_weights, join_weights, parameter_specs, split_weights
from isthmus.errors import InvalidPart
from isthmus.layers.hypernetwork import hypernetworks
from isthmus.model import inference
from isthmus.model.model import build
from isthmus.model.stack import stack_models
from isthmus.parts.backbones import MLP, Conv, Hyper
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.corruptions import Masking
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.training.objective import Plan, loss
from tiny import assembled

COLUMNS, TASKS = 4, 3
ROW = Row((COLUMNS,), ("a", "task", "b", "c"))
PART = Hyper(MLP((5,), activation="tanh"), column="task", tasks=TASKS, embedding=2, hidden=(6,), chunk=7)
MODEL = build(ROW, PART, Deterministic(2), PART, SquaredError())
X = np.random.default_rng(0).normal(size=(9, COLUMNS)).astype(np.float32)
X[:, 1] = [0, 2, 1, 1, 0, 0, 2, 1, 0]


def named(skeleton: Any, flat: Any) -> dict[str, np.ndarray]:
    return {
        path: np.asarray(a) for path, a in zip(parameter_specs(skeleton), split_weights(skeleton, flat), strict=True)
    }


def made(own: dict[str, np.ndarray], prefix: str, condition: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` numbers of a generator with one hidden layer, chunk after chunk, by NumPy."""
    numbers = []
    for chunk in own[f"{prefix}.chunks"]:
        hidden = np.concatenate([condition, chunk]) @ own[f"{prefix}.layers.0.weight"] + own[f"{prefix}.layers.0.bias"]
        hidden = np.maximum(hidden, 0)
        hidden = hidden / np.sqrt(np.mean(hidden**2) + 1e-6)
        numbers += [*(hidden @ own[f"{prefix}.weight"] + own[f"{prefix}.bias"])]
    signs = np.random.Generator(np.random.Philox(0)).integers(0, 2, count, dtype=np.int8) * 2.0 - 1
    return np.array(numbers[:count]) * signs


def layer_of(own: dict[str, np.ndarray], condition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix [3, 5] and the bias [5] of the layer that `PART` puts on the way down, by NumPy."""
    limit = np.sqrt(6 / (3 + 5))
    matrix = limit * made(own, "hypernetwork.drawn", condition, 15).reshape(3, 5)
    return matrix, limit * made(own, "hypernetwork.held", condition, 5)


@jax.jit
def walk(skeleton: Any, flat: Any, x: Any) -> Any:
    return assembled(skeleton, flat)(x, None)


def test_a_layer_of_each_task_is_that_of_the_matrix_made_for_it() -> None:
    skeleton, width = PART.encoder(ROW)
    flat = np.random.default_rng(1).normal(size=draw_weights(skeleton, 0).size).astype(np.float32)
    own = named(skeleton, flat)
    assert width == 5
    assert own["hypernetwork.drawn.chunks"].shape == (3, 2)  # 15 weights in chunks of 7, the last cut off after one
    due = []
    for row in X:
        matrix, bias = layer_of(own, own["hypernetwork.tasks"][int(row[1])])
        due.append(np.tanh(row[[0, 2, 3]] @ matrix + bias))
    np.testing.assert_allclose(walk(skeleton, flat, X), due, rtol=1e-4, atol=1e-5)
    # Fewer rows than tasks: weights are made for each row, and are the same.
    np.testing.assert_allclose(walk(skeleton, flat, X[:2]), due[:2], rtol=1e-4, atol=1e-5)


def test_a_number_for_a_condition_enters_the_hypernetwork_itself() -> None:
    part = PART.replace(tasks=None)
    skeleton, _ = part.encoder(ROW)
    flat = np.random.default_rng(1).normal(size=draw_weights(skeleton, 0).size).astype(np.float32)
    own, x = named(skeleton, flat), X.copy()
    x[:, 1] = np.linspace(-2, 2, len(X))
    due = []
    for row in x:
        matrix, bias = layer_of(own, row[1:2])
        due.append(np.tanh(row[[0, 2, 3]] @ matrix + bias))
    np.testing.assert_allclose(walk(skeleton, flat, x), due, rtol=1e-4, atol=1e-5)
    assert part.categories(ROW) == {}


def test_nothing_but_hypernetworks_learns() -> None:
    skeleton, _ = PART.encoder(ROW)
    up, width = PART.decoder(ROW, 3)
    paths = [
        *parameter_specs(skeleton),
        *parameter_specs(up),
        *parameter_specs(PART.output_layer(ROW, width, 8)),
        *parameter_specs(PART.target_layer(ROW, 3, 2)),
    ]
    assert paths
    assert all(path.startswith("hypernetwork.") for path in paths)
    bottleneck = {path for path in parameter_specs(MODEL) if ".hypernetwork." not in path}
    assert bottleneck == {"neck.affine.matrix", "neck.affine.bias"}


@pytest.mark.parametrize("hidden", [(), (10,), (50,), (25, 25)], ids=str)
@pytest.mark.parametrize("chunk", [None, 100, 900], ids=str)
def test_weights_start_with_the_scale_of_their_slots(hidden: tuple[int, ...], chunk: int | None) -> None:
    """As Chang et al. (2020) ask for: what is made has the variance that the layer would be drawn with."""
    inner = MLP((48, 32))
    part = Hyper(inner, tasks=3, hidden=hidden, chunk=chunk)
    row, rest = Row((21,)), Row((20,))
    skeleton, plain = part.encoder(row)[0], inner.encoder(rest)[0]
    x = np.random.default_rng(0).normal(size=(300, 21)).astype(np.float32)
    x[:, -1] = np.arange(300) % 3
    weights, ends = jax.jit(jax.vmap(lambda flat: probe(skeleton, flat, x)))(
        np.stack([draw_weights(skeleton, seed) for seed in range(12)])
    )
    plain_ends = jax.vmap(lambda flat: assembled(plain, flat)(x[:, :20], None))(
        np.stack([draw_weights(plain, seed) for seed in range(12)])
    )
    offset = 0
    for spec in parameter_specs(plain).values():
        found = np.asarray(weights)[:, :, offset : offset + spec.size]  # [starts, tasks, weights]
        assert np.sqrt(np.mean(found**2)) == pytest.approx(spec.limit / np.sqrt(3), rel=0.04, abs=0)
        offset += spec.size
    assert rms(ends) / rms(plain_ends) == pytest.approx(1, rel=0.15)


def probe(skeleton: Any, flat: Any, x: np.ndarray) -> tuple[Any, Any]:
    road = assembled(skeleton, flat)
    return jax.vmap(road.hypernetwork.weights)(road.hypernetwork.tasks), road(x, None)


def rms(values: Any) -> float:
    return float(jnp.sqrt(jnp.mean(jnp.square(values))))


def test_its_gradient_is_that_of_finite_differences() -> None:
    with jax.enable_x64(True):
        flat = np.random.default_rng(2).normal(size=draw_weights(MODEL, 0).size) / 2
        batch = Batch(X.astype(np.float64), np.ones(len(X)))

        @jax.jit
        def value(flat: Any) -> Any:
            return loss(assembled(MODEL, flat), Plan(None, (), Sgd()), batch, jnp.int32(0), None)[0]

        slope = np.asarray(jax.jit(jax.grad(value))(flat))
        for seed in range(3):
            along = np.random.default_rng(seed).normal(size=flat.size)
            difference = (value(flat + 1e-6 * along) - value(flat - 1e-6 * along)) / 2e-6
            assert slope @ along == pytest.approx(float(difference), rel=1e-6)


def test_no_gradient_reaches_the_embedding_of_a_task_without_rows() -> None:
    skeleton = build(ROW, PART, Deterministic(2), MLP(()), SquaredError())
    flat, batch = draw_weights(skeleton, 0), Batch(X[X[:, 1] != 1], np.ones(6, np.float32))  # type: ignore[arg-type]

    def value(flat: Any) -> Any:
        return loss(assembled(skeleton, flat), Plan(None, (), Sgd()), batch, jnp.int32(0), None)[0]

    # Over several starts the compiler cannot leave the work out: the gradient is zero all the same.
    for gradient in (jax.jit(jax.grad(value))(flat), jax.jit(jax.vmap(jax.grad(value)))(flat[None])[0]):
        slope = named(skeleton, gradient)["encoder.hypernetwork.tasks"]
        assert (np.abs(slope).max(axis=1) > 0).tolist() == [True, False, True]


def test_several_starts_at_once_are_those_one_by_one() -> None:
    flats = np.stack([draw_weights(MODEL, seed) for seed in range(2)])
    together = jax.vmap(lambda flat: inference.reconstruct(flat, MODEL, X))(flats)
    for flat, rows in zip(flats, together, strict=True):
        np.testing.assert_allclose(inference.reconstruct(flat, MODEL, X), rows, rtol=1e-5, atol=1e-6)


def test_codes_carry_their_condition_there_and_back() -> None:
    flat = draw_weights(MODEL, 0)
    codes = np.asarray(inference.encode(flat, MODEL, X))
    assert codes.shape == (len(X), 3)
    np.testing.assert_array_equal(codes[:, 2], X[:, 1])
    np.testing.assert_allclose(
        inference.decode(flat, MODEL, codes), inference.reconstruct(flat, MODEL, X), rtol=1e-5, atol=1e-6
    )


def test_the_condition_has_no_noise() -> None:
    key, plan = jax.random.key(0), Plan(Masking(1.0), (), Sgd())
    x, flat = X.copy(), draw_weights(MODEL, 0)

    @jax.jit
    def terms(x: Any) -> Any:
        return loss(assembled(MODEL, flat), plan, Batch(x, jnp.ones(len(X))), jnp.int32(0), key)[0]

    masked = np.where(np.arange(COLUMNS) == 1, X, 0).astype(np.float32)
    outcome = np.asarray(inference.reconstruct(flat, MODEL, masked))
    assert float(terms(x)) == pytest.approx(float(np.mean(np.sum((outcome - X) ** 2, axis=1))), rel=1e-5)


def test_rows_of_a_road_made_row_by_row_have_noise_of_their_own() -> None:
    part = Hyper(MLP((200,), dropout=0.5), hidden=(4,))
    skeleton, _ = part.encoder(Row((3,)))
    x = np.tile(np.array([[1.0, -1.0, 0.5]], np.float32), (2, 1))
    one, other = np.asarray(assembled(skeleton, draw_weights(skeleton, 0))(x, jax.random.key(0)))
    assert ((one == 0) != (other == 0)).any()


@pytest.mark.parametrize("most", [1, 200])
def test_many_weights_are_made_for_few_rows_at_a_time(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton, _ = Hyper("mlp((3,))", column=1, hidden=(4,), chunk=5).encoder(ROW)
    flat = draw_weights(skeleton, 0)

    def sum_of_squares(flat: Any) -> Any:
        return jnp.sum(assembled(skeleton, flat)(X, None) ** 2)

    want, slope = jax.value_and_grad(sum_of_squares)(flat)
    monkeypatch.setattr("isthmus.layers.hypernetwork.MOST_NUMBERS", most)
    found, found_slope = jax.value_and_grad(sum_of_squares)(flat)
    np.testing.assert_allclose(found, want, rtol=1e-5)
    np.testing.assert_allclose(found_slope, slope, rtol=1e-4, atol=1e-5)


def test_scoring_holds_no_weights_for_a_whole_block_of_rows_where_they_are_many() -> None:
    part = Hyper("mlp((32,))", column=1, chunk=4)
    model = build(Row((5,)), part, Deterministic(1000), part, SquaredError())  # 2 x 32,000 weights, 2 x 8,000 chunks
    x = np.zeros((512, 5), np.float32)
    program = inference.reconstruct.lower(draw_weights(model, 0), model, x).compile()
    assert program.memory_analysis().temp_size_in_bytes < 50e6  # 217e6 for all rows at once


def test_a_road_of_convolutions_is_made_too() -> None:
    part = Hyper(Conv((2,), shape=(4, 4)), tasks=2, hidden=(4,))
    row = Row((17,))
    model = build(row, part, Deterministic(2), part, SquaredError())
    x = np.random.default_rng(0).normal(size=(4, 17)).astype(np.float32)
    x[:, -1] = [0, 1, 0, 1]
    assert inference.reconstruct(draw_weights(model, 0), model, x).shape == (4, 17)


def test_a_road_without_layers_only_loses_the_condition() -> None:
    skeleton, width = Hyper((), tasks=3).encoder(ROW)  # type: ignore[arg-type]
    assert parameter_specs(skeleton) == {}
    assert width == 3
    np.testing.assert_array_equal(skeleton(X, None), X[:, :3])


def test_what_a_penalty_finds() -> None:
    assert [network.column for network in hypernetworks(MODEL)] == [1, 1, 1]
    assert hypernetworks(build(ROW, MLP(()), Deterministic(2), MLP(()), SquaredError())) == []
    assert PART.categories(ROW) == {1: TASKS}
    assert PART.condition(ROW) == (1,)


def refusal(part: Hyper, row: Row = ROW) -> str:
    with pytest.raises(InvalidPart) as caught:
        part.encoder(row)
    return str(caught.value)


def test_a_condition_that_cannot_be_is_refused() -> None:
    assert refusal(Hyper(column="tusk")) == ("Hyper.column must be a column of the table (a, task, b, c). Got 'tusk'.")
    assert refusal(Hyper(column="task"), Row((4,))) == (
        "Hyper.column must be a place, as the table names no columns. Got 'task'."
    )
    assert refusal(Hyper(column=4)) == "Hyper.column must be a place from -4 to 3. Got 4."
    assert refusal(Hyper(), Row((1,))) == "hyper needs columns beside its condition: the table has no other."
    assert refusal(Hyper(Hyper())) == ("Hyper.backbone must be a backbone without a condition of its own. Got 'hyper'.")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"tasks": 0}, "Hyper.tasks must be at least 1, or None. Got 0."),
        ({"embedding": 0}, "Hyper.embedding must be at least 1. Got 0."),
        ({"hidden": (3, 0)}, "Hyper.hidden must be widths of at least 1. Got (3, 0)."),
        ({"chunk": 0}, "Hyper.chunk must be at least 1, or None. Got 0."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Hyper(**setting)
    assert str(caught.value) == message


def test_a_decoder_with_another_condition_is_refused() -> None:
    with pytest.raises(InvalidPart) as caught:
        build(ROW, PART, Deterministic(2), PART.replace(column=3), SquaredError())
    assert str(caught.value) == (
        "the decoder must know what the encoder knows beside the code: column 'task' and column 'c'. It is made for "
        "column 'c'."
    )


def test_a_stack_refuses_a_condition() -> None:
    with pytest.raises(InvalidPart) as caught:
        stack_models([MODEL], [])
    assert str(caught.value) == ("a stack cannot hand a condition on from level to level: use backbones without one.")


def test_weights_are_joined_as_slots_stand() -> None:
    skeleton, _ = PART.encoder(ROW)
    network = assembled(skeleton, draw_weights(skeleton, 0)).hypernetwork
    layer = network.module(network.tasks[1]).layers[0].affine
    np.testing.assert_array_equal(network.weights(network.tasks[1]), join_weights([layer.matrix, layer.bias]))
