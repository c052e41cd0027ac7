"""Codes in order: truncated in training, principal components where all is linear, cut where that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import isthmus
from isthmus import Autoencoder, InvalidPart, ModelFileError, explained_variance_ratio
from isthmus.errors import InvalidData
from isthmus.parts.bottlenecks import Nested
from tiny import assembled, forged

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(400, 6)) @ (GENERATOR.normal(size=(6, 6)) * [3, 2, 1, 0.5, 0.3, 0.1]) + 5
LINEAR: dict[str, Any] = {"encoder": (), "optimizer": "lbfgs(100)", "max_epochs": 2, "scaling": "center"}


def lengths(part: Nested, n: int = 4000) -> np.ndarray:
    """Return how many units pass in each draw of each row, [draws, n]; the others are zero."""
    size = part.size
    weights = np.concatenate([np.eye(size).ravel(), np.zeros(size)])
    neck = assembled(part.build(size), jnp.array(weights))
    hidden = np.broadcast_to(np.arange(1.0, size + 1), (n, size))
    code = neck(jnp.array(hidden), jax.random.key(0))
    draws = np.asarray(code.draws)
    np.testing.assert_array_equal(code.point, hidden)
    count = (draws != 0).sum(axis=2)
    np.testing.assert_array_equal(draws, np.where(np.arange(size) < count[..., None], hidden, 0))
    np.testing.assert_array_equal(neck(jnp.array(hidden), None).draws, hidden[None])
    return count


def test_each_length_comes_as_often() -> None:
    count = lengths(Nested(5, draws=1))
    assert count.shape == (1, 4000)
    np.testing.assert_allclose(np.bincount(count.ravel(), minlength=6)[1:] / 4000, 0.2, atol=5 * (0.16 / 4000) ** 0.5)


def test_draws_divide_the_lengths_among_them() -> None:
    count = lengths(Nested(8, draws=4))
    for stretch, (low, high) in enumerate([(1, 2), (3, 4), (5, 6), (7, 8)]):
        assert set(np.unique(count[stretch])) == {low, high}
    np.testing.assert_array_equal(lengths(Nested(3, draws=9)), np.broadcast_to([[1], [2], [3]], (3, 4000)))


@pytest.fixture(scope="module")
def linear() -> Autoencoder:
    return Autoencoder("nested(4, draws=4)", **LINEAR).fit(X)


def test_a_linear_code_is_the_principal_components_in_order(linear: Autoencoder) -> None:
    pca = PCA(4).fit(X)
    np.testing.assert_allclose(linear.explained_variance_ratio_, pca.explained_variance_ratio_, atol=1e-3)
    np.testing.assert_allclose(explained_variance_ratio(linear, X), pca.explained_variance_ratio_, atol=1e-3)
    ours, theirs = linear.transform(X), pca.transform(X)
    for unit in range(4):
        assert abs(np.corrcoef(ours[:, unit], theirs[:, unit])[0, 1]) > 0.97


def test_a_plain_linear_code_explains_as_much_in_all(linear: Autoencoder) -> None:
    plain = Autoencoder(4, **LINEAR).fit(X)
    found = explained_variance_ratio(plain, X)
    pca = PCA(4).fit(X)
    assert found.sum() == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-3)
    assert np.abs(found - pca.explained_variance_ratio_).max() > 0.01  # it is in no order
    residual = np.square(plain.reconstruct(X) - X).sum() / np.square(X - X.mean(axis=0)).sum()
    assert found.sum() == pytest.approx(1 - residual, abs=1e-5)


@pytest.mark.parametrize(("keeps", "due"), [(0.95, None), (0.999999, 6)])
def test_the_code_is_cut_as_pca_cuts(keeps: float, due: int | None, tmp_path: Path) -> None:
    pca = PCA(keeps, svd_solver="full").fit(X)
    ae = Autoencoder(f"nested(6, keeps={keeps}, draws=6)", **LINEAR).fit(X)
    assert ae.n_components_ == (due or pca.n_components_)
    assert ae.transform(X).shape == (400, ae.n_components_)
    assert len(ae.explained_variance_ratio_) == len(ae.get_feature_names_out()) == ae.n_components_
    if due is None:
        np.testing.assert_allclose(ae.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=0.15)
    ae.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))
    np.testing.assert_array_equal(again.explained_variance_ratio_, ae.explained_variance_ratio_)
    assert again.sample(3).shape == (3, 6)


def test_a_deep_code_is_cut_without_a_change_to_what_stays() -> None:
    settings: dict[str, Any] = {"encoder": (16,), "max_epochs": 100, "batch_size": 100}
    settings |= {"optimizer": "adam(0.02)", "stops": None}
    whole = Autoencoder("nested(5)", **settings).fit(X)
    ratio = whole.explained_variance_ratio_
    assert ratio[0] == max(ratio)
    share = float(ratio[:2].sum() + 0.5 * ratio[2])
    ae = Autoencoder(f"nested(5, keeps={share})", **settings).fit(X)
    assert ae.n_components_ == 3
    np.testing.assert_allclose(ae.transform(X), whole.transform(X)[:, :3], atol=1e-5)
    padded = np.pad(ae.transform(X), ((0, 0), (0, 2)))
    np.testing.assert_allclose(ae.inverse_transform(ae.transform(X)), whole.inverse_transform(padded), atol=1e-4)
    scaled = StandardScaler().fit_transform(X)
    error = np.square(StandardScaler().fit(X).transform(ae.reconstruct(X)) - scaled).sum() / scaled.size
    assert 1 - error == pytest.approx(ae.explained_variance_ratio_.sum(), abs=1e-4)


def test_training_goes_on_at_the_size_that_is_set() -> None:
    ae = Autoencoder("nested(4, keeps=0.5, draws=4)", warm_start=True, **LINEAR).fit(X)
    assert ae.n_components_ == 1
    with pytest.raises(InvalidPart, match="the network has another shape than that of the last fit"):
        ae.fit(X)


def test_what_cannot_be_is_refused() -> None:
    for spelling, message in {
        "nested(0)": r"Nested\.size must be at least 1\. Got 0\.",
        "nested(3, keeps=0)": r"Nested\.keeps must be in \(0, 1\]\. Got 0\.0\.",
        "nested(3, keeps=1.5)": r"Nested\.keeps must be in \(0, 1\]\. Got 1\.5\.",
        "nested(3, draws=0)": r"Nested\.draws must be at least 1\. Got 0\.",
    }.items():
        with pytest.raises(InvalidPart, match=message):
            Autoencoder(spelling).fit(X)
    with pytest.raises(InvalidData, match=r"^explained variance compares rows: expected at least 2; got 1\.$"):
        explained_variance_ratio(Autoencoder(1, encoder=(), max_epochs=0).fit(X), X[:1])
    with pytest.raises(InvalidPart, match=r"^estimator must be an autoencoder\. Got PCA\(\)\.$"):
        explained_variance_ratio(PCA(), X)  # type: ignore[arg-type]


@pytest.mark.parametrize("ratio", [None, [], [0.5], [0.5, 0.3, 0.1, "x"], "x", [1, 2, 3, 4]])
def test_a_file_with_other_shares_is_refused(linear: Autoencoder, ratio: Any) -> None:
    with pytest.raises(ModelFileError, match="explained_variance_ratio must be 4 numbers"):
        forged(linear, {}, {"facts": {"explained_variance_ratio": ratio}})
