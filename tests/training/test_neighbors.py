"""Rows that explain others: the loss by a double loop, searches at their epochs, rest, resumption, a lower bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from isthmus import Autoencoder, InvalidPart
from isthmus.contracts import Backbone, Bottleneck, Likelihood, Links, Row, Stop
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble
from isthmus.core.spelling import resolve
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import build
from isthmus.parts.neighborhoods import Nearest
from isthmus.training.neighbors import find_neighbors
from isthmus.training.step import TrainingState
from tiny import progress_of, weights_of, with_flat_weights

RANDOM = np.random.default_rng(0)
CENTERS = np.array([[3.0, 0, 0, 1, 0], [0, 3.0, 1, 0, 0], [-3.0, 0, 0, 0, 2]])
Y = np.repeat([0, 1, 2], [18, 13, 10])
X = CENTERS[Y] + RANDOM.normal(size=(41, 5)) * [1, 1, 0.5, 0.5, 0.2]
# A small table is sorted when it is folded; ours is sorted already, so that places are places here and there.
SORTED = np.lexsort(X.T[::-1])
X, Y = X[SORTED], Y[SORTED]
SQUARE = squareform(pdist(X, "sqeuclidean"))


def autoencoder(neighborhood: Any, **settings: Any) -> Autoencoder:
    plain = {"bottleneck": 2, "encoder": (4,), "max_epochs": 8, "stops": (), "scaling": None, "batch_size": 41}
    return Autoencoder(**plain | {"neighborhood": neighborhood} | settings)


def links_of(ae: Autoencoder, start: int = 0) -> Links:
    links = progress_of(ae).state.links
    return Links(np.asarray(links.index)[start, :41], np.asarray(links.strength)[start, :41])


def strengths(links: Links) -> np.ndarray:
    """Return s_ij as a table."""
    found = np.zeros((41, 41))
    for i in range(41):
        np.add.at(found[i], links.index[i], links.strength[i])
    return found


def by_hand(case: str) -> np.ndarray:
    """Return the strengths of a case of the generalized autoencoder, row by row."""
    found = np.zeros((41, 41))
    order = np.argsort(SQUARE, axis=1)
    t = np.mean([SQUARE[i, order[i, 1:4]] for i in range(41)])
    for i in range(41):
        own, others = ([j for j in order[i] if (Y[j] == Y[i]) == is_own] for is_own in (True, False))
        if case == "itself":
            found[i, i] = 1
        elif case == "same class":
            found[i, own] = 1 / len(own)
        elif case == "nearest":
            found[i, order[i, :4]] = np.exp(-SQUARE[i, order[i, :4]] / t)
        else:
            found[i, own[:4]], found[i, others[:2]] = 1, -1
    return found


CASES = {
    "itself": "nearest(1, every=0)",
    "same class": "same_class(20, every=0)",
    "nearest": "nearest(4, every=0)",
    "margin": "margin(4, repel=2, every=0)",
}


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_the_double_sum_over_rows_and_those_they_explain(case: str) -> None:
    start = autoencoder(CASES[case], max_epochs=0).fit(X, Y)
    after = autoencoder(CASES[case], max_epochs=1).fit(X, Y)
    s = strengths(links_of(after))
    np.testing.assert_allclose(s, by_hand(case), rtol=1e-5)
    reconstructed = start.reconstruct(X)
    total = 0.0
    for i in range(41):
        for j in range(41):
            total += s[i, j] * ((X[j] - reconstructed[i]) ** 2).sum()
    # All rows are one batch: the loss of the first epoch is that of the first weights.
    assert after.history_[0]["loss"] == pytest.approx(total / 41, rel=1e-5)
    assert after.history_[0]["reconstruction"] == after.history_[0]["loss"]
    if case == "itself":
        plain = autoencoder(None, max_epochs=1).fit(X)
        assert after.history_[0]["loss"] == pytest.approx(plain.history_[0]["loss"], rel=1e-6)
        np.testing.assert_allclose(after.transform(X), plain.transform(X), rtol=1e-5, atol=1e-6)


def test_rows_that_fill_the_table_up_have_links_without_strength() -> None:
    table = DeviceTable(np.pad(X, ((0, 3), (0, 0))).astype(np.float32), np.ones(44), np.int32(41), None)
    mlp = resolve(Backbone, "mlp(())")
    model = build(Row((5,)), mlp, resolve(Bottleneck, 2), mlp, resolve(Likelihood, "squared_error"))
    state = find_neighbors(TrainingState(np.zeros((2, 5)), None, 0), Nearest(3), model, table, (0, 1))
    assert state.links is not None
    assert state.links.index.shape == state.links.strength.shape == (2, 44, 3)
    np.testing.assert_array_equal(state.links.strength[:, 41:], 0)
    np.testing.assert_array_equal(state.links.index[0, :41], np.argsort(SQUARE, axis=1)[:, :3])
    np.testing.assert_array_equal(state.changed, [1, 1])


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, Links]]:
    """Return the points and the links of every search from now on."""
    found: list[tuple[np.ndarray, Links]] = []
    original = Nearest.__call__

    def watched(self: Nearest, points: np.ndarray, label: np.ndarray | None, seed: int) -> Links:
        found.append((np.array(points), original(self, points, label, seed)))
        return found[-1][1]

    monkeypatch.setattr(Nearest, "__call__", watched)
    return found


def test_links_are_searched_among_rows_first_and_then_among_codes(searches: list[tuple[np.ndarray, Links]]) -> None:
    ae = autoencoder("nearest(4, every=3, tolerance=0.0)", optimizer="adam(0.03)").fit(X)
    np.testing.assert_allclose(searches[0][0], X, rtol=1e-6)
    assert len(searches) == 3  # before the first epoch, after the third, after the sixth
    for number, (points, _) in zip((3, 6), list(searches)[1:], strict=True):
        left = autoencoder("nearest(4, every=3, tolerance=0.0)", optimizer="adam(0.03)", max_epochs=number).fit(X)
        np.testing.assert_array_equal(points, left.transform(X).astype(np.float32))
    links = [links.index.tolist() for _, links in searches[:3]]
    shares = [1.0] * 3
    for old, new in pairwise(links):
        new_ones = sum(len(set(b) - set(a)) for a, b in zip(old, new, strict=True))
        shares += [new_ones / (41 * 4)] * 3
    assert [record["changed_links"] for record in ae.history_] == pytest.approx(shares[:8], rel=1e-6)
    np.testing.assert_array_equal(links_of(ae).index, searches[2][1].index)


def test_fewer_links_change_until_the_search_rests(searches: list[tuple[np.ndarray, Links]]) -> None:
    ae = autoencoder("nearest(4, every=2)", optimizer="adam(0.03)", max_epochs=120).fit(X)
    shares = [record["changed_links"] for record in ae.history_][::2]
    at = len(searches) - 1  # the number of searches among the codes
    assert 5 < at < 59
    assert min(shares[:at]) > 0.01 >= shares[at]
    assert np.mean(shares[1:4]) > 3 * np.mean(shares[at - 3 : at])
    assert shares[at:] == [shares[at]] * (60 - at)
    np.testing.assert_array_equal(links_of(ae).index, searches[-1][1].index)


def test_every_0_searches_among_the_rows_only(searches: list[tuple[np.ndarray, Links]]) -> None:
    ae = autoencoder("nearest(4, every=0)").fit(X)
    assert len(searches) == 1
    assert {record["changed_links"] for record in ae.history_} == {1.0}


def test_draws_of_large_classes_never_rest_and_whole_classes_do_at_once() -> None:
    drawn = autoencoder("same_class(3)").fit(X, Y)
    assert min(record["changed_links"] for record in drawn.history_) > 0.5
    whole = autoencoder("same_class(18)").fit(X, Y)
    assert [record["changed_links"] for record in whole.history_] == [1.0] + [0.0] * 7


def test_rows_that_explain_their_class_become_its_mean() -> None:
    """Σ_j s_ij ‖x_j − r‖² is Σ_j s_ij · ‖m − r‖² and a constant, m the mean of the class."""
    ae = autoencoder("same_class(20)", optimizer="adam(0.01)", max_epochs=400, encoder="mlp((8,), tanh)").fit(X, Y)
    means = np.stack([X[each == Y].mean(axis=0) for each in range(3)])[Y]
    found = np.square(ae.reconstruct(X) - means).sum(axis=1)
    within = np.square(X - means).sum(axis=1)
    assert found.mean() < 0.1 * within.mean()
    assert ae.history_[-1]["loss"] == pytest.approx(within.mean() + found.mean(), rel=0.05)


def test_the_loss_with_repulsion_has_the_lower_bound_of_its_constants() -> None:
    """min_r Σ_j s_ij ‖x_j − r‖² = Σ_j s_ij ‖x_j‖² − ‖Σ_j s_ij x_j‖² / Σ_j s_ij, below zero for some rows."""
    settings = {"optimizer": "adam(0.01)", "max_epochs": 200, "batch_size": 16}
    ae = autoencoder("margin(5, repel=4, every=0)", **settings).fit(X, Y)
    s = strengths(links_of(ae))
    least = s @ np.square(X).sum(axis=1) - np.square(s @ X).sum(axis=1) / s.sum(axis=1)
    losses = np.array([record["loss"] for record in ae.history_])
    assert least.mean() < 0
    assert np.isfinite(losses).all()
    assert (losses >= least.mean()).all()
    assert losses[-1] < losses[0]
    # Where links are sought among the codes too, they change, and the bound with them.
    sought = autoencoder("margin(5, repel=4)", n_starts=2, **settings).fit(X, Y)
    lowest = -(4**2) / 1 * SQUARE.max()
    assert all(lowest < record["loss"] < 1e3 for record in sought.history_)
    assert progress_of(sought).factor.tolist() == [1, 1]  # it never had to go back


def test_cross_entropy_has_no_lower_bound_with_repulsion_and_is_refused() -> None:
    rows, strength = np.array([[1.0], [1.0], [0.0]]), np.array([1.0, 1.0, -1.0])  # their weighted mean is 2
    falls = {}
    for name in ("bernoulli", "squared_error", "absolute_error"):
        likelihood = resolve(Likelihood, name)
        skeleton = likelihood.build(Row((1,)), lambda total: affine(1, total))
        head = assemble(skeleton, np.array([1.0, 0.0]))
        # One output for all features, far and farther out on both sides.
        outcome = jax.tree.map(lambda array: array[None], head(jnp.array([[-2e3], [-1e3], [1e3], [2e3]])))
        each = [-outcome.log_prob(jnp.broadcast_to(jnp.array(row), (4, 1)))[0] for row in rows]
        left, a, b, right = np.einsum("m,mn->n", strength, np.stack(each))
        falls[name] = bool(left < a < 0 or right < b < 0)
        assert falls[name] is not likelihood.is_bounded_below
    assert falls == {"bernoulli": True, "squared_error": False, "absolute_error": False}
    with pytest.raises(InvalidPart) as caught:
        autoencoder("margin(4, repel=2)", likelihood="bernoulli", scaling="minmax").fit(X, Y)
    assert str(caught.value) == (
        "the neighborhood margin counts some rows negatively, and the loss of the likelihood bernoulli then has no "
        "lower bound: use likelihood='squared_error'."
    )
    ae = autoencoder("nearest(3)", likelihood="bernoulli", scaling="minmax", max_epochs=2).fit(X, Y)
    assert np.isfinite(ae.history_[-1]["loss"])


def test_rows_held_out_are_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^validation_fraction must be None or 0 with a neighborhood"):
        autoencoder("nearest", validation_fraction=0.1).fit(X)


def test_each_start_has_links_of_its_own() -> None:
    """Those of its own codes, as they were after the sixth epoch."""
    ae = autoencoder("nearest(4, every=3)", n_starts=2, max_epochs=8).fit(X)
    left = autoencoder("nearest(4, every=3)", n_starts=2, max_epochs=6).fit(X)
    for start in range(2):
        there = with_flat_weights(left, np.asarray(progress_of(left).state.weights)[start])
        expected = Nearest(4)(there.transform(X).astype(np.float32), None, 0)
        np.testing.assert_array_equal(links_of(ae, start).index, expected.index)
    assert (links_of(ae, 0).index != links_of(ae, 1).index).any()


def test_it_goes_with_scaling_labels_and_images() -> None:
    ae = Autoencoder(4, encoder=(6,), neighborhood="nearest(5)", max_epochs=6, random_state=3).fit(X, Y)
    assert ae.transform(X).shape == (41, 4)
    assert ae.get_params()["neighborhood"] == "nearest(5)"
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    first = Autoencoder(4, encoder=(6,), neighborhood="nearest(5)", max_epochs=1, random_state=3).fit(X)
    expected = np.argsort(squareform(pdist(scaled)), axis=1)[:, :5]
    np.testing.assert_array_equal(links_of(first).index, expected)


@dataclass(frozen=True)
class PressWhileLinked(Stop):
    """Ctrl-C in an epoch, once."""

    epoch: int

    def __call__(self, history: Sequence[Any]) -> str | None:
        if len(history) == self.epoch:
            raise KeyboardInterrupt
        return None


def outcome(ae: Autoencoder) -> tuple[bytes, list[dict[str, float]], list[bytes]]:
    history = [{name: value for name, value in record.items() if name != "seconds"} for record in ae.history_]
    return weights_of(ae).tobytes(), history, [np.asarray(array).tobytes() for array in progress_of(ae).state.links]


@pytest.mark.parametrize(
    ("neighborhood", "settings"),
    [
        ("nearest(4, every=2, tolerance=0.0)", {"n_starts": 2}),
        ("nearest(4, every=2, tolerance=0.9)", {}),  # it rests
        ("same_class(3)", {"batch_size": 16}),
        ("margin(4, repel=2, every=3)", {"batch_size": 16}),
    ],
)
def test_training_left_at_any_epoch_goes_on_to_the_same_bits(
    neighborhood: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = outcome(autoencoder(neighborhood, optimizer="adam(0.03)", **settings).fit(X, Y))
    assert whole[1][0]["changed_links"] != whole[1][-1]["changed_links"]
    for epoch in (3, 5, 8):
        path = tmp_path / f"left-{epoch}.safetensors"
        left = autoencoder(neighborhood, optimizer="adam(0.03)", **settings, stops=PressWhileLinked(epoch))
        with pytest.warns(UserWarning, match=f"interrupted after epoch {epoch - 1}"):
            left.fit(X, Y, checkpoint=path)
        resumed = autoencoder(neighborhood, optimizer="adam(0.03)", **settings).fit(X, Y, checkpoint=path)
        assert outcome(resumed) == whole
