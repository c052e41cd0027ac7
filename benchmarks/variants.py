"""Every preset on MNIST: held-out error, what its codes know of the digits, units in use, seconds.

    python benchmarks/variants.py --data FOLDER [--only NAME …] [--rows 10000] [--epochs 20]

`FOLDER` holds `mnist/mnist.npz` (`x_train`, `y_train`, `x_test`, `y_test`). Pixels are in [0, 1], not scaled further.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import isthmus
from isthmus import Autoencoder, StackedAutoencoder

SHAPE = (28, 28)
LABELLED = 1000  # rows for the probe
HELD_OUT = 5000  # test rows

Maker = Callable[..., Any]


def layer(bottleneck: str, **settings: Any) -> Autoencoder:
    return Autoencoder(bottleneck, encoder="mlp(())", corruption="masking(0.25)", **settings)


def stack(**settings: Any) -> StackedAutoencoder:
    """Return a stack of three denoising layers; each has all epochs, and so has the fine-tuning."""
    epochs = settings.pop("max_epochs")
    scaling = settings.pop("scaling")
    widths = ("deterministic(256, activation=relu)", "deterministic(128, activation=relu)", "deterministic(32)")
    layers = [layer(w, max_epochs=epochs, scaling=None, **settings) for w in widths]
    assert scaling is None
    return StackedAutoencoder(layers, max_epochs=epochs, **settings)


VARIANTS: dict[str, Maker] = {
    "undercomplete": lambda **s: Autoencoder(32, **s),
    "linear, lbfgs": lambda **s: Autoencoder(
        32, encoder="mlp(())", optimizer="lbfgs", **(s | {"scaling": "center", "max_epochs": 2})
    ),
    "start near PCA": lambda **s: Autoencoder(32, init="pca", **s),
    "sparse, L1": lambda **s: isthmus.sparse(256, penalty="l1(0.01)", **s),
    "sparse, L2": lambda **s: isthmus.sparse(256, penalty="l2(0.01)", **s),
    "sparse, KL": lambda **s: isthmus.sparse(
        "deterministic(256, activation=sigmoid)", penalty="sparsity(0.05, weight=0.1)", **s
    ),
    "k-sparse": lambda **s: isthmus.k_sparse(512, 25, alpha=2.0, **s),
    "denoising, masking": lambda **s: isthmus.denoising(32, noise="masking(0.3)", **s),
    "denoising, gaussian": lambda **s: isthmus.denoising(32, noise="gaussian(0.3)", **s),
    "denoising, salt and pepper": lambda **s: isthmus.denoising(32, noise="salt_and_pepper(0.2)", **s),
    "denoising, block": lambda **s: isthmus.denoising(32, noise=f"block(0.15, shape={SHAPE})", **s),
    "contractive": lambda **s: isthmus.contractive(256, weight=0.01, **s),
    "contractive, CAE+H": lambda **s: isthmus.contractive(256, weight=0.01, curvature=0.01, **s),
    "contractive, deep": lambda **s: isthmus.contractive(32, weight=0.01, **({"encoder": (256, 128)} | s)),
    "stacked denoising": stack,
    "variational": lambda **s: isthmus.variational(32, **(s | {"likelihood": "bernoulli"})),
    "importance weighted": lambda **s: isthmus.importance_weighted(32, **(s | {"likelihood": "bernoulli"})),
    "adversarial": lambda **s: isthmus.adversarial(32, **s),
    "generalized, class": lambda **s: isthmus.generalized(32, case="class", **s),
    "generalized, neighbors": lambda **s: isthmus.generalized(32, case="neighbors", **s),
    "generalized, margin": lambda **s: isthmus.generalized(32, case="margin", **s),
    "embedding, laplacian": lambda **s: isthmus.embedding(32, pairs="laplacian", **s),
    "embedding, distances": lambda **s: isthmus.embedding(32, pairs="distances", **s),
    "embedding, margin": lambda **s: isthmus.embedding(32, pairs="margin(1.0, affinity=same_label)", **s),
    "convolutional": lambda **s: isthmus.convolutional(32, shape=SHAPE, **s),
    "residual": lambda **s: isthmus.convolutional(32, shape=SHAPE, kind="residual", **s),
    "squeeze and excite": lambda **s: isthmus.convolutional(32, shape=SHAPE, kind="squeeze_excite", **s),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS))
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    with np.load(arguments.data / "mnist" / "mnist.npz", allow_pickle=False) as file:
        x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    x, x_test = (np.float32(each.reshape(-1, 784) / 255) for each in (x[: arguments.rows], x_test[:HELD_OUT]))
    for line in lines(arguments, x, y[: arguments.rows], x_test, y_test[:HELD_OUT]):
        print(line, flush=True)


def lines(arguments: argparse.Namespace, x: Any, y: Any, x_test: Any, y_test: Any) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; isthmus {version('isthmus')}, "
    yield f"{len(x)} rows, {arguments.epochs} epochs, held out {len(x_test)} rows, probe with {LABELLED} labels"
    yield f"the pixels themselves: probe {probe(x, y, x_test, y_test):.1%}"
    yield ""
    yield "| variant | squared error | probe | active units | seconds |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name in arguments.only:
        model = VARIANTS[name](max_epochs=arguments.epochs, scaling=None)
        began = time.perf_counter()
        model.fit(x, y)
        seconds = time.perf_counter() - began
        error = np.square(model.reconstruct(x_test) - x_test).sum(axis=1).mean()
        codes = model.transform(x_test)
        known = probe(model.transform(x), y, codes, y_test)
        units = (model.diagnose(x_test)["verdict"] == "").sum()
        yield f"| {name} | {error:.2f} | {known:.1%} | {units} of {codes.shape[1]} | {seconds:.1f} |"


def probe(x: Any, y: Any, x_test: Any, y_test: Any) -> float:
    """Return the share of test rows that a logistic regression on the first labelled codes names rightly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
        return float(model.fit(x[:LABELLED], y[:LABELLED]).score(x_test, y_test))


if __name__ == "__main__":
    main()
