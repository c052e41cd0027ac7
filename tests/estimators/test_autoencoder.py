"""What the methods of an autoencoder answer: numbers, units, names, types."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
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
    assert set(ae.history_[0]) == {"epoch", "loss", "reconstruction", "validation_loss", "weight_change", "seconds"}
    assert list(ae.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    assert not hasattr(ae, "feature_names_in_")
    assert list(autoencoder().fit(pd.DataFrame(X, columns=NAMES)).feature_names_in_) == NAMES


def test_no_epoch_leaves_the_drawn_weights() -> None:
    ae = autoencoder(max_epochs=0).fit(X)
    assert (ae.n_iter_, ae.history_, ae.stop_reason_) == (0, [], "all epochs that were asked for have been taken: 0")
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
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        autoencoder(**settings, max_epochs=1).fit(X)
    assert not caught


def test_a_constant_column_is_no_trouble() -> None:
    x = X.copy()
    x[:, 2] = 7
    for scaling in ("standard", "minmax", "quantile", "none", None):
        ae = autoencoder(scaling=scaling).fit(x / 1000)
        for answer in (ae.transform(x / 1000), ae.reconstruct(x / 1000), ae.score_samples(x / 1000)):
            assert np.isfinite(answer).all()
    ae = autoencoder().fit(x)
    np.testing.assert_allclose(ae.inverse_transform(ae.transform(x))[:, 2], 7, atol=3)


def test_a_table_of_equal_rows_is_no_trouble() -> None:
    ae = autoencoder(validation_fraction=0.5).fit(np.ones((10, 5)))
    np.testing.assert_allclose(ae.reconstruct(np.ones((10, 5))), 1, atol=1e-6)
