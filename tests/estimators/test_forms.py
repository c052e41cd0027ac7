"""Answers in the units, names, frame and type of the question, before saving and after loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.preprocessing import StandardScaler

import isthmus
from isthmus import Autoencoder

NAMES = ["age", "height", "price", "weight", "year"]
X = np.random.default_rng(0).normal(size=(40, 5)) * [1, 10, 100, 0.1, 5] + [0, 50, 1000, -3, 2000]


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 3} | settings)


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return autoencoder().fit(X)


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
