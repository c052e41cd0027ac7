"""A safety net for refactorings: small models over all estimators, presets, sources and parts, before and after.

    python tests/safety_net.py record OUT [CASE ...]   # fits every case; writes results, answers and model files
    python tests/safety_net.py compare BEFORE AFTER    # what differs between two records
    python tests/safety_net.py load OUT                # loads the recorded models; do they still answer the same?
    python tests/safety_net.py fixtures OUT FIXTURES   # the model files of a record, and the first rows of its answers
    python tests/safety_net.py check FIXTURES          # loads these models; are the answers right within 1e-5?

Only what is public is used, so that the script runs before and after; data come from seeded generators. Numbers are
equal to the bit on one machine with one version of everything; `check` holds on any.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import hashlib
import json
import platform
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import polars as pl
import safetensors.numpy
import scipy.sparse

import isthmus
from isthmus import (
    AnomalyDetector,
    Autoencoder,
    Imputer,
    NetworkClassifier,
    NetworkRanker,
    NetworkRegressor,
    StackedAutoencoder,
    WordVectors,
)

ASKED = 24  # rows of a table that answers are recorded of
KEPT = 5  # rows of each answer in the fixtures
TOLERANCE = 1e-5  # of an answer on another machine, relative and absolute
TIMES = ("epoch", "seconds", "stop", "kept")  # what a history holds beside losses
COMPILED = "/jax/core/compile/backend_compile_duration"


@dataclass(frozen=True)
class Given:
    """A model to fit, and what it is given."""

    model: Any
    X: Any
    fit: Mapping[str, Any] = field(default_factory=dict)  # what `fit` is given beside the table
    train: Callable[[Any], Any] | None = None  # in place of `model.fit(X, **fit)`
    asked: Any = None  # the table that answers are of; None takes the first rows of X
    more: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)  # further answers, of the model


# Data, all of them seeded.


def table(seed: int = 0, rows: int = 60, columns: int = 6) -> np.ndarray:
    """Return numbers with three causes, in units that differ, float64 [rows, columns]."""
    random = np.random.default_rng(seed)
    cause = random.normal(size=(rows, 3))
    mixed = np.tanh(cause) @ random.normal(size=(3, columns)) + 0.1 * random.normal(size=(rows, columns))
    return mixed * np.resize([1.0, 10.0, 0.1], columns) + np.resize([0.0, 3.0], columns)


def kinds(seed: int = 0, rows: int = 60, count: int = 3) -> np.ndarray:
    """Return classes of the rows of `table`, [rows] int."""
    first = table(seed, rows)[:, 0]
    return np.digitize(first, np.quantile(first, np.arange(1, count) / count))


def some_unknown(label: np.ndarray) -> np.ndarray:
    """Return labels of which each seventh is -1, unknown."""
    return np.where(np.arange(len(label)) % 7 == 3, -1, label)


def holes(X: np.ndarray, seed: int = 1, share: float = 0.15) -> np.ndarray:
    """Return the numbers with NaN in some places."""
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


def bits(seed: int = 2, rows: int = 60, columns: int = 8) -> np.ndarray:
    """Return zeros and ones of two causes, float32 [rows, columns]."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(rows, 2)) @ random.normal(size=(2, columns)) > 0).astype(np.float32)


def images(channels: int = 1, seed: int = 3, rows: int = 40, side: int = 6) -> np.ndarray:
    """Return images of a blot each, float32 [rows, channels, side, side] in [0, 1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    middle = random.uniform(1, side - 2, size=(rows, channels, 2, 1, 1))
    square = (y - middle[:, :, 0]) ** 2 + (x - middle[:, :, 1]) ** 2
    return np.exp(-square / 2).astype(np.float32)


def frame(seed: int = 4, rows: int = 60) -> pd.DataFrame:
    """Return a table of numbers, categories, ranks, dates, truths and missing cells."""
    random = np.random.default_rng(seed)
    cause = random.normal(size=rows)
    found = pd.DataFrame(
        {
            "size": cause + 0.1 * random.normal(size=rows),
            "price": (100 * np.exp(cause / 2)).astype(np.float32),
            "town": pd.Categorical(np.where(cause > 0.5, "Ulm", np.where(cause < -0.5, "Rom", "Bonn"))),
            "color": np.where(random.random(rows) < 0.5, "red", "blue"),
            "grade": pd.Categorical.from_codes(np.digitize(cause, [-0.5, 0.5]), ["C", "B", "A"], ordered=True),
            "count": random.poisson(3, size=rows),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.round(40 + 15 * cause), unit="D"),
            "paid": cause > 0,
        }
    )
    gaps = random.random((rows, 3)) < 0.12
    for name, is_gap in zip(("size", "town", "day"), gaps.T, strict=True):
        found.loc[is_gap, name] = None
    return found


def frame_of_polars() -> pl.DataFrame:
    """Return much the same as a frame of polars, with an Enum and a Categorical."""
    found = frame(seed=5)
    there = {name: [None if pd.isna(value) else value for value in found[name]] for name in found}
    days = [None if day is None else day.date() for day in there["day"]]
    return pl.DataFrame(
        {
            "size": pl.Series(there["size"], dtype=pl.Float64),
            "town": pl.Series(there["town"], dtype=pl.Enum(["Ulm", "Rom", "Bonn"])),
            "color": pl.Series(there["color"], dtype=pl.Categorical),
            "day": pl.Series(days, dtype=pl.Date),
            "paid": pl.Series(there["paid"], dtype=pl.Boolean),
        }
    )


def texts() -> list[str]:
    """Return short texts about two things."""
    random = np.random.default_rng(6)
    words = (
        ["ship", "port", "sea", "sail", "crew", "wave"],
        ["wheat", "corn", "field", "rain", "grain", "plough"],
    )
    made = []
    for i in range(48):
        chosen = random.choice(words[i % 2], size=int(random.integers(2, 6)))
        made.append(f"The {' and '.join(chosen)}.")
    return made


def walks(*, even: bool, seed: int = 7, rows: int = 40, features: int = 2) -> list[np.ndarray]:
    """Return random walks, each [steps, features]."""
    random = np.random.default_rng(seed)
    lengths = [4] * rows if even else (2 + np.arange(rows) % 4).tolist()
    return [np.cumsum(random.normal(size=(steps, features)), axis=0) for steps in lengths]


def series() -> np.ndarray:
    """Return two noisy waves, [80, 2]."""
    steps = np.arange(80)[:, None]
    return np.sin(steps / [5, 9]) + 0.1 * np.random.default_rng(8).normal(size=(80, 2))


def with_tasks(tasks: Iterable[int], seed: int = 9) -> np.ndarray:
    """Return numbers whose last column is the number of a task, [60, 6]."""
    numbers = table(seed, columns=5)
    return np.column_stack([numbers, np.resize(list(tasks), len(numbers))])


def names_of(X: np.ndarray) -> pd.DataFrame:
    """Return numbers as a frame with names and an index of its own."""
    return pd.DataFrame(X, columns=list("abcdefgh")[: X.shape[1]], index=np.arange(len(X)) + 100)


def two_targets(seed: int = 0) -> np.ndarray:
    """Return two numbers that hang on the rows of `table`, [60, 2]."""
    X, noise = table(seed), np.random.default_rng(10).normal(size=(60, 2))
    return np.column_stack([3 * X[:, 0] + 5, X[:, 1] / 10 - X[:, 4]]) + 0.1 * noise


# Files.


def csv(folder: Path) -> Path:
    pd.DataFrame(np.round(holes(table(11)), 6), columns=list("abcdef")).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def parquet(folder: Path) -> Path:
    frame(seed=12).to_parquet(folder / "table.parquet")
    return folder / "table.parquet"


def npy(folder: Path) -> Path:
    np.save(folder / "table.npy", bits())
    return folder / "table.npy"


def npz(folder: Path) -> Path:
    np.savez(folder / "table.npz", X=table(13), other=np.zeros(3))
    return folder / "table.npz"


# Models.


def small(bottleneck: Any = 2, **settings: Any) -> Autoencoder:
    """Return a small autoencoder of few epochs."""
    return Autoencoder(bottleneck, **{"encoder": (6,), "max_epochs": 4, "batch_size": 20} | settings)


SHORT: dict[str, Any] = {"max_epochs": 4, "batch_size": 20}
PRESET: dict[str, Any] = {"encoder": (6,), **SHORT}


def interrupted(folder: Path) -> Given:
    """Return a fit that goes on from a checkpoint."""
    X, file = table(14), folder / "run.ckpt"

    def train(model: Any) -> None:
        model.set_params(max_epochs=2).fit(X, checkpoint=file)
        model.set_params(max_epochs=4).fit(X, checkpoint=file)

    return Given(small(corruption="gaussian(0.2)", optimizer="adam(plateau(0.01, epochs=1))"), X, train=train)


def in_parts() -> Given:
    """Return a model that is fitted part by part, then goes on from there."""
    X = table(15)

    def train(model: Any) -> None:
        for start in (0, 30, 0):
            model.partial_fit(X[start : start + 30])
        model.set_params(warm_start=True, max_epochs=2).fit(X)

    return Given(small(scaling="minmax", optimizer="rmsprop(0.01)"), X, train=train)


def tasks_in_turn() -> Given:
    """Return a classifier of two tasks that then learns a third and forgets neither."""
    X, more, y = with_tasks((0, 1)), with_tasks((2,)), kinds(9, count=2)

    def train(model: Any) -> None:
        model.fit(X, y)
        model.set_params(warm_start=True, penalties="task_memory(0.1)").fit(more, y)

    encoder = "hyper(mlp((4,)), column=5, tasks=3, embedding=3, hidden=(6,))"
    return Given(NetworkClassifier(encoder, **SHORT), X, {"y": y}, train)


def of_windows(model: Any) -> Given:
    """Return a model of the windows of a series, and what it makes of the series."""
    more = {
        "series_error": lambda fitted: isthmus.series_error(fitted, series(), by_channel=True),
    }
    if not isinstance(model, AnomalyDetector):
        more["clean_series"] = lambda fitted: isthmus.clean_series(fitted, series(), step=2)
    return Given(model, isthmus.windows(series(), size=4), more=more)


def distribution(X: np.ndarray, y: np.ndarray) -> dict[str, Callable[[Any], Any]]:
    """Return questions about the distributions that a regressor predicts."""
    X, y = X[:ASKED], y[:ASKED]
    return {
        "dist_mean": lambda model: model.predict_dist(X).mean(),
        "dist_std": lambda model: model.predict_dist(X).std(),
        "dist_quantile": lambda model: model.predict_dist(X).quantile(0.3),
        "dist_interval": lambda model: model.predict_dist(X).interval(0.8),
        "dist_pdf": lambda model: model.predict_dist(X).pdf(y),
        "dist_cdf": lambda model: model.predict_dist(X).cdf(y),
        "dist_log_prob": lambda model: model.predict_dist(X).log_prob(y),
        "dist_crps": lambda model: model.predict_dist(X).crps(y),
        "dist_sample": lambda model: model.predict_dist(X).sample(2, random_state=1),
    }


def around(X: Any) -> dict[str, Callable[[Any], Any]]:
    """Return questions about rows like those of a table, and about each unit of the code."""
    few, others = first(X, 5), first(X, 10)[5:]
    return {
        "similar": lambda model: model.similar(few, n=2, random_state=2),
        "interpolation": lambda model: model.interpolate(few, others, steps=3),
        "diagnosis": lambda model: model.diagnose(X),
        "error": lambda model: model.reconstruction_error(few, per_feature=True),
    }


def likelihood_of(X: Any) -> dict[str, Callable[[Any], Any]]:
    """Return the question how likely rows are to a model whose code is a distribution."""
    return {"log_likelihood": lambda model: isthmus.log_likelihood(model, first(X, ASKED), draws=20)}


def presets() -> dict[str, Callable[[Path], Given]]:
    """Return cases of every preset."""
    label = kinds()
    doubled = np.concatenate([table()[:10], table()])
    own = "deterministic(6, activation=sigmoid)"
    narrow, tiny = "channels=(3,)", {"max_epochs": 2, "batch_size": 20}
    rival = "hidden=(5,), rival='adam(0.004, beta1=0.5)', weight=linear(0.0, 5.0, 8), noise=0.1"
    return {
        "preset_sparse": lambda _: Given(
            isthmus.sparse(
                own, penalty="sparsity(0.1, 2.0)", optimizer="sgd(0.02, momentum=0.9, nesterov=True)", **PRESET
            ),
            table(),
        ),
        "preset_denoising": lambda _: Given(
            isthmus.denoising(
                3,
                encoder="mlp((6,), activation=elu(0.5), dropout=0.1, dropconnect=0.1)",
                optimizer="adam(cosine(0.01, 12))",
                **SHORT,
            ),
            table().astype(np.float32),
        ),
        "preset_contractive": lambda _: Given(isthmus.contractive(4, curvature=0.05, **SHORT), table().tolist()),
        "preset_k_sparse": lambda _: Given(
            isthmus.k_sparse(12, k="linear(8, 3, steps=10)", alpha=1.5, penalties="dead_units(after=15)", **SHORT),
            table(),
            {"sample_weight": np.arange(60) % 3},
            more=around(table()),
        ),
        "preset_variational": lambda _: Given(
            isthmus.variational(2, beta="linear(0.0, 1.0, 10)", free_bits=0.05, validation_fraction=0.2, **PRESET),
            names_of(table()),
            more=likelihood_of(names_of(table())) | around(names_of(table())),
        ),
        "preset_importance_weighted": lambda _: Given(
            isthmus.importance_weighted(2, draws=3, **PRESET), pl.DataFrame(table()), more=likelihood_of(table())
        ),
        "importance_weighted_plain": lambda _: Given(
            small("importance_weighted(2, draws=2, gradient=plain)", likelihood="gaussian"), table()
        ),
        "preset_adversarial": lambda _: Given(
            isthmus.adversarial(3, prior="swiss_roll(turns=1.5)", optimizer="adam(0.005)", **PRESET),
            table(),
            more=around(table()),
        ),
        "adversarial_by_label": lambda _: Given(
            small(f"adversarial(2, prior='mixture(3, by_label=True)', {rival})", stops=None),
            table(),
            {"y": some_unknown(label)},
            more={"sample_of_label": lambda model: model.sample(4, 2, label=1)},
        ),
        "preset_generalized_neighbors": lambda _: Given(
            isthmus.generalized(2, neighborhood="nearest(4, every=2)", scaling="center", **PRESET), table()
        ),
        "preset_generalized_class": lambda _: Given(
            isthmus.generalized(2, case="class", **PRESET), table(), {"y": some_unknown(label)}
        ),
        "preset_generalized_margin": lambda _: Given(
            isthmus.generalized(2, case="margin", **PRESET), doubled, {"y": np.concatenate([label[:10], label])}
        ),
        "preset_embedding": lambda _: Given(
            isthmus.embedding(3, reconstruction=0.5, sparsity=0.1, optimizer="sgd(inverse_time(0.01, 20))", **PRESET),
            table(),
        ),
        "preset_embedding_distances": lambda _: Given(
            isthmus.embedding(2, pairs="distances(0.2)", optimizer="adagrad(0.05)", **PRESET), table()
        ),
        "preset_embedding_margin": lambda _: Given(
            isthmus.embedding(2, pairs="margin(0.5, affinity=same_label, form=hadsell)", **PRESET),
            table(),
            {"y": some_unknown(label)},
        ),
        "preset_convolutional": lambda _: Given(
            isthmus.convolutional(3, encoder="conv((3, 4), pooling=2, stride=1)", scaling=None, **tiny), images()[:, 0]
        ),
        "convolutional_residual": lambda _: Given(
            small(3, encoder=f"residual({narrow}, activation=leaky_relu)", corruption="block(0.2)", **tiny), images(2)
        ),
        "convolutional_squeeze_excite": lambda _: Given(
            isthmus.convolutional(
                3,
                encoder=f"squeeze_excite({narrow}, reduction=2, shape=(1, 6, 6))",
                corruption="block(0.25, shape=(6, 6))",
                likelihood="bernoulli",
                scaling="minmax",
                **tiny,
            ),
            images().reshape(40, 36),
        ),
    }


def autoencoders() -> dict[str, Callable[[Path], Given]]:
    """Return cases of the parts of an autoencoder, and of all kinds of tables."""
    label = kinds()
    sparse = scipy.sparse.csr_matrix(bits(16) * np.float32(1.5))
    lazy, reading = pl.DataFrame(table(17)).lazy(), "text((5,), embedding=4"
    return {
        "linear_lbfgs_pca": lambda folder: Given(
            Autoencoder(2, encoder="mlp(())", init="pca", optimizer="lbfgs(5)", max_epochs=2), npz(folder)
        ),
        "cg_lazy_frame": lambda _: Given(
            small(optimizer="cg(4)", max_epochs=2, encoder="mlp((5,), activation=tanh)"), lazy, asked=lazy.head(ASKED)
        ),
        "top_k_sparse_matrix": lambda _: Given(
            small("top_k(10, k=3)", scaling=None, optimizer="rmsprop(exponential(0.01, 0.5, 5))", penalties="l2"),
            sparse,
        ),
        "nested": lambda _: Given(
            small("nested(4, keeps=0.9, draws=2)", encoder="mlp(())", optimizer="adam(0.02)"),
            table(),
            more={"explained": lambda model: isthmus.explained_variance_ratio(model, table())},
        ),
        "csv_with_gaps": lambda folder: Given(
            small(
                optimizer="adagrad(0.05)",
                scaling="minmax",
                corruption="swap(0.2)",
                stops=["target(0.001)", "time_limit(600)"],
            ),
            csv(folder),
        ),
        "parquet_mixed": lambda folder: Given(
            small(3, likelihood="absolute_error", optimizer="adadelta", validation_fraction=0.2), parquet(folder)
        ),
        "npy_bernoulli": lambda folder: Given(
            small(likelihood="bernoulli", scaling="none", corruption="salt_and_pepper(0.1)", optimizer="adadelta"),
            npy(folder),
        ),
        "pandas_mixed": lambda _: Given(
            small(
                3,
                likelihood="columns('gaussian(diagonal)')",
                corruption="varied_masking(0.1, 0.6)",
                columns={"count": "categorical", "color": ["red", "blue"]},
                optimizer="adam(0.01)",
            ),
            frame(),
            more=around(frame()),
        ),
        "polars_mixed": lambda _: Given(
            small("variational(2)", likelihood="columns(mixture(2), balanced=False)", corruption="masking"),
            frame_of_polars(),
        ),
        "array_with_gaps": lambda _: Given(
            small(likelihood="gaussian(diagonal)", scaling="quantile(20)", corruption="block(0.3)"), holes(table())
        ),
        "quantile_bernoulli": lambda _: Given(
            small(likelihood="bernoulli", scaling="quantile(15, rows=40)", stops=["weight_change(0.5)", "loss_change"]),
            table(),
        ),
        "gaussian_full": lambda _: Given(small(likelihood="gaussian(full)", penalties="contractive(0.1)"), table()),
        "mixture": lambda _: Given(
            small("variational(2, draws=2)", likelihood="mixture(3)", encoder="mlp((6,), activation=gelu)"), table()
        ),
        "histogram": lambda _: Given(
            small(likelihood="histogram(6)", encoder="mlp((6,), activation=prelu)", corruption="gaussian(0.1)"), table()
        ),
        "sigmoid_output_starts": lambda _: Given(
            small(
                "deterministic(3, activation=softplus)",
                likelihood="squared_error(sigmoid)",
                scaling="minmax",
                n_starts=3,
                tied=True,
                penalties=["l1(linear(0.0, 0.01, 8))", "weight_decay", "curvature(0.05, draws=2)"],
            ),
            table(),
            {"sample_weight": np.linspace(0, 2, 60)},
        ),
        "laplacian_labels": lambda _: Given(
            small(penalties=["laplacian(0.2, affinity=same_label)", "margin(0.1, affinity='ball(share=0.2)')"]),
            table(),
            {"y": label},
            more={"sample_of_label": lambda model: model.sample(4, 2, label=0)},
        ),
        "checkpoint": interrupted,
        "partial_fit": lambda _: in_parts(),
        "texts_tokens": lambda _: Given(
            small(3, encoder=f"{reading}, pooling=none)", likelihood="codes", optimizer="adam(0.02)"), texts()
        ),
        "texts_characters": lambda _: Given(
            small(
                2,
                encoder=f"{reading}, road=recurrent, pooling=last)",
                likelihood="codes",
                text="tokens(20, length=6, by=character)",
                max_epochs=2,
            ),
            texts(),
        ),
        "texts_tfidf": lambda _: Given(small(text="tfidf(10)"), pd.Series(texts()), more=around(texts())),
        "texts_one_hot": lambda _: Given(small(text="one_hot(8)", likelihood="bernoulli", scaling=None), texts()),
        "sequences_ragged": lambda _: Given(
            small(encoder="recurrent((4,))"), walks(even=False), more=around(walks(even=False))
        ),
        "sequences_even": lambda _: Given(
            small(encoder="recurrent((4,), cell=lstm, bidirectional=True, pooling=mean)"), np.stack(walks(even=True))
        ),
        "windows": lambda _: of_windows(small(encoder="recurrent((4,), cell=simple, activation=tanh, pooling=max)")),
        "windows_flat": lambda _: of_windows(small(encoder=(7, 5), decoder="mlp((4,), activation=sigmoid)")),
        "hyper_tasks": lambda _: Given(
            small(encoder="hyper(mlp(()), tasks=2, embedding=3, hidden=(5,), chunk=20)"), with_tasks((0, 1))
        ),
        "stacked": lambda _: Given(
            StackedAutoencoder(
                [
                    small(5, corruption="masking(0.2)", max_epochs=2),
                    small("variational(2)", scaling="minmax", max_epochs=2),
                ],
                validation_fraction=0.1,
                **SHORT,
            ),
            names_of(table()),
        ),
        "stacked_layers_only": lambda _: Given(
            StackedAutoencoder(
                [
                    small(4, max_epochs=2, likelihood="bernoulli", scaling=None),
                    small("adversarial(2, hidden=(4,))", max_epochs=2, scaling=None, encoder="mlp(())", stops=None),
                ],
                max_epochs=0,
            ),
            bits(),
        ),
    }


def networks() -> dict[str, Callable[[Path], Given]]:
    """Return cases of the networks that answer."""
    X, label, two = table(), kinds(), two_targets()
    group = np.arange(60) // 6
    some = two.copy()
    some[::7, 0], some[3::7, 1] = np.nan, np.nan
    words = np.array(["low", "middle", "high"])[label]
    return {
        "classifier": lambda _: Given(
            NetworkClassifier((6,), class_weight="balanced", validation_fraction=0.2, **SHORT),
            names_of(X),
            {"y": words},
        ),
        "classifier_outputs": lambda _: Given(
            NetworkClassifier("mlp((6,), dropout=0.2)", target="bernoulli", corruption="gaussian(0.1)", **SHORT),
            X,
            {"y": np.column_stack([label, X[:, 1] > 3])},
        ),
        "classifier_hinge_average": lambda _: Given(
            NetworkClassifier((5,), target="hinge(form=max)", n_starts=3, combine="average", **SHORT), X, {"y": label}
        ),
        "classifier_binary_hinge": lambda _: Given(
            NetworkClassifier(
                (5,), target="binary_hinge", class_weight={0: 2.0, 1: 1.0, 2: 0.5}, penalties="l2", **SHORT
            ),
            X,
            {"y": label, "sample_weight": 1 + np.arange(60) % 2},
        ),
        "classifier_pretrained": lambda _: Given(
            NetworkClassifier(pretrained=small("variational(3)", max_epochs=2), frozen_epochs=2, **SHORT),
            X,
            {"y": some_unknown(label)},
        ),
        "classifier_fitted_and_rows": lambda _: Given(
            NetworkClassifier(pretrained=small(3, max_epochs=2).fit(frame()), reconstruction=0.3, **SHORT),
            frame(),
            {"y": some_unknown(label)},
        ),
        "classifier_of_stack": lambda _: Given(
            StackedAutoencoder([small(4, max_epochs=2), small(2, max_epochs=2)], max_epochs=0).to_classifier(
                "svm", frozen_epochs=1, **SHORT
            ),
            X,
            {"y": label},
        ),
        "classifier_texts": lambda _: Given(
            NetworkClassifier("text((5,), embedding=4)", reconstruction=0.1, **SHORT),
            texts(),
            {"y": np.resize(["sea", "grain"], 48)},
        ),
        "classifier_images": lambda _: Given(
            NetworkClassifier("conv((3,))", **SHORT), images(2), {"y": images(2)[:, 0, :3].sum(axis=(1, 2)) > 3}
        ),
        "classifier_tasks": lambda _: tasks_in_turn(),
        "regressor_outputs_with_gaps": lambda _: Given(
            NetworkRegressor((6,), optimizer="lbfgs(4)", max_epochs=2), names_of(X), {"y": some}
        ),
        "regressor_gaussian": lambda _: Given(
            NetworkRegressor((6,), target="gaussian(diagonal)", validation_fraction=0.2, **SHORT),
            X,
            {"y": two[:, 0]},
            more=distribution(X, two[:, 0]),
        ),
        "regressor_gaussian_full": lambda _: Given(
            NetworkRegressor((6,), target="gaussian(full)", reconstruction=0.2, **SHORT),
            X,
            {"y": two},
            more=distribution(X, two),
        ),
        "regressor_mixture": lambda _: Given(
            NetworkRegressor((6,), target="mixture(2)", **SHORT), X, {"y": two[:, 0]}, more=distribution(X, two[:, 0])
        ),
        "regressor_histogram": lambda _: Given(
            NetworkRegressor((6,), target="histogram(5, edges='quantile')", **SHORT),
            X,
            {"y": two},
            more=distribution(X, two),
        ),
        "regressor_average": lambda _: Given(
            NetworkRegressor(
                pretrained=small(3, max_epochs=2),
                target="absolute_error",
                n_starts=2,
                combine="average",
                frozen_epochs=1,
                **SHORT,
            ),
            X.astype(np.float32),
            {"y": two[:, 0]},
        ),
        "regressor_sequences": lambda _: Given(
            NetworkRegressor("recurrent((4,))", **SHORT),
            walks(even=False),
            {"y": [walk[-1].sum() for walk in walks(even=False)]},
        ),
        "regressor_mixed_table": lambda _: Given(
            NetworkRegressor((6,), optimizer="rmsprop(0.01)", **SHORT), frame_of_polars(), {"y": two[:, 1]}
        ),
        "regressor_hyper_number": lambda _: Given(
            NetworkRegressor("hyper(mlp((3,)), column='a', hidden=(5,))", **SHORT), names_of(X), {"y": two[:, 0]}
        ),
        "ranker_pairwise": lambda _: Given(
            NetworkRanker((6,), target="pairwise(form=hinge)", validation_fraction=0.2, **SHORT),
            X,
            {"y": label, "groups": group},
        ),
        "ranker_listwise": lambda _: Given(
            NetworkRanker((6,), target="listwise", reconstruction=0.1, n_starts=2, combine="average", **SHORT),
            names_of(X),
            {"y": label, "groups": group.astype(str)},
        ),
    }


def detectors() -> dict[str, Callable[[Path], Given]]:
    """Return cases of detectors, imputers and word vectors."""
    odd = table(19, rows=110)
    odd[::17, 2] += 3
    noisy, filling = small(4, corruption="gaussian(0.2)", max_epochs=2), small(3, corruption="varied_masking", **SHORT)
    return {
        "detector_default": lambda _: Given(AnomalyDetector(), names_of(odd[:40, :3])),
        "detector_conformal_ensemble": lambda _: Given(
            AnomalyDetector(noisy, n_models=2, threshold="conformal", alpha=0.1, random_state=3), names_of(odd)
        ),
        "detector_pareto_dirty_error_only": lambda _: Given(
            AnomalyDetector(
                noisy, threshold="pareto", alpha=0.01, calibration_fraction=0.5, dirty=0.05, neighbors=0, random_state=5
            ),
            scipy.sparse.csr_array(table(20, rows=260)),
        ),
        "detector_contamination_list": lambda _: Given(
            AnomalyDetector([noisy, small("variational(2)", likelihood="gaussian")], contamination=0.1, neighbors=3),
            odd,
            {"sample_weight": 1.0 + (np.arange(110) % 5 == 0)},
        ),
        "detector_mixed_stack": lambda _: Given(
            AnomalyDetector(StackedAutoencoder([small(4, max_epochs=2), small(2, max_epochs=2)], max_epochs=0)), frame()
        ),
        "detector_windows": lambda _: of_windows(AnomalyDetector(small(encoder="recurrent((4,))", max_epochs=2))),
        "imputer_mixed": lambda _: Given(Imputer(filling, n_imputations=2, random_state=4), frame()),
        "imputer_polars": lambda _: Given(Imputer(filling, sweeps=1), frame_of_polars()),
        "imputer_numbers": lambda _: Given(
            Imputer(
                small(3, likelihood="gaussian(diagonal)", corruption="varied_masking", max_epochs=1, batch_size=64)
            ),
            holes(table(21, rows=520)),
        ),
        "imputer_default": lambda _: Given(Imputer(), holes(table(22, rows=30, columns=3))),
        "word_vectors": lambda _: Given(WordVectors(3, min_count=1, window=2, max_epochs=3), texts()),
        "word_vectors_pmi": lambda _: Given(
            WordVectors(
                2,
                min_count=2,
                weighting="pmi",
                likelihood="squared_error",
                shift=2.0,
                power=1.0,
                harmonic=False,
                encoder=(5,),
                max_epochs=3,
            ),
            texts(),
        ),
    }


CASES: dict[str, Callable[[Path], Given]] = presets() | autoencoders() | networks() | detectors()
HEAVY = ("imputer_default",)  # models too large for the fixtures


# Answers.


def answers(model: Any, given: Given) -> dict[str, np.ndarray]:
    """Return all that a fitted model tells, of the first rows of its table, as arrays of numbers by name."""
    asked = first(given.X, ASKED) if given.asked is None else given.asked
    questions = _QUESTIONS[type(model).__name__](model, asked, given) | {
        name: _bound(question, model) for name, question in given.more.items()
    }
    return {name: numbers(question()) for name, question in questions.items()}


def _bound(question: Callable[[Any], Any], model: Any) -> Callable[[], Any]:
    return lambda: question(model)


def _of_autoencoder(model: Any, asked: Any, given: Given) -> dict[str, Callable[[], Any]]:
    codes = model.transform(asked)
    found = {
        "codes": lambda: codes,
        "reconstruction": lambda: model.reconstruct(asked),
        "rows_of_codes": lambda: model.inverse_transform(codes),
        "score_samples": lambda: model.score_samples(asked),
        "score": lambda: model.score(given.X),
        "sample": lambda: model.sample(4, random_state=1),
        "losses": lambda: _losses(model),
    }
    for name in ("dead_units_", "explained_variance_ratio_"):
        if hasattr(model, name):
            found[name] = lambda name=name: getattr(model, name)
    return found


def _of_answers(model: Any, asked: Any, given: Given) -> dict[str, Callable[[], Any]]:
    found = {
        "codes": lambda: model.transform(asked),
        "prediction": lambda: model.predict(asked),
        "score": lambda: model.score(given.X, **given.fit),
        "losses": lambda: _losses(model),
    }
    if isinstance(model, NetworkClassifier):
        found |= {"probability": lambda: model.predict_proba(asked), "classes": lambda: model.classes_}
    return found


def _of_detector(model: Any, asked: Any, given: Given) -> dict[str, Callable[[], Any]]:
    return {
        "score_samples": lambda: model.score_samples(asked),
        "decision": lambda: model.decision_function(asked),
        "prediction": lambda: model.predict(asked),
        "score_by_column": lambda: model.anomaly_score(asked, per_feature=True),
        "p_values": lambda: model.p_values(asked),
        "explanation": lambda: model.explain(asked),
        "offset": lambda: model.offset_,
    }


def _of_imputer(model: Any, asked: Any, given: Given) -> dict[str, Callable[[], Any]]:
    return {
        "filled": lambda: model.transform(asked),
        "filled_by_chance": lambda: np.stack([numbers(each) for each in model.impute(asked, 2)]),
        "uncertainty": lambda: model.uncertainty(asked),
        "interval": lambda: np.stack(model.interval(asked, 0.8)),
        "missing": lambda: model.missing(asked),
        "codes": lambda: model.autoencoder_.transform(asked),
    }


def _of_words(model: Any, asked: Any, given: Given) -> dict[str, Callable[[], Any]]:
    return {
        "vectors": lambda: model.vectors_,
        "words": lambda: model.words_,
        "counts": lambda: model.counts_,
        "nearest": lambda: [word for word, _ in model.nearest("ship", 3)],
        "cosine": lambda: np.array([cosine for _, cosine in model.nearest(["ship", "corn"], 3, minus="sea")]),
        "similarity": lambda: model.similarity("ship", "corn"),
        "agreement": lambda: model.evaluate([("ship", "sea", 9.0), ("ship", "corn", 1.0), ("corn", "rain", 6.0)]),
    }


_QUESTIONS = {
    "Autoencoder": _of_autoencoder,
    "StackedAutoencoder": _of_autoencoder,
    "NetworkClassifier": _of_answers,
    "NetworkRegressor": _of_answers,
    "NetworkRanker": _of_answers,
    "AnomalyDetector": _of_detector,
    "Imputer": _of_imputer,
    "WordVectors": _of_words,
}


def _losses(model: Any) -> np.ndarray:
    """Return the losses of a training, [epochs, terms], the terms in the order of their names when format 1 began."""
    names = {name for record in model.history_ for name in record} - set(TIMES)
    names = sorted(names, key=lambda name: {"validation_loss": "held_out_loss"}.get(name, name))
    return np.array([[record.get(name, np.nan) for name in names] for record in model.history_])


def first(X: Any, rows: int) -> Any:
    """Return the first rows of a table; a file is taken as it is."""
    if isinstance(X, str | Path):
        return X
    if isinstance(X, pl.DataFrame):
        return X.head(rows)
    return X.iloc[:rows] if isinstance(X, pd.DataFrame | pd.Series) else X[:rows]


def numbers(answer: Any) -> np.ndarray:
    """Return an answer of any form as an array of numbers: of a text, a number made from it."""
    if isinstance(answer, pd.DataFrame):
        return _beside([np.asarray(answer.iloc[:, i], dtype=_kind(answer.iloc[:, i])) for i in range(answer.shape[1])])
    if isinstance(answer, pl.DataFrame):
        return _beside([np.array(column.to_list(), dtype=_kind(column)) for column in answer])
    if isinstance(answer, list) and answer and isinstance(answer[0], np.ndarray):  # sequences, or several outputs
        flat = [np.asarray(each, np.float64).ravel() for each in answer]
        return np.stack([np.pad(each, (0, max(map(len, flat)) - len(each)), constant_values=np.nan) for each in flat])
    array = np.asarray(answer)
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    return np.array([_number(value) for value in array.ravel().tolist()], np.float64).reshape(array.shape)


def _kind(column: Any) -> Any:
    """Return the type that the values of a column are taken in: their own, where they are floats."""
    spelled = str(column.dtype).lower()
    return spelled if spelled in ("float32", "float64") else object


def _beside(columns: list[np.ndarray]) -> np.ndarray:
    return np.stack([numbers(column) for column in columns], axis=1)


def _number(value: Any) -> float:
    if value is None or value is pd.NA or value is pd.NaT:
        return float("nan")
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    if isinstance(value, datetime.datetime):
        return (value - datetime.datetime(1970, 1, 1)).total_seconds()
    if isinstance(value, str):
        return float(int.from_bytes(hashlib.sha256(value.encode()).digest()[:6]))
    return float(value)


# Records.


class Counter:
    """Programs handed to XLA since the counter was made."""

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **rest: Any) -> None:
        self.count += event == COMPILED


@dataclass(frozen=True)
class Result:
    """What is recorded of a case, beside its arrays."""

    weights: str  # sha256 of the weights in the model file
    tensors: str  # of all its tensors
    outputs: dict[str, str]  # of each answer
    compiles: int  # programs that the fit compiled
    compiles_of_answers: int
    seconds: float
    bytes: int  # of the model file


def record(out: Path, chosen: list[str]) -> None:
    """Fit the cases, or only those chosen, and write what they give to a folder beside what is recorded there."""
    for name in ("models", "outputs"):
        (out / name).mkdir(parents=True, exist_ok=True)
    counter, file = Counter(), out / "results.json"
    cases = json.loads(file.read_text())["cases"] if chosen and file.exists() else {}
    data = {
        "made_with": {each: version(each) for each in ("jax", "jaxlib", "numpy", "scikit-learn", "scipy")},
        "machine": [platform.machine(), jax.default_backend()],
        "isthmus": str(Path(isthmus.__file__ or "").parent),
        "cases": cases,
    }
    begun = time.perf_counter()
    for name in chosen or CASES:
        told = _recorded(name, out, counter)
        cases[name] = dataclasses.asdict(told)
        file.write_text(json.dumps(data, indent=1))  # after each case: what is killed is not lost
        say(f"{name:32}{told.seconds:6.1f} s {told.compiles:5} programs {told.bytes:8} bytes")
    say(f"{len(chosen or CASES)} cases in {time.perf_counter() - begun:.0f} s, {time.process_time():.0f} s of cores")


def _recorded(name: str, out: Path, counter: Counter) -> Result:
    file = out / "models" / f"{name}.safetensors"
    with tempfile.TemporaryDirectory() as folder:
        given = CASES[name](Path(folder))
        jax.clear_caches()
        start, before = time.perf_counter(), counter.count
        if given.train is None:
            given.model.fit(given.X, **given.fit)
        else:
            given.train(given.model)
        fitted = counter.count
        given.model.save(file)
        found = answers(given.model, given)
        taken = counter.count
    np.savez_compressed(out / "outputs" / f"{name}.npz", **found)
    tensors = safetensors.numpy.load_file(file)
    return Result(
        weights=_digest(_weights(tensors)),
        tensors=_digest(tensors),
        outputs={each: _digest({each: array}) for each, array in found.items()},
        compiles=fitted - before,
        compiles_of_answers=taken - fitted,
        seconds=round(time.perf_counter() - start, 2),
        bytes=file.stat().st_size,
    )


def _weights(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights among the tensors of a model file; of word vectors, which has none, the vectors."""
    found = {n: array for n, array in tensors.items() if n.startswith("weights.") or ".weights." in n}
    return found or dict(tensors)


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the sha256 of arrays in the order of their names: of types, shapes and values, not of the names."""
    digest = hashlib.sha256()
    for _, array in sorted(arrays.items()):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def compare(before: Path, after: Path) -> bool:
    """Print what differs between two records, and say whether weights and answers are equal to the bit."""
    old, new = (json.loads((each / "results.json").read_text())["cases"] for each in (before, after))
    say(f"{'case':32}{'weights':>24}{'tensors':>9}{'answers':>40}{'programs':>14}")
    is_equal = True
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            say(f"{name:32}  only {'before' if name in old else 'after'}")
            is_equal = False
            continue
        one, other = old[name], new[name]
        files = [each / "models" / f"{name}.safetensors" for each in (before, after)]
        pair = [_weights(safetensors.numpy.load_file(file)) for file in files]
        weights = "equal" if one["weights"] == other["weights"] else _difference(*pair)
        answered = [_read(each / "outputs" / f"{name}.npz") for each in (before, after)]
        told = "equal" if one["outputs"] == other["outputs"] else _difference(*answered)
        tensors = "equal" if one["tensors"] == other["tensors"] else "DIFFER"
        counts = f"{one['compiles']} -> {other['compiles']}{' MORE' if other['compiles'] > one['compiles'] else ''}"
        say(f"{name:32}{weights:>24}{tensors:>9}{told:>40}{counts:>14}")
        is_equal &= {weights, tensors, told} == {"equal"}
    say("all equal to the bit" if is_equal else "NOT all equal")
    return is_equal


def _difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> str:
    """Return where arrays differ most, and how much; names and shapes that differ are told first."""
    if one.keys() != other.keys():
        return "names: " + ", ".join(sorted(one.keys() ^ other.keys()))[:30]
    worst, where = 0.0, ""
    for name, array in one.items():
        if array.shape != other[name].shape:
            return f"shape of {name}: {array.shape} {other[name].shape}"
        if array.tobytes() != other[name].tobytes():
            gap = float(np.nanmax(np.abs(array.astype(np.float64) - other[name]), initial=0.0))
            if not where or gap > worst:
                worst, where = gap, name
    return f"{worst:.1e} {where}" if where else "equal"


def load(out: Path) -> bool:
    """Load the models of a record, print how far their answers are off, and say whether all are equal to the bit."""
    is_equal = True
    for name in json.loads((out / "results.json").read_text())["cases"]:
        with tempfile.TemporaryDirectory() as folder:
            given = CASES[name](Path(folder))
            jax.clear_caches()
            found = answers(isthmus.load(out / "models" / f"{name}.safetensors"), given)
        told = _difference(_read(out / "outputs" / f"{name}.npz"), found)
        say(f"{name:32}{told:>24}")
        is_equal &= told == "equal"
    say("all equal to the bit" if is_equal else "NOT all equal")
    return is_equal


def fixtures(out: Path, target: Path) -> None:
    """Write the model files of a record to a folder, and the first rows of its answers as `expected.npz`."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    expected = {}
    for name in json.loads((out / "results.json").read_text())["cases"]:
        if name in HEAVY:
            continue
        shutil.copy(out / "models" / f"{name}.safetensors", target)
        for each, array in _read(out / "outputs" / f"{name}.npz").items():
            expected[f"{name}/{each}"] = array[:KEPT] if array.ndim else array
    np.savez_compressed(target / "expected.npz", **expected)
    size = sum(file.stat().st_size for file in target.iterdir())
    say(f"{len(list(target.iterdir()))} files, {size / 2**20:.2f} MiB")


def kept_cases(target: Path) -> list[str]:
    """Return the names of the cases in a folder of fixtures."""
    return sorted(file.stem for file in target.glob("*.safetensors"))


def wrong_answers(target: Path, name: str, tolerance: float = TOLERANCE) -> dict[str, str]:
    """Load a model of the fixtures, and return what it answers otherwise than it did, by the name of the answer.

    Parameters
    ----------
    target : the folder of the fixtures.
    name : of the case.
    tolerance : relative and absolute.
    """
    with np.load(target / "expected.npz", allow_pickle=False) as archive:  # only what is asked for is read
        expected = {each.split("/")[1]: archive[each] for each in archive.files if each.split("/")[0] == name}
    model = isthmus.load(target / f"{name}.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        found = answers(model, CASES[name](Path(folder)))
    found = {each: array[:KEPT] if array.ndim else array for each, array in found.items()}
    if expected.keys() != found.keys():
        return {"answers": f"{sorted(found)} in place of {sorted(expected)}"}
    wrong = {}
    for each, array in expected.items():
        other, slack = found[each], tolerance
        if each == "p_values":  # a score that differs in its last digit may pass one validation row, which it is itself
            slack += 1 / (1 + model.fitted_.validation.weight.sum())
        if array.shape != other.shape or not np.allclose(other, array, tolerance, slack, equal_nan=True):
            wrong[each] = _difference({each: array}, {each: other})
    return wrong


def check(target: Path) -> bool:
    """Print which models of the fixtures answer otherwise than they did, and say whether none does."""
    wrong = {name: found for name in kept_cases(target) if (found := wrong_answers(target, name))}
    for name, found in wrong.items():
        say(f"{name:32}{found}")
    say(f"{len(wrong)} of {len(kept_cases(target))} models answer otherwise than they did")
    return not wrong


def _read(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run what the command line asks for; return 0 where nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=("record", "compare", "load", "fixtures", "check"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("rest", nargs="*", help="of record: cases; of compare and fixtures: the other folder")
    given = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    warnings.simplefilter("ignore")
    if given.work == "record":
        record(given.folder, given.rest)
        return 0
    if given.work == "fixtures":
        fixtures(given.folder, Path(given.rest[0]))
        return 0
    if given.work == "compare":
        return 0 if compare(given.folder, Path(given.rest[0])) else 1
    return 0 if {"load": load, "check": check}[given.work](given.folder) else 1


if __name__ == "__main__":
    sys.exit(main())
