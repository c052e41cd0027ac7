"""Penalties over the pairs of a batch, each by a loop over the pairs, and what they do to the codes of digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from isthmus import Autoencoder
from isthmus.contracts import Batch, Code, ForwardPass
from isthmus.errors import InvalidData, InvalidPart
from isthmus.layers.pairs import root, squared_distances
from isthmus.parts.penalties import Distances, Laplacian, Margin
from isthmus.parts.schedules import Linear

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(7, 4))
CODES = 0.8 * RANDOM.normal(size=(7, 2))
WEIGHT = np.array([1.0, 2.0, 0.5, 1.5, 1.0, 0.0, 0.0])  # the last two only fill up
LABEL = np.array([0, 1, 0, -1, 1, 0, 1], np.int32)


@jax.jit
@jax.value_and_grad
def compiled(draws: Any, penalty: Any, x: Any, weight: Any, label: Any) -> Any:
    code = Code(draws, draws[0])
    return penalty(ForwardPass(Batch(x, weight, label), x, code, None, None, jnp.int32(0), None))  # type: ignore[arg-type]


def term(penalty: Any, draws: np.ndarray = CODES[None], x: Any = X, weight: Any = WEIGHT, label: Any = LABEL) -> Any:
    with jax.enable_x64(True):
        value, slope = compiled(draws, penalty, x, weight, label)
        return float(value), np.asarray(slope)


def by_loop(each: Callable[[int, int], float], rows: list[int] | None = None, weight: np.ndarray = WEIGHT) -> float:
    """Return the mean over the pairs i < j, each by the product of the weights of its rows."""
    pairs = list(combinations(range(5) if rows is None else rows, 2))
    return sum(weight[i] * weight[j] * each(i, j) for i, j in pairs) / sum(weight[i] * weight[j] for i, j in pairs)


def square(points: np.ndarray, i: int, j: int) -> float:
    return float(((points[i] - points[j]) ** 2).sum())


def near(i: int, j: int) -> float:
    """Return the heat kernel with its default: t is the mean squared distance."""
    return math.exp(-square(X, i, j) / by_loop(lambda i, j: square(X, i, j)))


def in_ball(i: int, j: int) -> bool:
    """Say whether a pair is in the ball with its default: a tenth of the weight of all pairs."""
    pairs = sorted(combinations(range(5), 2), key=lambda pair: square(X, *pair))
    counts = np.array([WEIGHT[i] * WEIGHT[j] for i, j in pairs])
    last = int(np.argmax(np.cumsum(counts) >= 0.1 * counts.sum()))
    return square(X, i, j) <= square(X, *pairs[last])


def far_weston(i: int, j: int, margin: float = 1.0) -> float:
    return max(0.0, margin - square(CODES, i, j))


def far_hadsell(i: int, j: int, margin: float = 1.0) -> float:
    return max(0.0, margin - math.sqrt(square(CODES, i, j))) ** 2


PAIRS = {
    "laplacian": (Laplacian(), lambda i, j: near(i, j) * square(CODES, i, j)),
    "laplacian, t": (
        Laplacian(affinity="heat_kernel(2.0)"),  # type: ignore[arg-type]
        lambda i, j: math.exp(-square(X, i, j) / 2) * square(CODES, i, j),
    ),
    "distances": (Distances(), lambda i, j: (math.sqrt(square(CODES, i, j)) - math.sqrt(square(X, i, j))) ** 2),
    "margin": (Margin(), lambda i, j: square(CODES, i, j) if in_ball(i, j) else far_weston(i, j)),
    "margin, m": (Margin(margin=0.4), lambda i, j: square(CODES, i, j) if in_ball(i, j) else far_weston(i, j, 0.4)),
    "margin, hadsell": (
        Margin(form="hadsell"),
        lambda i, j: square(CODES, i, j) if in_ball(i, j) else far_hadsell(i, j),
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_the_mean_over_pairs_is_that_of_a_loop(case: str) -> None:
    penalty, each = PAIRS[case]
    assert term(penalty)[0] == pytest.approx(by_loop(each), rel=1e-9)


def test_the_cases_reach_both_sides_of_the_hinge() -> None:
    inside = [in_ball(i, j) for i, j in combinations(range(5), 2)]
    assert 0 < sum(inside) < 10
    for hinge in (far_weston, far_hadsell):
        values = [hinge(i, j) for (i, j), is_in in zip(combinations(range(5), 2), inside, strict=True) if not is_in]
        assert min(values) == 0 < max(values)


def test_with_labels_pairs_without_one_do_not_count() -> None:
    def each(i: int, j: int) -> float:
        return square(CODES, i, j) if LABEL[i] == LABEL[j] else far_weston(i, j)

    def together(i: int, j: int) -> float:
        return square(CODES, i, j) if LABEL[i] == LABEL[j] else 0.0

    labelled = [0, 1, 2, 4]
    same: Any = "same_label"
    assert term(Margin(affinity=same))[0] == pytest.approx(by_loop(each, labelled), rel=1e-9)
    assert term(Laplacian(affinity=same))[0] == pytest.approx(by_loop(together, labelled), rel=1e-9)


@pytest.mark.parametrize("case", PAIRS)
def test_several_draws_count_by_their_mean(case: str) -> None:
    penalty, _ = PAIRS[case]
    other = CODES[::-1].copy()
    mean = (term(penalty)[0] + term(penalty, other[None])[0]) / 2
    assert term(penalty, np.stack([CODES, other]))[0] == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("penalty", [Laplacian(affinity="heat_kernel(2.0)"), Distances(), Margin(affinity="ball(2.0)")])  # type: ignore[arg-type]
def test_it_does_not_depend_on_the_size_of_the_batch(penalty: Any) -> None:
    """The mean over all batches of 3 of 6 rows is that of the batch of 6."""
    x, codes, ones = (
        np.random.default_rng(1).normal(size=(6, 4)),
        np.random.default_rng(2).normal(size=(6, 2)),
        np.ones(6),
    )
    batches = [list(rows) for rows in combinations(range(6), 3)]
    small = [term(penalty, codes[rows][None], x[rows], ones[rows], None)[0] for rows in batches]
    assert np.mean(small) == pytest.approx(term(penalty, codes[None], x, ones, None)[0], rel=1e-9)


@pytest.mark.parametrize("case", PAIRS)
def test_its_gradient_is_the_slope(case: str) -> None:
    penalty, _ = PAIRS[case]
    _, slope = term(penalty)
    nudges = 1e-6 * np.eye(CODES.size).reshape(-1, *CODES.shape)
    found = [(term(penalty, (CODES + n)[None])[0] - term(penalty, (CODES - n)[None])[0]) / 2e-6 for n in nudges]
    assert np.abs(found).max() > 0.01
    np.testing.assert_allclose(slope.ravel(), found, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("case", PAIRS)
def test_equal_codes_and_equal_rows_have_a_finite_gradient(case: str) -> None:
    penalty, _ = PAIRS[case]
    x, codes = X.astype(np.float32), CODES.astype(np.float32)
    x[1], codes[1], codes[2] = x[0], codes[0], codes[0]
    for rows, draws in ((x, codes[None]), (0 * x, 0 * codes[None]), (x, 0 * codes[None]), (x, 1e5 + codes[None])):
        for weight in (WEIGHT, np.eye(7)[0], np.zeros(7)):
            value, slope = compiled(draws, penalty, rows, weight.astype(np.float32), LABEL)
            assert np.isfinite(value)
            assert np.isfinite(slope).all()
            np.testing.assert_array_equal(slope[:, weight == 0], 0)


def test_the_root_has_no_slope_at_zero() -> None:
    value, slope = jax.vmap(jax.value_and_grad(root))(jnp.array([0.0, 4.0, 1e-20]))
    np.testing.assert_allclose(value, [0, 2, 1e-10], rtol=1e-6)
    np.testing.assert_allclose(slope, [0, 0.25, 5e9], rtol=1e-6)


def test_twins_are_at_one_place_and_neighbors_are_not() -> None:
    """From products alone the distance of twins would be what rounding leaves."""
    one = np.random.default_rng(0).normal(size=(100, 50)).astype(np.float32)
    found = np.asarray(squared_distances(jnp.array(np.concatenate([one, one, one + np.float32(0.01)]))))
    np.testing.assert_array_equal(np.diag(found), 0)
    np.testing.assert_array_equal(np.diag(found, 100)[:100], 0)
    np.testing.assert_allclose(np.diag(found, 200), 50 * 1e-4, rtol=0.02)


@pytest.mark.parametrize("cls", [Laplacian, Distances, Margin])
def test_what_is_not_allowed_is_said(cls: Any) -> None:
    with pytest.raises(InvalidPart) as caught:
        cls(-0.5)
    assert str(caught.value) == f"{cls.__name__}.weight must be at least 0. Got -0.5."
    assert cls(Linear(1.0, 0.0, 10)).weight == Linear(1.0, 0.0, 10)


def test_a_margin_of_zero_is_refused() -> None:
    with pytest.raises(InvalidPart) as caught:
        Margin(margin=0.0)
    assert str(caught.value) == "Margin.margin must be above 0. Got 0.0."
    with pytest.raises(InvalidPart) as caught:
        Margin(form="squared")  # type: ignore[arg-type]
    assert str(caught.value) == "Margin.form must be one of 'weston', 'hadsell'. Got 'squared'."


@pytest.mark.parametrize("name", ["laplacian", "distances", "margin"])
def test_labels_are_asked_for_where_the_affinity_needs_them(name: str) -> None:
    with pytest.raises(InvalidData) as caught:
        Autoencoder(2, encoder=(4,), penalties=f"{name}(0.1, affinity=same_label)").fit(X)
    assert str(caught.value).startswith(f"the penalty {name} needs labels: call fit(X, y).")


DIGITS, CLASS = load_digits(return_X_y=True)
SCALED = (DIGITS - DIGITS[:600].mean(axis=0)) / np.where(DIGITS[:600].std(axis=0) == 0, 1, DIGITS[:600].std(axis=0))


def codes_of(*penalties: str) -> np.ndarray:
    """Return codes of 8 numbers of 600 digits learned from, and of 600 others."""
    ae = Autoencoder(
        8, encoder=(32,), penalties=penalties, optimizer="adam(0.003)", batch_size=64, max_epochs=40, stops=()
    )
    return ae.fit(DIGITS[:600], CLASS[:600]).transform(DIGITS[:1200])


def trust(codes: np.ndarray) -> tuple[float, float]:
    return trustworthiness(SCALED[:600], codes[:600]), trustworthiness(SCALED[600:1200], codes[600:])


def accuracy(codes: np.ndarray) -> float:
    return KNeighborsClassifier(5).fit(codes[:600], CLASS[:600]).score(codes[600:], CLASS[600:1200])


def stress(codes: np.ndarray) -> float:
    return float(np.square(pdist(codes[600:]) - pdist(SCALED[600:1200])).mean())


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return codes_of()


def test_near_digits_come_together_with_laplacian(plain: np.ndarray) -> None:
    codes = codes_of("laplacian(10.0, ball(share=0.02))")
    assert all(new > old for new, old in zip(trust(codes), trust(plain), strict=True))
    assert accuracy(codes) >= accuracy(plain)


def test_distances_of_digits_are_kept_with_distances(plain: np.ndarray) -> None:
    codes = codes_of("distances(1.0)")
    assert all(new > old for new, old in zip(trust(codes), trust(plain), strict=True))
    assert stress(codes) < 0.75 * stress(plain)


def test_digits_of_a_class_come_together_with_margin(plain: np.ndarray) -> None:
    assert accuracy(codes_of("margin(3.0, 10.0, same_label)")) > accuracy(plain) + 0.03


@pytest.mark.parametrize("penalty", [Laplacian(over="rows"), Distances(over="rows"), Margin(over="rows")], ids=str)
def test_a_sum_over_pairs_may_be_divided_by_the_rows(penalty: Any) -> None:
    """Σ_{i<j} w_i w_j L_ij / Σ_i w_i; rows of weight 1 make it (n − 1) / 2 times the mean over pairs."""
    mean, ours = term(penalty.replace(over="pairs"))[0], term(penalty)[0]
    pairs = sum(WEIGHT[i] * WEIGHT[j] for i, j in combinations(range(5), 2))
    assert ours == pytest.approx(mean * pairs / WEIGHT.sum(), rel=1e-9)
    ones = np.where(np.arange(7) < 5, 1.0, 0.0)
    assert term(penalty, weight=ones)[0] == pytest.approx(2 * term(penalty.replace(over="pairs"), weight=ones)[0])


def test_the_affinity_may_be_the_distance_itself() -> None:
    """The lecture's (‖h_i − h_j‖ − φ_ij)² with φ = exp(−‖x_i − x_j‖² / r)."""
    due = by_loop(lambda i, j: (math.sqrt(square(CODES, i, j)) - math.exp(-square(X, i, j) / 4)) ** 2)
    plain = Distances(affinity="heat_kernel(4.0)", squared=False)  # type: ignore[arg-type]
    rooted = Distances(affinity="heat_kernel(2.0)")  # type: ignore[arg-type]
    assert term(plain)[0] == pytest.approx(due, rel=1e-9)
    assert term(rooted)[0] == pytest.approx(due, rel=1e-9)
