"""The autoencoders by name: what each sets, that it learns, and that everything around it holds for it too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from sklearn.base import clone
from sklearn.datasets import load_digits

import isthmus
from isthmus import Autoencoder, InvalidPart, presets
from isthmus.core.constraints import ManyParts, OnePart
from tiny import weight_arrays

DIGITS = load_digits()
X = (DIGITS.images[:200, ::2, ::2].reshape(200, 16) / 16).astype(np.float32)  # of 4 x 4 pixels
Y = DIGITS.target[:200]
SHORT: dict[str, Any] = {"max_epochs": 8, "batch_size": 40, "stops": None}
SMALL: dict[str, Any] = {"encoder": (16,), **SHORT}

PRESETS: dict[str, Callable[..., Autoencoder]] = {
    name: function
    for name, function in inspect.getmembers(presets, inspect.isfunction)
    if function.__module__ == "isthmus.presets" and not name.startswith("_")
}

MADE: dict[str, Autoencoder] = {
    "sparse": presets.sparse(12, **SMALL),
    "denoising": presets.denoising(4, **SMALL),
    "contractive": presets.contractive(6, weight=0.01, curvature=0.01, **SHORT),
    "k_sparse": presets.k_sparse(12, 3, **SHORT),
    "variational": presets.variational(2, **SMALL),
    "tabular": presets.tabular(2, bins=8, **SMALL),
    "importance_weighted": presets.importance_weighted(2, draws=3, **SMALL),
    "adversarial": presets.adversarial(2, **SMALL),
    "generalized": presets.generalized(4, case="class", **SMALL),
    "embedding": presets.embedding(4, sparsity=0.1, **SMALL),
    "convolutional": presets.convolutional(4, shape=(4, 4), **SHORT),
}

every = pytest.mark.parametrize("name", MADE)


@pytest.fixture(scope="module")
def fitted() -> Callable[[str], Autoencoder]:
    """Return a function that gives a preset fitted on digits, each trained once."""
    known: dict[str, Autoencoder] = {}

    def fit(name: str) -> Autoencoder:
        if name not in known:
            known[name] = clone(MADE[name]).fit(X, Y)
        return known[name]

    return fit


def test_every_preset_is_here_and_exported() -> None:
    assert set(PRESETS) == set(MADE)
    for name, function in PRESETS.items():
        assert getattr(isthmus, name) is function


@every
def test_its_parameters_are_parts_and_survive_a_clone(name: str) -> None:
    for estimator in (PRESETS[name](), MADE[name]):
        assert type(estimator) is Autoencoder
        for parameter, constraint in Autoencoder.constraints.items():
            if isinstance(constraint, OnePart | ManyParts):
                estimator.part(parameter)
        again = clone(estimator)
        assert again.to_json() == estimator.to_json()
        assert again.get_params(deep=False) == estimator.get_params(deep=False)
        assert Autoencoder(**estimator.get_params(deep=False)).to_json() == estimator.to_json()


@every
def test_any_parameter_of_an_autoencoder_replaces_its_own(name: str) -> None:
    other: dict[str, Any] = {
        "encoder": "mlp((7,))",
        "decoder": "mlp((9,))",
        "likelihood": "absolute_error",
        "corruption": "masking(0.125)",
        "penalties": ["l2(0.5)"],
        "neighborhood": "nearest(3)",
        "tied": "neither",
        "init": "pca",
        "scaling": "quantile",
        "text": "one_hot",
        "columns": {"zip": "categorical"},
        "warm_start": True,
        "optimizer": "sgd",
        "batch_size": 17,
        "max_epochs": 19,
        "stops": ["patience(23)"],
        "validation_fraction": 0.0625,
        "n_starts": 29,
        "random_state": 31,
        "device": "cpu",
        "verbose": 1,
    }
    assert {*other, "bottleneck"} == set(Autoencoder().get_params(deep=False))
    found = PRESETS[name](**other).get_params(deep=False)
    assert {key: found[key] for key in other} == other
    with pytest.raises(TypeError, match="encodr"):
        PRESETS[name](encodr=3)


@pytest.mark.parametrize(
    ("made", "settings"),
    [
        (presets.sparse(), {"bottleneck": 128, "penalties": ["l1(0.01)", "weight_decay(0.0001)"]}),
        (presets.sparse(9, penalty="l2"), {"bottleneck": 9, "penalties": ["l2", "weight_decay(0.0001)"]}),
        (presets.denoising(), {"bottleneck": 8, "corruption": "masking(0.3)"}),
        (
            presets.contractive(),
            {
                "bottleneck": "deterministic(8, activation=sigmoid)",
                "encoder": "mlp(())",
                "penalties": ["contractive(0.1)"],
                "optimizer": "adam(0.003)",
                "tied": True,
            },
        ),
        (
            presets.contractive("top_k(9)", weight=0.5, curvature=0.25),
            {
                "bottleneck": "top_k(9)",
                "encoder": "mlp(())",
                "penalties": ["contractive(0.5)", "curvature(0.25)"],
                "optimizer": "adam(0.003)",
                "tied": True,
            },
        ),
        (
            presets.k_sparse(alpha=3),
            {
                "bottleneck": "top_k(128, k=16, alpha=3.0)",
                "encoder": "mlp(())",
                "penalties": "dead_units",
                "tied": True,
            },
        ),
        (
            presets.variational(3, beta="linear(0.0, 1.0, steps=9)", free_bits=0.5),
            {
                "bottleneck": "variational(3, beta=linear(0.0, 1.0, steps=9), free_bits=0.5)",
                "likelihood": "auto(gaussian)",
            },
        ),
        (
            presets.tabular(),
            {
                "bottleneck": "variational(16, beta=0.2, prior=fitted)",
                "scaling": "quantile",
                "likelihood": "columns(histogram(32, smoothing=0.0, margin=0.0), balanced=False)",
            },
        ),
        (
            presets.importance_weighted(),
            {"bottleneck": "importance_weighted(8, draws=5)", "likelihood": "auto(gaussian)"},
        ),
        (presets.adversarial(prior="mixture"), {"bottleneck": "adversarial(8, prior=mixture)", "stops": None}),
        (presets.generalized(), {"bottleneck": 8, "neighborhood": "nearest"}),
        (presets.generalized(case="self"), {"bottleneck": 8, "neighborhood": None}),
        (presets.generalized(case="class"), {"bottleneck": 8, "neighborhood": "same_class"}),
        (presets.generalized(case="margin"), {"bottleneck": 8, "neighborhood": "margin"}),
        (presets.convolutional(kind="residual"), {"bottleneck": 32, "encoder": "residual(shape=None)"}),
    ],
)
def test_what_it_sets_and_nothing_else(made: Autoencoder, settings: dict[str, Any]) -> None:
    assert made.to_json() == Autoencoder(**settings).to_json()


def test_the_weights_of_an_embedding_are_those_of_the_paper_over_gamma() -> None:
    made = presets.embedding(3, pairs="margin(0.5)", reconstruction=4.0, sparsity=2.0, decay=0.8)
    pairs, decay, sparsity = made.part("penalties")
    assert (pairs.name, pairs.weight) == ("margin", 0.5 / 4)
    assert (decay.name, decay.weight) == ("weight_decay", pytest.approx(0.8 / 2 / 4))
    assert (sparsity.name, sparsity.rho, sparsity.weight) == ("sparsity", 0.05, 2.0 / 4)
    assert made.part("bottleneck").activation.name == "sigmoid"
    assert presets.embedding(3, pairs="margin").part("penalties")[0].weight == 1.0  # that of the paper
    assert presets.embedding(3, pairs=" laplacian ", reconstruction=4.0).part("penalties")[0].weight == 0.25
    plain = presets.embedding(3)
    assert [penalty.name for penalty in plain.part("penalties")] == ["laplacian", "weight_decay"]
    assert plain.bottleneck == 3


def test_the_total_of_an_embedding_is_that_of_the_lecture() -> None:
    """[Σ_{i<j} φ ‖h_i − h_j‖² + γ Σ_i ‖x_i − x̂_i‖²] / n + λ/2 ‖W‖² over γ, for one batch of all rows."""
    x, gamma, decay = np.random.default_rng(0).normal(size=(30, 4)), 2.0, 0.3
    still: dict[str, Any] = {"optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": 30, "scaling": None}
    pairs = "laplacian(1.0, heat_kernel(2.0))"
    ae = presets.embedding(2, pairs=pairs, reconstruction=gamma, decay=decay, encoder=(), **still).fit(x)
    h, apart = ae.transform(x), ae.reconstruct(x) - x
    total = sum(
        np.exp(-np.square(x[i] - x[j]).sum() / 2) * np.square(h[i] - h[j]).sum() for i in range(30) for j in range(i)
    )
    matrices = [array for array in weight_arrays(ae).values() if array.ndim == 2]
    penalty = decay / 2 * sum(float(np.square(array).sum()) for array in matrices)
    due = (total + gamma * np.square(apart).sum()) / 30 + penalty
    assert ae.history_[0]["loss"] == pytest.approx(due / gamma, rel=1e-3)


@every
def test_its_loss_falls_on_digits(name: str, fitted: Callable[[str], Autoencoder]) -> None:
    history = fitted(name).history_
    assert len(history) == SHORT["max_epochs"]
    assert all(np.isfinite(value) for record in history for name, value in record.items() if name != "stop")
    for term in ("loss", "reconstruction", "bound"):
        if term in history[0] and (name, term) != ("adversarial", "loss"):  # of two sides that play
            assert history[-1][term] < 0.99 * history[0][term], term


@every
def test_two_fits_are_equal_to_the_bit(name: str, fitted: Callable[[str], Autoencoder]) -> None:
    first, again = fitted(name), clone(MADE[name]).fit(X, Y)
    assert_same(first, again)
    assert [r | {"seconds": 0} for r in first.history_] == [r | {"seconds": 0} for r in again.history_]
    assert (clone(MADE[name]).set_params(random_state=1).fit(X, Y).transform(X) != first.transform(X)).any()


def assert_same(first: Autoencoder, again: Autoencoder) -> None:
    np.testing.assert_array_equal(again.transform(X), first.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), first.reconstruct(X))


@every
def test_a_file_gives_it_back(name: str, fitted: Callable[[str], Autoencoder], tmp_path: Path) -> None:
    before = fitted(name)
    before.save(tmp_path / "m.safetensors")
    after = isthmus.load(tmp_path / "m.safetensors")
    assert_same(before, after)
    assert after.to_json() == before.to_json()
    assert after.history_ == before.history_
    np.testing.assert_array_equal(after.score_samples(X), before.score_samples(X))
    assert_same(before, after.set_params(bottleneck=3, optimizer="sgd", penalties=()))


@every
def test_a_row_of_weight_2_is_the_row_twice_and_one_of_weight_0_is_none(name: str) -> None:
    short = clone(MADE[name]).set_params(max_epochs=2)
    weight = np.where(np.arange(200) < 190, 1 + (np.arange(200) % 3 == 0), 0)
    place = np.repeat(np.arange(200), weight)
    assert_same(clone(short).fit(X[place], Y[place]), clone(short).fit(X, Y, sample_weight=weight))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: presets.generalized(case="neighbours"), "no case 'neighbours'. Did you mean 'neighbors'"),
        (lambda: presets.generalized(case="else"), "There are: self, class, neighbors, margin."),
        (lambda: presets.embedding(reconstruction=0), "reconstruction must be a number above 0. Got 0."),
        (
            lambda: presets.embedding(pairs="laplacian(linear(0.0, 1.0, steps=9))"),
            "pairs must be a penalty whose weight is a number. Got 'laplacian",
        ),
        (lambda: presets.embedding(pairs="laplacien"), "Did you mean 'laplacian'"),
        (lambda: presets.k_sparse(4, 5).fit(X), "TopK.k must be from 1 to the size of the code, 4. Got 5."),
        (lambda: presets.adversarial(prior="nrmal").fit(X), "Did you mean 'normal'"),
        (lambda: presets.convolutional(kind="convv").fit(X), "Did you mean 'conv'"),
        (lambda: presets.generalized(case="class", **SMALL).fit(X), "same_class needs labels: call fit"),
        (lambda: presets.convolutional(shape=(7, 8)).fit(X), "Conv.shape must be a shape of 16 numbers"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(isthmus.IsthmusError, match=message.replace("(", r"\(")):
        make()


@pytest.mark.parametrize("name", ["variational", "importance_weighted", "adversarial"])
def test_it_generates(name: str, fitted: Callable[[str], Autoencoder]) -> None:
    ae = fitted(name)
    rows = ae.sample(50)
    assert rows.shape == (50, 16)
    np.testing.assert_array_equal(ae.sample(50), rows)
    assert (ae.sample(50, random_state=1) != rows).any(axis=1).all()
    assert ae.sample().shape == (1, 16)
    for n in (0, -1, 1.5, True):
        with pytest.raises(InvalidPart, match=r"n must be a whole number of at least 1\. Got"):
            ae.sample(n)  # type: ignore[arg-type]
    with pytest.raises(InvalidPart, match="random_state must be None"):
        ae.sample(2, random_state="x")


def test_samples_are_decoded_draws_of_the_prior(fitted: Callable[[str], Autoencoder]) -> None:
    """At 4000 draws their mean is that of the decoded normal codes, drawn here by NumPy."""
    ae = fitted("variational")
    due = ae.inverse_transform(np.random.default_rng(5).normal(size=(4000, 2)))
    found = ae.sample(4000, random_state=np.random.RandomState(3))
    error = np.sqrt((due.var(axis=0) + found.var(axis=0)) / 4000)
    assert (np.abs(found.mean(axis=0) - due.mean(axis=0)) <= 5 * error + 1e-6).all()


def test_a_frame_gives_samples_in_frames() -> None:
    frame = pd.DataFrame(X[:, 5:11].astype(np.float64) * 100 + 7, columns=list("abcdef"))
    found = presets.variational(2, **SMALL).fit(frame).sample(5)
    assert isinstance(found, pd.DataFrame)
    assert found.columns.tolist() == list("abcdef")
    assert found.shape == (5, 6)
    assert (found.mean() - frame.mean()).abs().max() < 60  # of values from 7 to 107


def test_new_rows_of_a_table_have_its_marginal_distributions() -> None:
    random = np.random.default_rng(0)
    number = np.where(
        random.random(400) < 0.6, 0.0, np.round(np.exp(3 * random.normal(size=400)), 2)
    )  # zero and skewed
    kind = random.choice(["a", "b", "c"], 400, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame({"number": number, "kind": pd.Categorical(kind), "other": random.integers(0, 9, 400)})
    made = presets.tabular(2, encoder=(4,), max_epochs=60, optimizer="adam(0.02)").fit(frame).sample(2000, noise=True)
    assert abs((made["number"] == 0).mean() - (number == 0).mean()) < 0.1
    assert ks_2samp(made["number"], number).statistic < 0.08
    assert ks_2samp(made["other"], frame["other"]).statistic < 0.1
    assert made["number"].between(0, number.max()).all()
    assert set(made["other"]) <= set(range(9))
    shares = made["kind"].value_counts(normalize=True) - frame["kind"].value_counts(normalize=True)
    assert shares.abs().max() < 0.1


@pytest.mark.parametrize("name", ["denoising", "k_sparse", "generalized"])
def test_a_code_without_a_prior_generates_too(name: str, fitted: Callable[[str], Autoencoder]) -> None:
    rows = fitted(name).sample(30)
    assert rows.shape == (30, 16)
    assert np.isfinite(rows).all()


def test_dead_units_are_those_that_are_zero_in_every_row(tmp_path: Path) -> None:
    ae = presets.k_sparse(100, 1, **SHORT).fit(X)
    due = np.flatnonzero((ae.transform(X) == 0).all(axis=0))
    assert 0 < len(due) < 100
    np.testing.assert_array_equal(ae.dead_units_, due)
    ae.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").dead_units_, due)
    half = X[:20]
    ae.partial_fit(half)
    np.testing.assert_array_equal(ae.dead_units_, np.flatnonzero((ae.transform(half) == 0).all(axis=0)))
    assert not hasattr(presets.denoising(2, **SMALL).fit(X), "dead_units_")


@every
def test_it_can_be_diagnosed(name: str, fitted: Callable[[str], Autoencoder]) -> None:
    ae = fitted(name)
    found, codes = ae.diagnose(X), ae.transform(X)
    assert found.index.tolist() == ae.get_feature_names_out().tolist()
    np.testing.assert_allclose(found["mean"], codes.mean(axis=0, dtype=np.float64), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["active"], (codes != 0).mean(axis=0))
    assert ("kl" in found) == (name in ("variational", "tabular", "importance_weighted"))
    pd.testing.assert_frame_equal(found, isthmus.diagnose(ae, X))


@pytest.mark.parametrize("size", [3, np.int64(3), "3"])
def test_a_size_in_any_form_is_a_sigmoid_code(size: Any) -> None:
    for made in (presets.contractive(size), presets.embedding(size, sparsity=1.0)):
        assert str(made.part("bottleneck")) == "deterministic(3, activation=sigmoid)"


def test_what_is_no_case_or_number_is_refused() -> None:
    with pytest.raises(isthmus.InvalidPart, match=r"there is no case \['x'\]\. There are: self, class"):
        presets.generalized(2, case=["x"])  # type: ignore[arg-type]
    with pytest.raises(isthmus.InvalidPart, match=r"reconstruction must be a number above 0\. Got 'a'\."):
        presets.embedding(2, reconstruction="a")  # type: ignore[arg-type]
    with pytest.raises(isthmus.InvalidPart, match=r"estimator must be an autoencoder\. Got 'x'\."):
        isthmus.diagnose("x", [[1.0, 2.0]])


def test_rooms_are_found_at_the_door() -> None:
    assert isthmus.penalties.Margin is not isthmus.neighborhoods.Margin
