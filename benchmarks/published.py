"""Four published figures on the whole of MNIST, approached with their recipes in some minutes each.

    python benchmarks/published.py --data FOLDER [--only deep k_sparse contractive vae iwae] [--epochs 1.0]

`FOLDER` holds `mnist/mnist.npz`. `--epochs` multiplies every number of epochs: more is nearer to the papers, which
trained for 200 to 5,000.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.decomposition import PCA

import isthmus
from isthmus import Autoencoder, NetworkClassifier

DRAWS, JUDGED = 5000, 1000  # of importance sampling, on so many test images


class Digits(NamedTuple):
    """MNIST, pixels in [0, 1]."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def schedule(rate: float, epochs: int, rows: int, batch: int) -> str:
    return f"cosine({rate}, steps={epochs * -(-rows // batch)})"


def deep(digits: Digits, scale: float) -> Iterator[tuple[str, str, str]]:
    """Hinton and Salakhutdinov (2006): 784-1000-500-250-30, mean squared error summed over pixels."""
    epochs, batch = max(1, round(50 * scale)), 200
    ae = Autoencoder(
        30,
        encoder="mlp((1000, 500, 250), activation=gelu)",
        scaling=None,
        optimizer=f"adam({schedule(1e-3, epochs, len(digits.x), batch)})",
        batch_size=batch,
        max_epochs=epochs,
        stops=None,
        validation_fraction=0,
    ).fit(digits.x)
    pca = PCA(30, svd_solver="full").fit(digits.x)
    linear = np.square(pca.inverse_transform(pca.transform(digits.x_test)) - digits.x_test).sum(axis=1).mean()
    error = np.square(ae.reconstruct(digits.x_test) - digits.x_test).sum(axis=1).mean()
    yield "PCA, 30 components: squared error", "13.87", f"{linear:.2f}"
    yield f"deep autoencoder, code 30, {epochs} epochs: squared error", "3.00", f"{error:.2f}"


def k_sparse(digits: Digits, scale: float) -> Iterator[tuple[str, str, str]]:
    """Makhzani and Frey (2013): 1,000 tied linear units, k = 25, then logistic regression on the codes."""
    epochs, batch = max(2, round(40 * scale)), 250
    steps = epochs * len(digits.x) // batch
    ae = isthmus.k_sparse(
        1000,
        f"linear(100.0, 25.0, steps={steps // 2})",
        alpha=3.0,
        scaling=None,
        optimizer=f"adam({schedule(1e-3, epochs, len(digits.x), batch)})",
        batch_size=batch,
        max_epochs=epochs,
        stops=None,
        validation_fraction=0,
    ).fit(digits.x)
    yield "raw pixels + logistic regression: error", "7.20 %", f"{_regression(digits, lambda x: x):.2%}"
    yield f"k-sparse, k = 25, alpha = 3, {epochs} epochs: error", "1.35 %", f"{_regression(digits, ae.transform):.2%}"
    yield "its dead units", "-", f"{len(ae.dead_units_)} of 1000"


def contractive(digits: Digits, scale: float) -> Iterator[tuple[str, str, str]]:
    """Rifai et al. (2011): 1,000 tied sigmoid units, cross-entropy, fine-tuned as a classifier."""
    epochs, tuned, batch = max(1, round(20 * scale)), max(1, round(40 * scale)), 200
    for name, published, weight in (("autoencoder", "1.78 %", 0.0), ("contractive autoencoder", "1.14 %", 0.1)):
        ae = isthmus.contractive(
            1000,
            weight=weight,
            likelihood="bernoulli",
            scaling=None,
            optimizer=f"adam({schedule(1e-3, epochs, len(digits.x), batch)})",
            batch_size=batch,
            max_epochs=epochs,
            stops=None,
            validation_fraction=0,
        ).fit(digits.x)
        codes = ae.transform(digits.x_test)
        model = NetworkClassifier(
            pretrained=ae,
            frozen_epochs=2,
            optimizer=f"adam({schedule(1e-3, tuned, len(digits.x), batch)})",
            batch_size=batch,
            max_epochs=tuned,
            stops=None,
            validation_fraction=1 / 6,
        ).fit(digits.x, digits.y)
        error = 1 - model.score(digits.x_test, digits.y_test)
        yield f"{name}, {epochs} + {tuned} epochs, fine-tuned: error", published, f"{error:.2%}"
        saturated = ((codes < 0.05) | (codes > 0.95)).mean()
        yield "its saturated units", "49.9 %" if not weight else "86.4 %", f"{saturated:.1%}"


def vae(digits: Digits, scale: float) -> Iterator[tuple[str, str, str]]:
    """Burda et al. (2016): one stochastic layer of 50, tanh layers of 200, bits drawn anew each epoch."""
    yield from _evidence(digits, "variational(50)", "VAE", "86.76", max(1, round(150 * scale)))


def iwae(digits: Digits, scale: float) -> Iterator[tuple[str, str, str]]:
    """The same with five draws and their bound."""
    yield from _evidence(digits, "importance_weighted(50, draws=5)", "IWAE-5", "85.54", max(1, round(90 * scale)))


def _evidence(
    digits: Digits, bottleneck: str, name: str, published: str, epochs: int
) -> Iterator[tuple[str, str, str]]:
    ae = Autoencoder(
        bottleneck,
        encoder="mlp((200, 200), activation=tanh)",
        likelihood="bernoulli",
        scaling=None,
        optimizer=f"adam({schedule(2e-3, epochs, len(digits.x), 100)})",
        batch_size=100,
    )
    random = np.random.default_rng(0)
    for _ in range(epochs):
        ae.partial_fit(_bits(digits.x, random))
    judged = _bits(digits.x_test[:: len(digits.x_test) // JUDGED], random)
    nats = -isthmus.log_likelihood(ae, judged, draws=DRAWS)
    error = nats.std() / np.sqrt(len(nats))
    yield f"{name}, {epochs} epochs: −log p(x), {DRAWS} draws", f"{published} nats", f"{nats.mean():.2f} ± {error:.2f}"
    units = (ae.diagnose(judged)["verdict"] == "").sum()
    yield "its active units", "19" if name == "VAE" else "22", str(units)


def _bits(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return (random.random(x.shape, dtype=np.float32) < x).astype(np.float32)


def _regression(digits: Digits, features: Callable[[Any], Any]) -> float:
    """Return the test error of a logistic regression, its weight decay chosen on the last 10,000 training rows."""
    x, x_test = features(digits.x), features(digits.x_test)
    fits = [_softmax(x[:50_000], digits.y[:50_000], decay) for decay in (1e-4, 1e-5)]
    best = max(fits, key=lambda fit: fit.score(x[50_000:], digits.y[50_000:]))
    return 1 - float(best.score(x_test, digits.y_test))


def _softmax(x: np.ndarray, y: np.ndarray, decay: float) -> NetworkClassifier:
    return NetworkClassifier(
        "mlp(())",
        penalties=f"weight_decay({decay})",
        optimizer=f"adam({schedule(2e-3, 30, len(x), 250)})",
        batch_size=250,
        max_epochs=30,
        stops=None,
        validation_fraction=0,
    ).fit(x, y)


SYSTEMS = {system.__name__: system for system in (deep, k_sparse, contractive, vae, iwae)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--epochs", type=float, default=1.0)
    arguments = parser.parse_args()
    with np.load(arguments.data / "mnist" / "mnist.npz", allow_pickle=False) as file:
        x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    x, x_test = (np.float32(each.reshape(-1, 784) / 255) for each in (x, x_test))
    digits = Digits(x, y, x_test, y_test)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| system | published | here | seconds in all |\n| --- | ---: | ---: | ---: |", flush=True)
    for name in arguments.only:
        began = time.perf_counter()
        for what, published, reached in SYSTEMS[name](digits, arguments.epochs):
            print(f"| {what} | {published} | {reached} | {time.perf_counter() - began:.0f} |", flush=True)


if __name__ == "__main__":
    main()
