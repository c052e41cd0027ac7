"""Top-k codes: exactly k units pass, the largest by sign, the first of equals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from isthmus import Autoencoder, load
from isthmus.contracts import LAST_STEP, Bottleneck, TrainedNetwork
from isthmus.core.parameter_specs import draw_weights
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart
from isthmus.layers.largest import BLOCK, keep_largest, largest
from isthmus.parts.bottlenecks import TopK
from isthmus.parts.schedules import Linear
from tiny import assembled

keep = jax.jit(keep_largest, static_argnums=2)
places = jax.jit(largest, static_argnums=1)
HIDDEN = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def neck_of(part: Any) -> Any:
    skeleton = part.build(3)
    return assembled(skeleton, draw_weights(skeleton, 0))


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
    np.testing.assert_array_equal(keep(jnp.array([row]), k, 4), [kept])  # one program for every k


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(hnp.arrays(np.float32, (5, 7), elements=st.sampled_from([-2.0, -1.0, 0.5, 1.0, 2.0])))
def test_exactly_k_of_a_row_are_not_zero_whatever_its_ties(x: np.ndarray) -> None:
    kept = np.asarray(keep(x, 3, 5))
    assert (np.count_nonzero(kept, axis=1) == 3).all()
    np.testing.assert_array_equal(kept, kept_by_sorting(x, 3))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(hnp.arrays(np.float32, (3, 512), elements=st.sampled_from([-2.0, -1.0, 0.5, 1.0, 2.0, 3.0])))
def test_exactly_k_of_a_long_row_stay_whatever_its_ties(x: np.ndarray) -> None:
    assert x.shape[1] >= 8 * BLOCK * 4, "too short for blocks"
    np.testing.assert_array_equal(places(x, 4), np.argsort(-x, axis=1, kind="stable")[:, :4])
    np.testing.assert_array_equal(keep(x, 3, 4), kept_by_sorting(x, 3))


def test_the_largest_are_found_where_one_block_holds_them_all_and_where_each_holds_one() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (3, 512)).astype(np.float32)
    x[0, 35:39] += 5
    x[1, [3, 130, 258, 511]] += 5
    np.testing.assert_array_equal(np.sort(places(x, 4)[:2], axis=1), [[35, 36, 37, 38], [3, 130, 258, 511]])
    np.testing.assert_array_equal(keep(x, 4, 4), kept_by_sorting(x, 4))


def test_what_is_not_a_number_is_not_hidden() -> None:
    assert np.isnan(keep(jnp.array([[1.0, np.nan, 2.0, 0.0]]), 2, 4)).any()


def kept_by_sorting(x: np.ndarray, k: int) -> np.ndarray:
    """Return the k largest of each row; a stable sort from large to small puts the first of equals first."""
    order = np.argsort(-x, axis=1, kind="stable")[:, :k]
    kept = np.zeros_like(x)
    np.put_along_axis(kept, order, np.take_along_axis(x, order, axis=1), axis=1)
    return kept


def test_the_gradient_flows_through_the_units_that_stay() -> None:
    x = np.array([[3.0, 1.0, 2.0, -4.0], [-1.0, -1.0, -5.0, -1.0]])
    pull = np.array([[10.0, 20.0, 30.0, 40.0], [50.0, 60.0, 70.0, 80.0]])
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(keep_largest(x, 2, 2) * pull)))(x)
    np.testing.assert_array_equal(gradient, [[10, 0, 30, 0], [50, 60, 0, 0]])


def test_the_code_is_the_affine_map_of_the_largest() -> None:
    hidden = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    skeleton = TopK(8, k=2).build(3)
    flat = draw_weights(skeleton, 0)
    flat[-8:] = np.linspace(-1, 1, 8)
    neck = assembled(skeleton, flat)
    linear = hidden @ flat[:24].reshape(3, 8) + flat[24:]
    third = np.sort(linear, axis=1)[:, -3:-2]
    code = neck(hidden, None)
    np.testing.assert_allclose(code.point, np.where(linear > third, linear, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(code.draws, code.point[None])
    np.testing.assert_array_equal(neck(hidden, jax.random.key(0)).point, code.point)


def test_a_schedule_lowers_the_number_of_units_step_by_step() -> None:
    neck = neck_of(TopK(16, k="linear(6, 3, steps=4)"))
    active = jax.jit(lambda step: jnp.sum(neck(HIDDEN, None, step).draws[0] != 0, axis=1))
    # 6, 5.25, 4.5 (to the even number), 3.75, 3, and 3 for ever.
    for step, k in [(0, 6), (1, 5), (2, 4), (3, 4), (4, 3), (9, 3), (LAST_STEP, 3)]:
        np.testing.assert_array_equal(active(jnp.int32(step)), k)
    assert int(jnp.count_nonzero(neck(HIDDEN, None).draws)) == 3 * len(HIDDEN)


def test_a_schedule_may_rise() -> None:
    neck = neck_of(TopK(16, k="linear(2, 5, steps=3)"))
    counts = [int(jnp.count_nonzero(neck(HIDDEN, None, jnp.int32(step)).draws[0, 0])) for step in (0, 1, 3)]
    assert counts == [2, 3, 5]


@pytest.mark.parametrize(
    ("spelling", "kept", "encoded"),
    [
        ("top_k(16, k=4)", 4, 4),
        ("top_k(16, k=4, alpha=2)", 4, 8),
        ("top_k(16, k=3, alpha=1.4)", 3, 4),  # 4.2
        ("top_k(16, k=6, alpha=3)", 6, 16),  # no more than there are
        ("top_k(16, k='linear(9, 2, steps=10)', alpha=3)", 2, 6),  # of the schedule's end
    ],
)
def test_transform_keeps_alpha_times_as_many_as_are_decoded(spelling: str, kept: int, encoded: int) -> None:
    code = neck_of(resolve(Bottleneck, spelling))(HIDDEN, None)
    linear = np.asarray(code.dense)
    assert np.count_nonzero(linear) == linear.size
    np.testing.assert_array_equal(code.draws[0], kept_by_sorting(linear, kept))
    np.testing.assert_array_equal(code.point, kept_by_sorting(linear, encoded))


def test_an_autoencoder_reconstructs_from_k_units_and_encodes_alpha_k(tmp_path: Path) -> None:
    x = np.random.default_rng(2).normal(size=(60, 5))
    model = Autoencoder(
        "top_k(16, k=linear(8, 2, steps=6), alpha=2)", encoder=(), decoder=(), scaling="none", max_epochs=3
    ).fit(x)
    codes = model.transform(x)
    np.testing.assert_array_equal(np.count_nonzero(codes, axis=1), 4)
    # The two largest of the four, signed, among all 16: zeros of the code may be larger than what stays.
    order = np.argsort(np.where(codes == 0, -np.inf, -0.0) + codes, axis=1)[:, -2:]
    two = np.zeros_like(codes)
    np.put_along_axis(two, order, np.take_along_axis(codes, order, axis=1), axis=1)
    np.testing.assert_allclose(model.reconstruct(x), model.inverse_transform(two), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(x), model.inverse_transform(codes), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.similar(x, n=1, scale=0.0), model.reconstruct(x), rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").transform(x), codes)


def test_a_row_can_be_copied_where_k_reaches_its_columns() -> None:
    part = TopK(64, k=8)
    assert [part.can_copy(columns) for columns in (7, 8, 9, 64)] == [True, True, False, False]
    falling = TopK(64, k="linear(20, 8, steps=10)")  # what is left at its end counts
    assert [falling.can_copy(columns) for columns in (8, 9, 20)] == [True, False, False]


def test_spellings_and_parts_are_the_same_schedule() -> None:
    part = TopK(64, Linear(20, 8, steps=10), alpha=2)
    assert part == resolve(Bottleneck, "top_k(64, k=linear(20, 8, steps=10), alpha=2)")
    assert part == resolve(Bottleneck, "top_k(64, k='linear(20, 8, steps=10)', alpha=2)")
    assert str(part) == "top_k(64, k=linear(20.0, end=8.0, steps=10), alpha=2.0)"
    assert isinstance(TopK(64, 9).k, int)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"size": 0}, "TopK.size must be at least 1. Got 0."),
        ({"size": 4}, "TopK.k must be from 1 to the size of the code, 4. Got 8."),
        ({"size": 16, "k": 0}, "TopK.k must be from 1 to the size of the code, 16. Got 0."),
        ({"size": 16, "k": 2.5}, "TopK.k must be a whole number or a schedule. Got 2.5."),
        (
            {"size": 16, "k": "linear(20, 4, steps=9)"},
            "TopK.k must be from 1 to the size of the code, 16. Got 'linear(20.0, end=4.0, steps=9)'.",
        ),
        (
            {"size": 16, "k": "exponential(8, rate=2, steps=1)"},
            "TopK.k must be from 1 to the size of the code, 16. Got 'exponential(8.0, rate=2.0, steps=1)'.",
        ),
        ({"size": 16, "alpha": 0.5}, "TopK.alpha must be at least 1. Got 0.5."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        TopK(**settings_)
    assert str(caught.value) == message


def test_the_published_recipe_gives_features_that_are_better_than_pixels() -> None:
    """Linear, tied, k lowered over the first half, alpha·k encoded: logistic regression errs less on 797 digits."""
    pixels, digit = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    train, test = order[:1000], order[1000:]
    recipe = Autoencoder(
        "top_k(200, k=linear(40, 10, steps=600), alpha=3)",
        encoder=(),
        tied=True,
        scaling="none",
        optimizer="adam(0.003)",
        batch_size=32,
        max_epochs=40,
        validation_fraction=0,
        stops=(),
    ).fit(pixels[train] / 16)

    def error(features: np.ndarray, strength: float) -> float:
        scaled = features / np.abs(features[train]).max()
        classifier = LogisticRegression(C=strength, max_iter=1000, tol=1e-3).fit(scaled[train], digit[train])
        return 1 - float(classifier.score(scaled[test], digit[test]))

    codes = recipe.transform(pixels / 16)
    assert error(codes, 100) < 0.85 * min(error(pixels, strength) for strength in (1, 10))
    alive = np.any(codes[train] != 0, axis=0)
    assert alive.mean() > 0.9


def test_units_are_dead_that_are_zero_in_every_row_of_every_block() -> None:
    blocks = [np.array([[0.0, 1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 0.0, -2.0], [0.0, 3.0, 0.0, 0.0]])]
    network = TrainedNetwork(lambda: iter(blocks), np.zeros((1, 2)), np.array, np.array, np.array)
    facts, part = TopK(4, k=1).finish(network)
    assert facts["dead_units"].tolist() == [0, 2]
    assert part == TopK(4, k=1)
    beside = TrainedNetwork(lambda: iter([np.zeros((3, 5))]), np.zeros((1, 2)), np.array, np.array, np.array)
    assert TopK(4, k=1).finish(beside).facts["dead_units"].tolist() == [0, 1, 2, 3]  # the fifth is no unit


@pytest.mark.parametrize("units", [None, [1, 0], [0, 0], [-1], [1.0], ["x"], "x", {}])
def test_a_file_with_other_dead_units_is_refused(units: Any) -> None:
    with pytest.raises(InvalidPart, match=r"^dead_units must be places of units, in order"):
        TopK(4, k=1).check_facts({"dead_units": units})
