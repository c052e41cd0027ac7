"""A start from principal components, against scikit-learn's PCA."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import isthmus
from isthmus import Autoencoder
from tiny import progress_of

X = load_digits().data[:, ::2]  # [1797, 32]
SIZE = 4


def explained(size: int) -> tuple[np.ndarray, float]:
    """Return the principal directions [d, size] of the standardised rows, and the squared error by row they leave."""
    spread = X.std(axis=0)
    rows = (X - X.mean(axis=0)) / np.where(spread == 0, 1, spread)
    pca = PCA(size).fit(rows)
    return pca.components_.T, float(((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum(axis=1).mean())


def test_a_network_of_two_layers_starts_at_pca() -> None:
    directions, error = explained(SIZE)
    ae = Autoencoder(SIZE, encoder="mlp(())", init="pca", max_epochs=0, validation_fraction=0).fit(X)
    assert -ae.score(X) == pytest.approx(error, rel=1e-4)
    angle = subspace_angles(np.asarray(ae.model_.head.affine.matrix).T, directions)  # type: ignore[attr-defined]
    assert angle.max() < 1e-2


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({"encoder": (64, 32)}, 1.2),
        ({"encoder": "mlp((48,), activation=tanh)", "bottleneck": "deterministic(4, activation=sigmoid)"}, 1.2),
        ({"bottleneck": "top_k(8, k=4)"}, 1.6),
    ],
)
def test_any_undercomplete_network_starts_near_pca(settings: dict[str, object], factor: float) -> None:
    _, error = explained(SIZE)
    found = {}
    for init in ("pca", None):
        parts = {"bottleneck": SIZE} | settings
        ae = Autoencoder(**parts, init=init, max_epochs=0, validation_fraction=0).fit(X)  # type: ignore[arg-type]
        found[init] = -ae.score(X)
    assert found["pca"] < factor * error < found[None]


def test_a_bernoulli_output_starts_near_the_row() -> None:
    x = X / 16
    settings = {"scaling": None, "likelihood": "bernoulli", "max_epochs": 0, "validation_fraction": 0}
    near, far = (Autoencoder(SIZE, init=init, **settings).fit(x) for init in ("pca", None))  # type: ignore[arg-type]
    plain = np.square(x - PCA(SIZE).fit(x).inverse_transform(PCA(SIZE).fit_transform(x))).sum(axis=1).mean()
    assert np.square(near.reconstruct(x) - x).sum(axis=1).mean() < 1.5 * plain
    assert near.score(x) > far.score(x)


def test_every_start_has_its_own() -> None:
    ae = Autoencoder(SIZE, init="pca", n_starts=2, max_epochs=1).fit(X)
    weights = progress_of(ae).best_weights
    assert (weights[0] != weights[1]).any()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bottleneck": 40, "corruption": "masking"}, r"init='pca' needs a code of at most 32 numbers. It has 40\."),
        ({"encoder": "mlp(())", "tied": True}, "one out to the row, not tied to another"),
        ({"init": "random"}, r"init must be None, 'pca' or 'identity'. Got 'random'\."),
    ],
)
def test_what_cannot_start_so_is_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(isthmus.InvalidPart, match=sentence):
        Autoencoder(**({"bottleneck": 2, "init": "pca"} | settings)).fit(X)  # type: ignore[arg-type]


@pytest.mark.parametrize(("scaling", "size"), [("standard", 2), ("standard", 16), ("center", 2), ("center", 8)])
def test_a_linear_network_trained_with_lbfgs_is_pca(size: int, scaling: str) -> None:
    digits = load_digits().data
    spread = digits.std(axis=0) if scaling == "standard" else np.ones(64)
    rows = (digits - digits.mean(axis=0)) / np.where(spread == 0, 1, spread)
    pca = PCA(size).fit(rows)
    error = np.square(rows - pca.inverse_transform(pca.transform(rows))).sum(axis=1).mean()
    settings = {"scaling": scaling, "optimizer": "lbfgs", "stops": None, "validation_fraction": 0}
    ae = Autoencoder(size, encoder="mlp(())", **settings).fit(digits)  # type: ignore[arg-type]
    angle = subspace_angles(np.asarray(ae.model_.head.affine.matrix).T, pca.components_.T)  # type: ignore[attr-defined]
    assert angle.max() < 1e-2
    assert ae.reconstruction_error(digits).mean() / error - 1 < 1e-4


def test_rows_count_by_their_weight() -> None:
    x = np.random.default_rng(0).normal(size=(60, 6))
    often = np.vstack([np.repeat(3 * x[:6], 60, axis=0), x[6:]])
    settings = {"encoder": "mlp(())", "init": "pca", "max_epochs": 0, "scaling": None}
    folded = Autoencoder(2, **settings).fit(often)  # type: ignore[arg-type]
    weighted = Autoencoder(
        2, **settings
    ).fit(  # type: ignore[arg-type]
        np.vstack([3 * x[:6], x[6:]]), sample_weight=np.where(np.arange(60) < 6, 60, 1)
    )
    error = np.square(often - PCA(2).fit(often).inverse_transform(PCA(2).fit_transform(often))).sum(axis=1).mean()
    for ae in (folded, weighted):
        assert ae.reconstruction_error(often).mean() == pytest.approx(error, rel=1e-4)
