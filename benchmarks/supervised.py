"""Classifiers of every backbone beside scikit-learn and the same networks in PyTorch; what pretraining is worth.

    python benchmarks/supervised.py --data FOLDER accuracy time pretraining

`FOLDER` holds `mnist/mnist.npz` (arrays `x_train`, `y_train`, `x_test`, `y_test`); without it only scikit-learn's
digits are taken. `accuracy`: 1,297 digits, and the first 5,000 images of MNIST, on test rows, over seeds. `time`:
milliseconds a step at a batch of 32, each figure the least of the warm fits of fresh processes that take turns.
`pretraining`: a stack of denoising autoencoders on all training rows, then labels for some of them, beside the same
network from random weights; a plot with the seeds' spread is written. PyTorch is skipped where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from isthmus import Autoencoder, NetworkClassifier, StackedAutoencoder
from measuring import machine

BATCH = 32
EPOCHS = {"digits": 30, "mnist": 10}
ENCODERS = {
    "mlp": "mlp((256, 128))",
    "conv": "conv((16, 32), stride=1, pooling=2, shape=({side}, {side}))",
    "residual": "residual((16, 32), shape=({side}, {side}))",
    "squeeze_excite": "squeeze_excite((16, 32), reduction=4, shape=({side}, {side}))",
    "recurrent": "recurrent((64,), cell='gru', shape=({side}, {side}))",
}
LABELS = (100, 300, 1000, None)
WANTED = {"mlp": 2.0} | dict.fromkeys(("conv", "residual", "squeeze_excite", "recurrent"), 1.0)

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def digits(_: Path | None) -> Rows:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32), y[order].astype(np.int64)
    return x[:1297], y[:1297], x[1297:], y[1297:]


def mnist(folder: Path | None, rows: int = 5000) -> Rows:
    assert folder is not None
    with np.load(folder / "mnist" / "mnist.npz", allow_pickle=False) as file:
        x, y = file["x_train"][:rows], file["y_train"][:rows]
        x_test, y_test = file["x_test"], file["y_test"]
    flat = [(images.reshape(len(images), -1) / np.float32(255)).astype(np.float32) for images in (x, x_test)]
    return flat[0], y.astype(np.int64), flat[1], y_test.astype(np.int64)


SETS: dict[str, Callable[[Path | None], Rows]] = {"digits": digits, "mnist": mnist}


def network(name: str, side: int, epochs: int, seed: int) -> NetworkClassifier:
    settings: dict[str, Any] = {"scaling": None, "stops": None, "validation_fraction": 0}
    encoder = ENCODERS[name].format(side=side)
    return NetworkClassifier(encoder, batch_size=BATCH, max_epochs=epochs, random_state=seed, **settings)


def shown(scores: list[float]) -> str:
    return f"{np.mean(scores):.2%} ± {np.std(scores, ddof=1) if len(scores) > 1 else 0:.2%}"


def accuracy(options: argparse.Namespace) -> None:
    try:
        import torch_networks
    except ImportError:
        torch_networks = None  # type: ignore[assignment]
    for name in options.sets:
        x, y, x_test, y_test = SETS[name](options.data)
        side, epochs = round(x.shape[1] ** 0.5), EPOCHS[name]
        print(f"\n### accuracy, {name}: {len(x)} rows, {epochs} epochs, {options.seeds} seeds\n")
        print("| network | isthmus | PyTorch | s a fit, isthmus |\n| --- | ---: | ---: | ---: |")
        for kind in options.only:
            theirs, began = [], time.perf_counter()
            ours = [network(kind, side, epochs, s).fit(x, y).score(x_test, y_test) for s in range(options.seeds)]
            seconds = (time.perf_counter() - began) / options.seeds
            for seed in range(options.seeds) if torch_networks else ():
                predict = torch_networks.fit(kind, x, y, epochs, seed, BATCH)
                theirs.append(float((predict(x_test) == y_test).mean()))
            print(f"| {kind} | {shown(ours)} | {shown(theirs) if theirs else '-'} | {seconds:.1f} |", flush=True)
        peer = []
        for seed in range(options.seeds):
            mlp = MLPClassifier((256, 128), batch_size=BATCH, max_iter=epochs, random_state=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it says that so many epochs may be too few
                peer.append(mlp.fit(x, y).score(x_test, y_test))
        print(f"| scikit-learn's MLPClassifier | {shown(peer)} | | |")


def one(library: str, kind: str, options: argparse.Namespace) -> None:
    """Print the milliseconds a step of the fastest warm fit of 1,600 rows."""
    x, y, _, _ = SETS[options.sets[-1]](options.data)
    x, y, side, seconds = x[:1600], y[:1600], round(x.shape[1] ** 0.5), []
    for seed in range(4):
        if library == "isthmus":
            model = network(kind, side, 2, seed)
            begin = time.perf_counter()
            model.fit(x, y)
        else:
            import torch

            import torch_networks

            torch.set_num_threads(int(library[-1]))
            begin = time.perf_counter()
            torch_networks.fit(kind, x, y, 2, seed, BATCH)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(1e3 * min(seconds[1:]) / (2 * -(-len(x) // BATCH))))


def timing(options: argparse.Namespace) -> None:
    print(f"\n### time a step, {options.sets[-1]}, batch {BATCH}\n\n{machine()}\n")
    print("| network | isthmus ms | PyTorch 1 thread | 2 threads | fastest / isthmus | wanted |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    failures: dict[str, str] = {}
    for kind in options.only:
        found: dict[str, list[float]] = {name: [] for name in ("isthmus", "pytorch 1", "pytorch 2")}
        for _ in range(options.processes):
            for library, figures in found.items():
                arguments = ["--one", library, kind, "--sets", options.sets[-1]]
                arguments += ["--data", str(options.data)] if options.data else []
                done = subprocess.run(  # noqa: S603 -- this very script
                    [sys.executable, __file__, *arguments], capture_output=True, text=True, check=False
                )
                if done.returncode == 0:
                    figures.append(json.loads(done.stdout.splitlines()[-1]))
                else:
                    failures[f"{kind}, {library}"] = told(done.returncode, done.stderr)
        best = {name: min(figures) if figures else np.nan for name, figures in found.items()}
        ours, *theirs = best.values()
        figures = " | ".join(f"{figure:.2f}" for figure in best.values())
        print(f"| {kind} | {figures} | {np.nanmin(theirs) / ours:.2f} x | ≥ {WANTED[kind]:g} x |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    for whose, why in failures.items():
        print(f"\nfailed: {whose}: {why}")


def told(code: int, errors: str) -> str:
    """Return why a process has failed: the last line of its errors, and its exit status."""
    lines = errors.strip().splitlines() or ["it said nothing"]
    return f"{lines[-1]} (exit status {code})"


def layer(size: int, scaling: Any, epochs: int, seed: int) -> Autoencoder:
    return Autoencoder(
        f"deterministic({size}, activation=sigmoid)",
        encoder="mlp(())",
        likelihood="bernoulli",
        corruption="masking(0.25)",
        scaling=scaling,
        stops=None,
        validation_fraction=0,
        max_epochs=epochs,
        random_state=seed,
    )


def tuned(x: np.ndarray, labels: np.ndarray, seed: int, epochs: int) -> NetworkClassifier:
    """Return a classifier of three sigmoid layers, pretrained for some epochs or, with 0, from random weights.

    Layers that were pretrained rest for the first half of the epochs, while what lies on them learns.
    """
    stack = StackedAutoencoder([layer(256, None, epochs, seed) for _ in range(3)], max_epochs=0)
    steps = {"max_epochs": 60, "stops": None, "validation_fraction": 0, "optimizer": "adam(0.001)"}
    return stack.to_classifier(frozen_epochs=30 if epochs else 0, random_state=seed, **steps).fit(x, labels)


def pretraining(options: argparse.Namespace) -> None:
    name = options.sets[-1]
    x, y, x_test, y_test = SETS[name](options.data)
    scores: dict[str, list[list[float]]] = {"pretrained": [], "random": []}
    print(f"\n### pretraining, {name}: {len(x)} rows, {options.seeds} seeds of weights and labels\n")
    print("| labels | pretrained | random start | difference, pairwise |\n| ---: | ---: | ---: | ---: |")
    for count in LABELS:
        for kind, epochs in (("pretrained", 30), ("random", 0)):
            found = []
            for seed in range(options.seeds):
                labels = np.full(len(x), -1)
                chosen = np.random.default_rng(seed).permutation(len(x))[:count]
                labels[chosen] = y[chosen]
                found.append(tuned(x, labels, seed, epochs).score(x_test, y_test))
            scores[kind].append(found)
        rows = [scores[kind][-1] for kind in scores]
        gain = shown([a - b for a, b in zip(*rows, strict=True)])
        print(f"| {count or len(x)} | {shown(rows[0])} | {shown(rows[1])} | {gain} |", flush=True)
    draw({kind: np.array(found) for kind, found in scores.items()}, len(x), options.plot)


def draw(scores: dict[str, np.ndarray], rows: int, path: Path) -> None:
    """Write accuracy over labels, the mean of the seeds and their spread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    counts = [count or rows for count in LABELS]
    for kind, found in scores.items():
        mean, spread = found.mean(axis=1), found.std(axis=1)
        (line,) = axes.plot(counts, mean, marker="o", label=kind)
        axes.fill_between(counts, mean - spread, mean + spread, alpha=0.2, color=line.get_color())
    axes.set(xscale="log", xlabel="labels", ylabel="accuracy on test rows")
    axes.legend()
    figure.savefig(path)
    print(f"\nthe picture is {path}")


PARTS = {"accuracy": accuracy, "time": timing, "pretraining": pretraining}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; all by default")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS)
    parser.add_argument("--only", nargs="+", choices=ENCODERS, default=list(ENCODERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=3, help="fresh processes for each time")
    parser.add_argument("--plot", type=Path, default=Path("pretraining.png"))
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "NETWORK"), help="time one, print one number")
    options = parser.parse_args()
    options.sets = options.sets or (["digits", "mnist"] if options.data else ["digits"])
    if options.one:
        one(*options.one, options)
        return 0
    for part in options.parts or PARTS:
        PARTS[part](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
