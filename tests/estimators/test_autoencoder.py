"""What the methods of an autoencoder answer: numbers, units, names, types."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from scipy.special import xlog1py, xlogy
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import isthmus
from isthmus import Autoencoder

NAMES = ["age", "height", "price", "weight", "year"]
X = np.random.default_rng(0).normal(size=(40, 5)) * [1, 10, 100, 0.1, 5] + [0, 50, 1000, -3, 2000]


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 3} | settings)


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return autoencoder().fit(X)


# Codes and reconstructions against the model by hand.


def by_hand(ae: Autoencoder, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes and the scaled reconstructions that a network of one hidden layer of relus gives."""
    model = ae.model_
    down, neck, up, head = model.encoder.layers[0], model.neck, model.decoder.layers[0], model.head
    hidden = np.maximum(x @ np.asarray(down.affine.matrix) + np.asarray(down.affine.bias), 0)
    code = hidden @ np.asarray(neck.affine.matrix) + np.asarray(neck.affine.bias)
    hidden = np.maximum(code @ np.asarray(up.affine.matrix) + np.asarray(up.affine.bias), 0)
    return code, hidden @ np.asarray(head.affine.matrix) + np.asarray(head.affine.bias)


def test_the_numbers_are_those_of_the_network(fitted: Autoencoder) -> None:
    scaler = StandardScaler().fit(X)
    scaled = scaler.transform(X)
    code, rows = by_hand(fitted, scaled)
    np.testing.assert_allclose(fitted.transform(X), code, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fitted.reconstruct(X), scaler.inverse_transform(rows), rtol=1e-4)
    np.testing.assert_allclose(fitted.inverse_transform(code), scaler.inverse_transform(rows), rtol=1e-4)
    np.testing.assert_allclose(fitted.reconstruction_error(X), ((rows - scaled) ** 2).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(fitted.score_samples(X), -((rows - scaled) ** 2).sum(axis=1), rtol=1e-4)


def test_the_score_of_bernoulli_is_the_cross_entropy() -> None:
    ae = autoencoder(likelihood="bernoulli", scaling="minmax").fit(X)
    scaled = MinMaxScaler().fit_transform(X)
    _, logit = by_hand(ae, scaled)
    p = 1 / (1 + np.exp(-logit))
    entropy = xlogy(scaled, p) + xlog1py(1 - scaled, -p)
    np.testing.assert_allclose(ae.score_samples(X), entropy.sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(ae.reconstruction_error(X, per_feature=True), (p - scaled) ** 2, rtol=1e-3, atol=1e-6)
    low, high = X.min(axis=0), X.max(axis=0)
    assert (ae.reconstruct(X) >= low - 1e-9).all()
    assert (ae.reconstruct(X) <= high + 1e-9).all()


def test_the_score_is_the_mean_of_the_scores_of_the_rows(fitted: Autoencoder) -> None:
    scores = fitted.score_samples(X)
    assert scores.shape == (40,)
    assert fitted.score(X) == pytest.approx(scores.mean())
    weight = np.arange(40)
    assert fitted.score(X, sample_weight=weight) == pytest.approx(np.average(scores, weights=weight))
    assert fitted.score(X, np.zeros(40)) == fitted.score(X)  # y is not used


def test_the_error_of_a_row_is_the_sum_over_its_columns(fitted: Autoencoder) -> None:
    each = fitted.reconstruction_error(X, per_feature=True)
    assert each.shape == (40, 5)
    assert (each >= 0).all()
    np.testing.assert_allclose(each.sum(axis=1), fitted.reconstruction_error(X))


def test_a_row_far_off_scores_lower(fitted: Autoencoder) -> None:
    odd = X[:1] + 100 * X.std(axis=0)
    assert fitted.score_samples(odd)[0] < fitted.score_samples(X).min()
    assert fitted.reconstruction_error(odd)[0] > fitted.reconstruction_error(X).max()


def test_fit_transform_is_fit_and_transform() -> None:
    np.testing.assert_array_equal(autoencoder().fit_transform(X), autoencoder().fit(X).transform(X))
    weight = np.linspace(0.1, 2, 40)
    np.testing.assert_array_equal(
        autoencoder().fit_transform(X, sample_weight=weight), autoencoder().fit(X, sample_weight=weight).transform(X)
    )


def test_what_a_fit_leaves() -> None:
    ae = autoencoder(validation_fraction=0.25)
    assert ae.fit(X) is ae
    assert (ae.n_components_, ae.n_features_in_, ae.n_iter_) == (2, 5, 3)
    assert [record["epoch"] for record in ae.history_] == [1, 2, 3]
    assert set(ae.history_[0]) == {"epoch", "loss", "reconstruction", "held_out_loss", "weight_change", "seconds"}
    assert list(ae.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    assert not hasattr(ae, "feature_names_in_")
    assert list(autoencoder().fit(pd.DataFrame(X, columns=NAMES)).feature_names_in_) == NAMES


def test_no_epoch_leaves_the_drawn_weights() -> None:
    ae = autoencoder(max_epochs=0).fit(X)
    assert (ae.n_iter_, ae.history_, ae.stop_reason_) == (0, [], "max_epochs")
    assert ae.transform(X).shape == (40, 2)


def test_nothing_is_answered_before_a_fit(tmp_path: Path) -> None:
    ae = autoencoder()
    for ask in (
        ae.transform,
        ae.inverse_transform,
        ae.reconstruct,
        ae.score,
        ae.score_samples,
        ae.reconstruction_error,
    ):
        with pytest.raises(NotFittedError, match="This Autoencoder instance is not fitted yet"):
            ask(X)
    for ask in (lambda: ae.model_, lambda: ae.save(tmp_path / "m.safetensors"), ae.get_feature_names_out):
        with pytest.raises((NotFittedError, AttributeError)):
            ask()


def test_settings_changed_after_a_fit_change_no_answer(fitted: Autoencoder, tmp_path: Path) -> None:
    ae = autoencoder().fit(X)
    ae.set_params(scaling="none", bottleneck=3, likelihood="bernoulli", encoder=(7,))
    np.testing.assert_array_equal(ae.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(ae.reconstruct(X), fitted.reconstruct(X))
    np.testing.assert_array_equal(ae.score_samples(X), fitted.score_samples(X))
    ae.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "model.safetensors").transform(X), fitted.transform(X))


# Frames and types.


def csv(x: np.ndarray, folder: Path) -> Path:
    pd.DataFrame(x, columns=NAMES).to_csv(folder / "x.csv", index=False)
    return folder / "x.csv"


def parquet(x: np.ndarray, folder: Path) -> str:
    pd.DataFrame(x, columns=NAMES).to_parquet(folder / "x.parquet", index=False)
    return str(folder / "x.parquet")


def npy(x: np.ndarray, folder: Path) -> Path:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


def npz(x: np.ndarray, folder: Path) -> Path:
    np.savez(folder / "x.npz", y=np.ones(3), X=x)
    return folder / "x.npz"


TABLES: dict[str, tuple[Callable[[np.ndarray, Path], Any], type]] = {
    "array": (lambda x, folder: x, np.ndarray),
    "single array": (lambda x, folder: x.astype(np.float32), np.ndarray),
    "list": (lambda x, folder: x.tolist(), np.ndarray),
    "sparse": (lambda x, folder: scipy.sparse.csr_matrix(x), np.ndarray),
    "sparse array": (lambda x, folder: scipy.sparse.csc_array(x.astype(np.float32)), np.ndarray),
    "pandas": (lambda x, folder: pd.DataFrame(x, columns=NAMES, index=[f"r{i}" for i in range(len(x))]), pd.DataFrame),
    "pandas with numbers for names": (lambda x, folder: pd.DataFrame(x), pd.DataFrame),
    "single pandas": (lambda x, folder: pd.DataFrame(x, columns=NAMES).astype(np.float32), pd.DataFrame),
    "polars": (lambda x, folder: pl.DataFrame(x, schema=NAMES), pl.DataFrame),
    "single polars": (lambda x, folder: pl.DataFrame(x.astype(np.float32), schema=NAMES), pl.DataFrame),
    "lazy polars": (lambda x, folder: pl.DataFrame(x, schema=NAMES).lazy(), pl.DataFrame),
    "csv": (csv, pd.DataFrame),
    "parquet": (parquet, pd.DataFrame),
    "npy": (npy, np.ndarray),
    "npz": (npz, np.ndarray),
}


def dtypes(answer: Any) -> set[np.dtype[Any]]:
    if isinstance(answer, pd.DataFrame):
        return set(answer.dtypes)
    return {answer.to_numpy().dtype if isinstance(answer, pl.DataFrame) else answer.dtype}


@pytest.mark.parametrize("kind", TABLES)
def test_rows_are_answered_in_their_own_form(kind: str, tmp_path: Path) -> None:
    make, form = TABLES[kind]
    table = make(X, tmp_path)
    ae = autoencoder().fit(table)
    dtype = np.dtype(np.float32 if "single" in kind or kind == "sparse array" else np.float64)
    plain = autoencoder().fit(X.astype(dtype))

    codes = ae.transform(table)
    assert isinstance(codes, np.ndarray)
    assert codes.dtype == dtype
    assert ae.reconstruction_error(table).dtype == dtype
    np.testing.assert_array_equal(codes, plain.transform(X.astype(dtype)))

    rows = ae.reconstruct(table)
    again = ae.inverse_transform(codes)
    for answer in (rows, again):
        assert isinstance(answer, form)
        assert dtypes(answer) == {dtype}
        np.testing.assert_array_equal(np.asarray(answer), plain.reconstruct(X.astype(dtype)))
        if form is not np.ndarray:
            assert list(answer.columns) == (list(table.columns) if kind == "pandas with numbers for names" else NAMES)
    if kind == "pandas":
        assert list(rows.index) == list(table.index)
        assert list(again.index) == list(range(40))
        assert list(ae.inverse_transform(pd.DataFrame(codes, index=table.index)).index) == list(table.index)
    if kind.startswith("pandas"):
        assert not (table - rows).isna().any(axis=None)


@pytest.mark.parametrize("kind", TABLES)
def test_a_saved_model_answers_as_before_to_the_bit(kind: str, tmp_path: Path) -> None:
    make, form = TABLES[kind]
    table = make(X, tmp_path)
    ae = autoencoder(scaling="minmax").fit(table)
    ae.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    codes = ae.transform(table)
    np.testing.assert_array_equal(loaded.transform(table), codes)
    np.testing.assert_array_equal(loaded.score_samples(table), ae.score_samples(table))
    for answer, before in [
        (loaded.reconstruct(table), ae.reconstruct(table)),
        (loaded.inverse_transform(codes), ae.inverse_transform(codes)),
    ]:
        assert type(answer) is type(before) is form
        np.testing.assert_array_equal(np.asarray(answer), np.asarray(before))
        if form is not np.ndarray:
            assert list(answer.columns) == list(before.columns)
    assert loaded.get_params().keys() == ae.get_params().keys()
    assert str(loaded.get_params()["optimizer"]) == "adam"
    assert loaded.history_ == ae.history_
    assert (loaded.stop_reason_, loaded.n_iter_, loaded.n_features_in_) == (ae.stop_reason_, ae.n_iter_, 5)
    assert (
        getattr(loaded, "feature_names_in_", np.array([])).tolist()
        == getattr(ae, "feature_names_in_", np.array([])).tolist()
    )
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


SCALINGS = ["standard", "minmax", "quantile", "none", None]


@pytest.mark.parametrize("scaling", SCALINGS)
def test_rows_are_answered_in_their_own_units(scaling: str | None) -> None:
    """A wide linear network copies the rows, in whatever units they are."""
    x = X if scaling in ("standard", "minmax", "quantile") else StandardScaler().fit_transform(X) + 3
    ae = Autoencoder(5, encoder=(), optimizer="lbfgs", max_epochs=20, scaling=scaling, penalties="l2(1e-9)").fit(x)
    spread = x.std(axis=0)
    np.testing.assert_allclose(ae.reconstruct(x) / spread, x / spread, atol=0.05, rtol=0)
    np.testing.assert_allclose(ae.inverse_transform(ae.transform(x)) / spread, x / spread, atol=0.05, rtol=0)


def test_codes_may_come_in_any_form(fitted: Autoencoder, tmp_path: Path) -> None:
    codes = fitted.transform(X)
    rows = fitted.inverse_transform(codes)
    np.save(tmp_path / "codes.npy", codes)
    for form in (codes.tolist(), scipy.sparse.csr_matrix(codes), tmp_path / "codes.npy"):
        np.testing.assert_array_equal(fitted.inverse_transform(form), rows)
    framed = fitted.inverse_transform(pl.DataFrame(codes, schema=["a", "b"]))
    assert isinstance(framed, pl.DataFrame)
    np.testing.assert_array_equal(framed.to_numpy(), rows)


def test_names_of_columns_are_made_up_where_there_are_none(fitted: Autoencoder) -> None:
    framed = fitted.inverse_transform(pd.DataFrame(fitted.transform(X)))
    assert list(framed.columns) == ["x0", "x1", "x2", "x3", "x4"]


@pytest.mark.parametrize(("frame", "form"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_codes_are_answered_as_frames_where_it_is_set(frame: str, form: type) -> None:
    ae = autoencoder().set_output(transform=frame)
    codes = ae.fit_transform(X)
    assert isinstance(codes, form)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]
    np.testing.assert_array_equal(np.asarray(codes), autoencoder().fit_transform(X))
    assert isinstance(ae.inverse_transform(codes), form)
    named = pd.DataFrame(X, columns=NAMES, index=range(100, 140))
    if frame == "pandas":
        assert list(ae.fit_transform(named).index) == list(named.index)


# Against PCA.


@pytest.mark.parametrize(("optimizer", "size"), [("lbfgs", 2), ("lbfgs", 10), ("cg", 10)])
def test_a_linear_autoencoder_finds_what_pca_finds(optimizer: str, size: int) -> None:
    digits = load_digits().data
    x = StandardScaler().fit_transform(digits)
    pca = PCA(size).fit(x)
    least = ((x - pca.inverse_transform(pca.transform(x))) ** 2).sum(axis=1).mean()
    ae = Autoencoder(size, encoder=(), optimizer=optimizer, max_epochs=5, validation_fraction=0)
    error = ae.fit(digits).reconstruction_error(digits).mean()
    assert least * (1 - 1e-5) < error < least * (1 + 1e-3)
    # And the codes span what PCA's span.
    codes = ae.transform(digits) - ae.transform(digits).mean(axis=0)
    found = codes @ np.linalg.lstsq(codes, pca.transform(x), rcond=None)[0]
    assert np.linalg.norm(found - pca.transform(x)) < 0.05 * np.linalg.norm(pca.transform(x))


# Weights of rows.


@pytest.mark.parametrize("optimizer", ["adam(0.01)", "lbfgs(5)"])
def test_weight_2_is_the_row_twice_to_the_bit_in_a_small_table(optimizer: str) -> None:
    weight = np.ones(40)
    weight[:10] = 2
    weighed = autoencoder(optimizer=optimizer).fit(X, sample_weight=weight)
    twice = autoencoder(optimizer=optimizer).fit(np.concatenate([X, X[:10]]))
    assert weighed._weights.tobytes() == twice._weights.tobytes()
    np.testing.assert_array_equal(weighed.transform(X), twice.transform(X))
    plain = autoencoder(optimizer=optimizer).fit(X)
    assert not np.allclose(weighed.transform(X), plain.transform(X), atol=1e-4)


def test_weight_0_is_no_row_to_the_bit_in_a_small_table() -> None:
    weight = np.ones(40)
    weight[5:9] = 0
    x = X.copy()
    x[5:9] = 1e6  # what does not count is not even scaled
    left_out = autoencoder().fit(np.delete(X, slice(5, 9), axis=0))
    assert autoencoder().fit(x, sample_weight=weight)._weights.tobytes() == left_out._weights.tobytes()


def test_weights_are_relative() -> None:
    one, other = (autoencoder().fit(X, sample_weight=np.full(40, weight)) for weight in (1, 7))
    np.testing.assert_allclose(other.transform(X), one.transform(X), rtol=1e-5, atol=1e-6)
    scalar = autoencoder().fit(X, sample_weight=3.0)
    np.testing.assert_allclose(scalar.transform(X), one.transform(X), rtol=1e-5, atol=1e-6)


def test_weight_2_is_the_row_twice_in_a_large_table() -> None:
    """Over all rows at once: only the order of the sums differs."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1500, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(1500, 5)) + [0, 0, 9, 0, 0]
    weight = np.ones(1500)
    weight[:700] = 2
    settings = {"optimizer": "lbfgs(10)", "validation_fraction": 0, "max_epochs": 1}
    weighed = autoencoder(**settings).fit(x, sample_weight=weight)
    twice = autoencoder(**settings).fit(np.concatenate([x, x[:700]]))
    plain = autoencoder(**settings).fit(x)
    np.testing.assert_allclose(weighed.history_[-1]["loss"], twice.history_[-1]["loss"], rtol=1e-3)
    gap = np.abs(weighed.transform(x) - twice.transform(x)).max()
    assert gap < 0.02
    assert np.abs(weighed.transform(x) - plain.transform(x)).max() > 5 * gap
    np.testing.assert_allclose(weighed._learned["mean"], twice._learned["mean"], rtol=1e-10)
    np.testing.assert_allclose(weighed._learned["deviation"], twice._learned["deviation"], rtol=1e-10)


# One epoch at a time.


def test_partial_fit_goes_on_from_epoch_to_epoch() -> None:
    whole = autoencoder(max_epochs=4, stops=()).fit(X)
    ae = autoencoder()
    for number in range(4):
        assert ae.partial_fit(X) is ae
        assert ae.n_iter_ == number + 1
    np.testing.assert_array_equal(ae._weights, whole._weights)
    assert [r["loss"] for r in ae.history_] == [r["loss"] for r in whole.history_]


def test_partial_fit_keeps_the_scaling_of_the_first_call() -> None:
    ae = autoencoder().partial_fit(X)
    learned = {name: array.copy() for name, array in ae._learned.items()}
    weights = ae._weights.copy()
    ae.partial_fit(X[:10] * 2)
    assert all(np.array_equal(array, ae._learned[name]) for name, array in learned.items())
    assert not np.array_equal(ae._weights, weights)


def test_partial_fit_goes_on_after_fit() -> None:
    ae = autoencoder(stops=()).fit(X).partial_fit(X)
    assert ae.n_iter_ == 4
    np.testing.assert_array_equal(ae._weights, autoencoder(max_epochs=4, stops=()).fit(X)._weights)


def test_partial_fit_goes_on_from_the_weights_that_were_kept() -> None:
    """Not from the last ones, which were worse on the rows held out."""
    ae = autoencoder(optimizer="sgd(0.2)", validation_fraction=0.3, max_epochs=40).fit(X)
    kept = ae._weights.copy()
    assert np.argmin([record["held_out_loss"] for record in ae.history_]) < ae.n_iter_ - 1
    ae.set_params(optimizer="sgd(1e-30)").partial_fit(X)
    np.testing.assert_array_equal(ae._weights, kept)


def test_partial_fit_goes_on_after_loading(tmp_path: Path) -> None:
    ae = autoencoder(optimizer="sgd(0.01)", stops=()).fit(X)
    ae.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    before = loaded.score(X)
    for _ in range(3):
        loaded.partial_fit(X)
    assert loaded.score(X) > before
    assert all(np.array_equal(ae._learned[name], loaded._learned[name]) for name in ae._learned)


def test_partial_fit_counts_weights() -> None:
    weight = np.ones(40)
    weight[:10] = 2
    one = autoencoder().partial_fit(X, sample_weight=weight).partial_fit(X, sample_weight=weight)
    twice = np.concatenate([X, X[:10]])
    other = autoencoder().partial_fit(twice).partial_fit(twice)
    np.testing.assert_array_equal(one._weights, other._weights)


def test_partial_fit_compares_columns_and_values() -> None:
    ae = autoencoder(likelihood="bernoulli", scaling="minmax").partial_fit(X)
    with pytest.raises(ValueError, match="X has 4 features, but Autoencoder is expecting 5 features"):
        ae.partial_fit(X[:, :4])
    with pytest.raises(isthmus.InvalidData, match=r"column 0 holds .*needs values in \[0, 1\]"):
        ae.partial_fit(X * 100)


def test_a_second_fit_forgets_the_first() -> None:
    ae = autoencoder().fit(X * 3 + 1)
    ae.partial_fit(X)
    np.testing.assert_array_equal(ae.fit(X)._weights, autoencoder().fit(X)._weights)
    wide = np.concatenate([X, X], axis=1)
    assert ae.fit(wide).transform(wide).shape == (40, 2)
    assert ae.n_features_in_ == 10


# Warnings.


@pytest.mark.parametrize("bottleneck", [5, 7, "top_k(9, k=5)"])
def test_a_code_that_can_copy_the_row_is_warned_of(bottleneck: Any) -> None:
    with pytest.warns(UserWarning, match=r"a code of \d numbers for 5 columns leaves nothing to learn"):
        autoencoder(bottleneck=bottleneck, max_epochs=1).fit(X)


@pytest.mark.parametrize(
    "settings",
    [
        {"bottleneck": 4},
        {"bottleneck": "top_k(9, k=4)"},
        {"bottleneck": 7, "corruption": "masking"},
        {"bottleneck": 7, "penalties": "l1"},
    ],
)
def test_a_code_that_is_bound_is_not_warned_of(settings: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autoencoder(**settings, max_epochs=1).fit(X)


def test_a_constant_column_is_no_trouble() -> None:
    x = X.copy()
    x[:, 2] = 7
    for scaling in SCALINGS:
        ae = autoencoder(scaling=scaling).fit(x / 1000)
        for answer in (ae.transform(x / 1000), ae.reconstruct(x / 1000), ae.score_samples(x / 1000)):
            assert np.isfinite(answer).all()
    ae = autoencoder().fit(x)
    np.testing.assert_allclose(ae.inverse_transform(ae.transform(x))[:, 2], 7, atol=3)


def test_a_table_of_equal_rows_is_no_trouble() -> None:
    ae = autoencoder(validation_fraction=0.5).fit(np.ones((10, 5)))
    np.testing.assert_allclose(ae.reconstruct(np.ones((10, 5))), 1, atol=1e-6)
