"""Typical uses, as type checkers and editors see them: read by mypy in `make check`, never run.

A line that is wrong says so in a comment: a checker that finds nothing wrong there reports that comment as unused.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import equinox as eqx
import jax
import numpy as np
import optax
import pandas as pd
from matplotlib.figure import Figure

import isthmus
from isthmus import MLP, AnomalyDetector, Autoencoder, Imputer, Masking, NetworkClassifier, TopK
from isthmus.contracts import Bottleneck
from isthmus.parts.penalties import L1


def train_and_use(X: np.ndarray, frame: pd.DataFrame, path: Path) -> None:
    ae = Autoencoder(8, encoder=(64, 32), corruption="masking(0.3)", max_epochs=20, random_state=0)
    assert_type(ae, Autoencoder)
    assert_type(ae.fit(X), Autoencoder)
    assert_type(ae.fit(frame).transform(frame), np.ndarray)
    assert_type(ae.reconstruction_error(X, per_feature=True), np.ndarray)
    assert_type(ae.score_samples(X), np.ndarray)
    assert_type(ae.n_components_, int)
    assert_type(ae.plot(X, color="a"), Figure)
    assert_type([epoch.loss for epoch in ae.fit_epochs(X, validation_data=X)], list[float])
    ae.fit(X, callbacks=[lambda epoch: epoch.number > 3, isthmus.TensorBoard("runs")])
    ae.save(path)
    ae.set_params(bottleneck__size=4).partial_fit(X)


def parts() -> None:
    Autoencoder(TopK(64, k=8), encoder=MLP((64,), activation=isthmus.Tanh()), corruption=Masking(0.5))
    Autoencoder(penalties=[L1(0.01), "weight_decay"], optimizer=isthmus.Adam(1e-2), stops=[isthmus.Patience(5)])
    assert_type(isthmus.likelihoods.Mixture(3), isthmus.likelihoods.Mixture)  # priors have one, too
    assert_type(TopK(64).replace(k=4), TopK)
    Autoencoder(encoder=MLP([64], activation="tanh"), decoder=MLP((64,), activation=jax.nn.silu))
    Autoencoder(penalties=[lambda code: abs(code).sum(axis=1), "l1"], optimizer=optax.adamw(1e-3))
    Autoencoder(encoder=eqx.nn.MLP(8, 4, 16, 1, key=jax.random.key(0)))
    code: Bottleneck = isthmus.Variational(2)
    Autoencoder(code)


def presets(X: np.ndarray) -> None:
    assert_type(isthmus.variational(16, likelihood="bernoulli"), Autoencoder)
    assert_type(isthmus.denoising(noise=Masking(0.2), max_epochs=5).fit(X), Autoencoder)


def others(frame: pd.DataFrame, y: np.ndarray) -> None:
    detector = AnomalyDetector(contamination=0.01).fit(frame)
    assert_type(detector, AnomalyDetector)
    assert_type(detector.anomaly_score(frame), np.ndarray)
    assert_type(NetworkClassifier((64,), class_weight="balanced").fit(frame, y), NetworkClassifier)
    assert_type(Imputer(n_imputations=3).fit(frame), Imputer)
    comparison = isthmus.compare_optimizers(Autoencoder(2), frame, optimizers=["adam", isthmus.Sgd(0.1)])
    assert_type(comparison.summary, pd.DataFrame)
    assert_type(isthmus.plots.history(Autoencoder(2).fit(frame).history_), Figure)


def wrong(X: np.ndarray) -> None:
    Autoencoder(bottelneck=3)  # type: ignore[call-arg]
    MLP((3,), activation=3)  # type: ignore[arg-type]
    MLP(widths=(3,))  # type: ignore[call-arg]
    isthmus.variational(16, max_epoch=3)  # type: ignore[call-arg]
    Autoencoder(bottleneck=[2])  # type: ignore[arg-type]
    Autoencoder(tied="yes")  # type: ignore[arg-type]
    Autoencoder(corruption=TopK(64))  # type: ignore[arg-type]
    Autoencoder(2).fit(X).transfrom(X)  # type: ignore[attr-defined]
    isthmus.Autoencodr  # type: ignore[attr-defined]  # noqa: B018 -- a name that there is not
    isthmus.penalties.L3  # type: ignore[attr-defined]  # noqa: B018
