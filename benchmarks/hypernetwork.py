"""Five tasks learned one after the other, and what is left of the earlier ones.

    python benchmarks/hypernetwork.py [--data FOLDER] [--seeds 3] [--epochs 1.0]

Printed is the accuracy on every task so far, after each of them. A task is a pair of digits (0/1, 2/3, …), the label
is which of the two; the number of the task is a column. The rows of earlier tasks are not seen again. scikit-learn's
digits by default; with `--data`, MNIST from `FOLDER/mnist/mnist.npz` by the recipe of von Oswald et al. (2020), who
report 99.79 % over the five tasks after the last. `--epochs` multiplies the number of epochs.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from isthmus import NetworkClassifier

TASKS = 5


class Setting(NamedTuple):
    """A data set, and how it is learned."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    road: str
    hyper: str
    memory: float
    batch_size: int
    epochs: int


class Result(NamedTuple):
    """What one run found."""

    scores: np.ndarray  # [tasks, tasks], of each task (column) after each (row); NaN before it was learned
    moved: float  # mean change of the probability of a class of earlier tasks, from when each was learned to the end


def small() -> Setting:
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)
    hyper = "hidden=(25, 25), embedding=16"
    return Setting(x, y, x_test, y_test, "mlp((64, 64))", hyper, 0.1, 32, 60)


def mnist(folder: Path) -> Setting:
    with np.load(folder / "mnist" / "mnist.npz", allow_pickle=False) as file:
        x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    x, x_test = (np.float32(each.reshape(-1, 784) / 255) for each in (x, x_test))
    hyper = "hidden=(10, 10), embedding=96, chunk=42000"
    return Setting(x, y, x_test, y_test, "mlp((400, 400))", hyper, 0.01, 128, 21)  # 2,000 steps a task


def run(setting: Setting, encoder: str, penalties: str | tuple[()], seed: int, epochs: int) -> Result:
    """Learn the tasks one after the other."""
    model = NetworkClassifier(
        encoder,
        penalties=penalties,
        warm_start=True,
        scaling=None,
        optimizer="adam(0.001)",
        batch_size=setting.batch_size,
        max_epochs=epochs,
        stops=None,
        validation_fraction=0,
        random_state=seed,
    )
    scores, first = np.full((TASKS, TASKS), np.nan), []
    for task in range(TASKS):
        model.fit(*_task(setting.x, setting.y, task))
        for past in range(task + 1):
            scores[task, past] = model.score(*_task(setting.x_test, setting.y_test, past))
        first.append(_probability(model, setting, task))
    changes = [np.abs(_probability(model, setting, task) - first[task]).mean() for task in range(TASKS - 1)]
    return Result(scores, float(np.mean(changes)))


def _task(x: np.ndarray, y: np.ndarray, task: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a task, its number as their last column, and which of its two digits each is."""
    chosen = y // 2 == task
    rows = x[chosen]
    return np.concatenate([rows, np.full((len(rows), 1), task, rows.dtype)], axis=1), y[chosen].astype(int) % 2


def _probability(model: NetworkClassifier, setting: Setting, task: int) -> np.ndarray:
    return model.predict_proba(_task(setting.x_test, setting.y_test, task)[0])[:, 1]


def _shown(values: np.ndarray) -> str:
    """Return mean ± standard deviation over seeds, in percent."""
    return f"{100 * values.mean():.2f} ± {100 * values.std(ddof=1) if len(values) > 1 else 0:.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=1.0)
    arguments = parser.parse_args()
    setting = small() if arguments.data is None else mnist(arguments.data)
    epochs = max(1, round(setting.epochs * arguments.epochs))
    hyper = f"hyper({setting.road}, tasks={TASKS}, {setting.hyper})"
    memory = f"task_memory({setting.memory})"
    systems: dict[str, tuple[str, str | tuple[()]]] = {
        "fine-tuning of one network": (setting.road, ()),
        "hypernetwork": (hyper, ()),
        f"hypernetwork, {memory}": (hyper, memory),
    }
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {arguments.seeds} seeds, {epochs} epochs a task")
    for name, (encoder, penalties) in systems.items():
        began = time.perf_counter()
        found = [run(setting, encoder, penalties, seed, epochs) for seed in range(arguments.seeds)]
        scores = np.stack([each.scores for each in found])  # [seeds, tasks, tasks]
        print(f"\n### {name}\n\n| accuracy, % |", " | ".join(f"task {task}" for task in range(TASKS)), "| so far |")
        print("| --- |" + " ---: |" * (TASKS + 1))
        for after in range(TASKS):
            known = scores[:, after, : after + 1]
            cells = [_shown(known[:, task]) for task in range(after + 1)] + [""] * (TASKS - 1 - after)
            print(f"| after task {after} | {' | '.join(cells)} | {_shown(known.mean(axis=1))} |")
        moved = _shown(np.array([each.moved for each in found]))
        print(f"\nold tasks' probabilities moved by {moved} %; {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
