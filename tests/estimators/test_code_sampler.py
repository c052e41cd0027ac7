"""Rows made anew: of every model, in the units and the frame of the fit; of a class, like a row, between two."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, ModelFileError
from isthmus.storage import container as modelfile
from tiny import weight_arrays, weights_of, with_weights

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(300, 2)) @ GENERATOR.normal(size=(2, 5)) + np.arange(5)
Y = np.repeat(["low", "high"], 150)
Z = X + 12 * (Y == "high")[:, None]
SMALL: dict[str, Any] = {"encoder": (8,), "max_epochs": 3}
BASIS = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 2)))[0]  # two columns at right angles


def rotation(**settings: Any) -> Autoencoder:
    """Return a model whose code is x B and whose reconstruction is code Bᵀ: its codes survive the way up and down."""
    wide = np.vstack([X, np.full((1, 5), -99.0), np.full((1, 5), 99.0)])  # new rows stay within what was seen
    ae = Autoencoder(2, encoder=(), scaling=None, max_epochs=0, **settings).fit(wide)
    values = {"neck.affine.matrix": BASIS, "head.affine.matrix": BASIS.T}
    model: Autoencoder = with_weights(ae, {n: values.get(n, 0 * array) for n, array in weight_arrays(ae).items()})
    return model.fit_density(X)


@pytest.fixture(scope="module")
def labelled() -> Autoencoder:
    return Autoencoder(1, encoder=(8,), max_epochs=40, batch_size=32).fit(Z, Y)


@pytest.mark.parametrize(
    "bottleneck", ["2", "top_k(6, k=2)", "deterministic(2, relu)", "variational(2)", "adversarial(2)"]
)
def test_every_code_can_be_drawn(bottleneck: str, tmp_path: Path) -> None:
    bottleneck = int(bottleneck) if bottleneck.isdigit() else bottleneck  # type: ignore[assignment]
    ae = Autoencoder(bottleneck, encoder=(8,), max_epochs=3, corruption="masking(0.1)").fit(X)
    rows = ae.sample(20)
    assert rows.shape == (20, 5)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(ae.sample(20), rows)
    assert (ae.sample(20, random_state=1) != rows).any(axis=1).all()
    ae.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.sample(20), rows)
    np.testing.assert_array_equal(again.similar(X[0], 4), ae.similar(X[0], 4))
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_rows_have_the_moments_of_reconstructions() -> None:
    """At a linear code that is nearly normal, to within five standard errors and the variance's ridge of 1e-3."""
    ae = rotation()
    due, found = ae.reconstruct(X), ae.sample(20_000)
    deviation = due.std(axis=0)
    assert (np.abs(found.mean(axis=0) - due.mean(axis=0)) < 5 * deviation / 20_000**0.5).all()
    np.testing.assert_allclose(found.std(axis=0), deviation, rtol=5 / 40_000**0.5 + 1e-3)


def test_with_noise_rows_vary_as_rows_do() -> None:
    """x₁ = z + 0.7 e₁, x₂ = z + 0.7 e₂ and a category of its own: a code of one number leaves 0.7 e and it open."""
    random = np.random.default_rng(3)
    z = random.normal(size=(1000, 1))
    x = z + 0.7 * random.normal(size=(1000, 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": np.where(random.random(1000) < 0.29, "rare", "often")})
    model = Autoencoder(
        "variational(1)", encoder="mlp(())", likelihood="gaussian", max_epochs=60, optimizer="adam(0.02)", stops=None
    ).fit(table)
    expected, drawn = model.sample(5000), model.sample(5000, noise=True)
    covariance = [[1.49, 1.0], [1.0, 1.49]]
    assert np.cov(expected[["a", "b"]].T)[0, 1] / np.cov(expected[["a", "b"]].T)[0, 0] > 0.95
    np.testing.assert_allclose(np.cov(drawn[["a", "b"]].T), covariance, atol=0.2)
    assert (drawn["c"] == "rare").mean() == pytest.approx((table["c"] == "rare").mean(), abs=0.03)
    pd.testing.assert_frame_equal(model.sample(5000, noise=True), drawn)
    assert not model.sample(5000, 1, noise=True).equals(drawn)


def test_new_rows_hold_what_their_columns_can() -> None:
    counts = np.random.default_rng(0).poisson(1.0, (200, 4)).astype(float)
    model = Autoencoder(2, likelihood="gaussian", **SMALL).fit(counts)
    for rows in (model.sample(500), model.sample(500, noise=True)):
        assert 0 <= rows.min() <= rows.max() <= counts.max()
        np.testing.assert_array_equal(rows, np.round(rows))
    assert len(np.unique(model.sample(500, noise=True), axis=0)) > 100


def test_noise_is_said_by_true_or_false() -> None:
    with pytest.raises(InvalidPart, match=r"^noise must be True or False\. Got 'yes'\.$"):
        rotation().sample(3, noise="yes")  # type: ignore[arg-type]


def test_a_sparse_code_stays_sparse_and_a_bounded_one_in_bounds() -> None:
    sparse = Autoencoder("top_k(12, k=3, alpha=2)", corruption="masking(0.1)", **SMALL).fit(X)
    found = sparse.model_.neck.nearest(np.arange(24.0).reshape(2, 12))
    np.testing.assert_array_equal(found, np.arange(24.0).reshape(2, 12) * (np.arange(12) >= 9))
    # In the reconstruction 3 units count, though `transform` shows 6: that is where similar rows start.
    np.testing.assert_allclose(sparse.similar(X[:3], 1, scale=0), sparse.reconstruct(X[:3]), atol=1e-5)
    bounded = Autoencoder("deterministic(2, activation=sigmoid)", **SMALL).fit(X).model_.neck
    np.testing.assert_array_equal(bounded.nearest(np.array([[-1.0, 0.5], [2.0, 1.0]])), [[0, 0.5], [1, 1]])


def test_a_frame_gives_frames() -> None:
    frame = pd.DataFrame(X, columns=list("abcde"), index=range(7, 307))
    ae = Autoencoder(2, **SMALL).fit(frame)
    for made in (ae.sample(4), ae.similar(frame.iloc[0], 4), ae.interpolate(frame.iloc[0], frame.iloc[1], 4)):
        assert isinstance(made, pd.DataFrame)
        assert made.columns.tolist() == list("abcde")
        assert made.index.tolist() == [0, 1, 2, 3]


def test_images_and_sequences_keep_their_shape() -> None:
    images = GENERATOR.random((40, 4, 4)).astype(np.float32)
    ae = Autoencoder(2, **SMALL).fit(images)
    assert ae.sample(3).shape == ae.similar(images[0], 3).shape == ae.interpolate(images[0], images[1], 3).shape
    assert ae.sample(3).shape == (3, 4, 4)
    assert ae.similar(images[0], 3).dtype == np.float32
    tales = [GENERATOR.normal(size=(6, 2)) for _ in range(20)]
    assert [made.shape for made in Autoencoder(2, encoder="recurrent((4,))", max_epochs=1).fit(tales).sample(2)] == [
        (6, 2)
    ] * 2


def test_rows_of_a_class(labelled: Autoencoder, tmp_path: Path) -> None:
    low, high = (labelled.sample(200, label=label) for label in ("low", "high"))
    for found, label in ((low, "low"), (high, "high")):
        due = Z[label == Y]
        assert (np.abs(found.mean(axis=0) - due.mean(axis=0)) < 1.5).all()  # the classes are 12 apart
    both = labelled.sample(4, label=["high", "low", "low", "high"]).mean(axis=1)
    assert (both > 8).tolist() == [True, False, False, True]
    labelled.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m.safetensors").sample(200, label="low"), low)
    assert abs((labelled.sample(2000).mean(axis=1) > 8).mean() - 0.5) < 5 * 0.5 / 2000**0.5


def test_labels_leave_the_training_as_it_is() -> None:
    with_labels, without = (Autoencoder(2, **SMALL).fit(X, y) for y in (Y, None))
    np.testing.assert_array_equal(weights_of(with_labels), weights_of(without))
    numbers = Autoencoder(2, **SMALL).fit(X, X[:, 0])  # a target of a regression
    np.testing.assert_array_equal(numbers.sample(5), without.sample(5))


def test_a_prior_that_goes_by_label_is_asked() -> None:
    """Classes 1, 2 and 3 belong to the components 0, 1 and 2 of the mixture, which stand at 4 (cos θ, sin θ)."""
    prior = "mixture(3, deviation=0.01, by_label=True)"
    ae = Autoencoder(f"adversarial(2, prior={prior}, hidden=(4,))", **SMALL).fit(X, np.arange(300) % 3 + 1)
    for place, label in enumerate((1, 2, 3)):
        angle = 2 * np.pi * place / 3
        due = ae.inverse_transform(4 * np.array([[np.cos(angle), np.sin(angle)]]))
        spread = np.abs(ae.inverse_transform(4 * np.array([[np.cos(angle) + 0.01, np.sin(angle) + 0.01]])) - due)
        found = ae.sample(50, label=label)
        assert (np.abs(found - due) < 10 * spread.max() + 1e-3).all()


def test_similar_rows_deviate_by_the_scale() -> None:
    """Codes survive the way up and down, so those of the rows show the draws: scale² times the covariance of codes."""
    ae = rotation()
    found = ae.transform(ae.similar(X[:1], 20_000, scale=0.3)) - ae.transform(X[:1])
    due = 0.09 * np.cov(ae.transform(X).T, ddof=0)
    deviation = np.sqrt(np.diag(due))
    assert (np.abs(found.mean(axis=0)) < 5 * deviation / 20_000**0.5).all()
    apart = np.abs(np.cov(found.T) - due) / np.outer(deviation, deviation)
    assert (apart < 5 * 2**0.5 / 20_000**0.5 + 2e-3).all()
    np.testing.assert_allclose(ae.similar(X[:2], 3, scale=0), np.repeat(ae.reconstruct(X[:2]), 3, axis=0), atol=1e-5)
    assert (ae.similar(X[0], 2, random_state=1) != ae.similar(X[0], 2)).any()


@pytest.mark.parametrize("name", ["x.csv", "x.CSV", "x.tsv", "x.pq", "x.parquet", "x.npy"])
def test_the_path_of_a_table_is_no_text(name: str, tmp_path: Path) -> None:
    path = str(tmp_path / name)
    names = list("abcde")
    ae = Autoencoder(1, encoder=(), max_epochs=1).fit(pd.DataFrame(X, columns=names))
    frame = pd.DataFrame(X[:2], columns=names)
    if name.endswith(".npy"):
        np.save(path, X[:2])
    elif name.endswith(("pq", "parquet")):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ",")
    data: Any = X[:2] if name.endswith(".npy") else frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an array names no columns
        np.testing.assert_allclose(ae.similar(path, 3), ae.similar(data, 3), rtol=1e-5)


def test_rows_between_two_lie_evenly_on_the_line() -> None:
    ae = rotation()
    ends = ae.reconstruct(X[:4])
    found = ae.interpolate(X[:2], X[2:4], steps=5).reshape(2, 5, 5)
    due = np.linspace(ends[:2], ends[2:], 5, axis=1)
    np.testing.assert_allclose(found, due, atol=1e-5)


def test_rows_of_weight_zero_are_never_drawn() -> None:
    ae = Autoencoder(1, encoder=(8,), max_epochs=20).fit(Z, sample_weight=Y == "low")
    assert ae.sample(500).mean(axis=1).max() < 8
    np.testing.assert_allclose(ae.sample(500).mean(), Z[Y == "low"].mean(), atol=0.5)


def test_a_density_can_be_learned_from_other_rows(labelled: Autoencoder) -> None:
    ae = pickle.loads(pickle.dumps(labelled))  # noqa: S301 -- our own
    other = Z + 6 * np.arange(300)[:, None] / 300
    assert ae.fit_density(other, np.arange(300) // 100) is ae
    means = [ae.sample(300, label=label).mean() for label in (0, 1, 2)]
    assert means == sorted(means)
    assert means[2] - means[0] > 8
    with pytest.raises(InvalidPart, match=r"no row of fit has the label 'low'\. There are: 0, 1, 2\."):
        ae.sample(label="low")


def test_a_copy_holds_no_row() -> None:
    ae = Autoencoder(2, **SMALL).fit(X)
    again = pickle.loads(pickle.dumps(ae))  # noqa: S301 -- our own
    assert again.fitted_.sampler.sketch is None
    np.testing.assert_array_equal(again.sample(3), ae.sample(3))


def without_density(path: Path, **changes: Any) -> None:
    opened = modelfile.open_file(path, "model")
    tensors = {k: v for k, v in safetensors.numpy.load_file(path).items() if not k.startswith("density.")}
    header = {key: value for key, value in opened.header.items() if key not in ("checksum", "format")}
    modelfile.write(path, header, tensors | {f"density.{name}": array for name, array in changes.items()})


def test_a_file_without_a_density_says_what_to_call(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    Autoencoder(2, **SMALL).fit(X).save(path)
    without_density(path)
    ae = isthmus.load(path)
    for call in (lambda: ae.sample(), lambda: ae.similar(X[0])):
        with pytest.raises(InvalidPart, match=r"has no prior, and its file holds no density .* call fit_density\(X\)"):
            call()
    assert ae.fit_density(X).sample(2).shape == (2, 5)


def test_a_damaged_density_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    Autoencoder(2, **SMALL).fit(X).save(path)
    one = np.ones(1, np.float32)
    without_density(
        path, share=one, owner=4 * one, mean=np.zeros((1, 2), np.float32), factor=np.zeros((1, 2, 2), np.float32)
    )
    with pytest.raises(ModelFileError, match="damaged: its density of codes is not one that a fit leaves"):
        isthmus.load(path)


@pytest.mark.parametrize("labels", ["x", [2, 1], [1, 1], [1, "a"], [[1]], {"a": 1}])
def test_damaged_labels_are_refused(labels: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    Autoencoder(2, **SMALL).fit(X, Y).save(path)
    opened = modelfile.open_file(path, "model")
    header = {key: value for key, value in opened.header.items() if key not in ("checksum", "format")}
    modelfile.write(path, header | {"facts": {"labels": labels}}, safetensors.numpy.load_file(path))
    with pytest.raises(ModelFileError, match="labels must be classes, in order"):
        isthmus.load(path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ae: ae.sample(0), "n must be a whole number of at least 1. Got 0."),
        (lambda ae: ae.sample(True), "n must be a whole number of at least 1. Got True."),
        (lambda ae: ae.sample(2, random_state="x"), "random_state must be None"),
        (lambda ae: ae.sample(label="lou"), "no row of fit has the label 'lou'. There are: 'high', 'low'."),
        (lambda ae: ae.sample(3, label=["low", "high"]), "label must be a class, or one for each of 3 rows."),
        (lambda ae: ae.similar(Z[0], 0), "n must be a whole number of at least 1. Got 0."),
        (lambda ae: ae.similar(Z[0], scale=-1), "scale must be a number of at least 0. Got -1."),
        (lambda ae: ae.similar(Z[0], scale=np.nan), "scale must be a number of at least 0. Got nan."),
        (lambda ae: ae.interpolate(Z[0], Z[1], steps=1), "steps must be a whole number of at least 2. Got 1."),
        (lambda ae: ae.interpolate(Z[:2], Z[:3]), "expected as many rows in b as in a; got 2 in a and 3 in b."),
        (lambda ae: ae.fit_density(Z, Y[:5]), "y has shape (5,), expected (300,): one label for each row."),
    ],
)
def test_what_cannot_be_is_refused(labelled: Autoencoder, call: Any, message: str) -> None:
    with pytest.raises((InvalidPart, InvalidData)) as caught:
        call(labelled)
    assert message in str(caught.value)


def test_without_labels_no_class_can_be_asked_for() -> None:
    for bottleneck in (2, "variational(2)"):
        with pytest.raises(
            InvalidPart, match=r"^no labels are known to draw by: give fit a class for each row, fit\(X"
        ):
            Autoencoder(bottleneck, **SMALL).fit(X).sample(label=1)
