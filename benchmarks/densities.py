"""Densities of a target whose spread, shape and correlation change with the row, beside a net of constant variance.

    python benchmarks/densities.py [--seeds 5]

`waves`: y = sin 2x + (0.1 + 0.4 |x|) ε. `forks`: one of two branches, ±(1 + x / 4) + 0.15 ε. `pairs`: two outputs whose
correlation is tanh 2x. 2,000 rows train, 4,000 are judged. Log score: mean log-density of the target in its own units,
higher is better; CRPS: lower is better, summed over outputs; coverage: how often the central 90 % interval holds the
target, by output. `truth` is the density that the rows were drawn from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from isthmus import NetworkRegressor

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]  # x [n, 1], y [n] or [n, 2], the log-density of y [n]
TARGETS = (
    "gaussian(shared)",
    "gaussian(diagonal)",
    "gaussian(full)",
    "mixture(5)",
    "histogram(30)",
    "histogram(30, edges='quantile')",
)


def waves(rows: int, seed: int) -> Drawn:
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, rows)
    law = stats.norm(np.sin(2 * x), 0.1 + 0.4 * np.abs(x))
    y = law.rvs(random_state=generator)
    return x[:, None], y, law.logpdf(y)


def forks(rows: int, seed: int) -> Drawn:
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, rows)
    branch = generator.choice([-1, 1], rows)
    y = branch * (1 + x / 4) + 0.15 * generator.normal(size=rows)
    each = [stats.norm(sign * (1 + x / 4), 0.15).pdf(y) for sign in (-1, 1)]
    return x[:, None], y, np.log(np.mean(each, axis=0))


def pairs(rows: int, seed: int) -> Drawn:
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, rows)
    correlation = np.tanh(2 * x)
    first, second = generator.normal(size=(2, rows))
    y = np.stack([first, correlation * first + np.sqrt(1 - correlation**2) * second], axis=1)
    inner = (y[:, 1] - correlation * y[:, 0]) / np.sqrt(1 - correlation**2)
    log_density = stats.norm.logpdf(y[:, 0]) + stats.norm.logpdf(inner) - np.log(1 - correlation**2) / 2
    return x[:, None], y, log_density


SETS: dict[str, Callable[[int, int], Drawn]] = {"waves": waves, "forks": forks, "pairs": pairs}


def judged(target: str, name: str, seed: int) -> tuple[float, float, float]:
    """Return log score, CRPS and coverage on new rows."""
    x, y, _ = SETS[name](2000, seed)
    settings: dict[str, Any] = {"max_epochs": 200, "stops": "patience(20)", "random_state": seed}
    model = NetworkRegressor("mlp((64, 64), activation=tanh)", target=target, **settings).fit(x, y)
    x, y, _ = SETS[name](4000, seed + 1000)
    found = model.predict_dist(x)
    crps = np.asarray(found.crps(y)).reshape(len(y), -1).sum(axis=1).mean()
    return float(np.mean(found.log_prob(y))), float(crps), float(np.mean(found.coverage(y, 0.9)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name, draw in SETS.items():
        truth = np.mean([draw(4000, seed + 1000)[2].mean() for seed in range(options.seeds)])
        print(f"\n### {name}, {options.seeds} seeds; log score of the truth {truth:.3f}\n")
        print("| target | log score | CRPS | coverage of 90 % intervals |\n| --- | ---: | ---: | ---: |")
        for target in TARGETS:
            found = np.array([judged(target, name, seed) for seed in range(options.seeds)])
            log_score, crps, coverage = (f"{m:.3f} ± {s:.3f}" for m, s in zip(found.mean(0), found.std(0), strict=True))
            print(f"| `{target}` | {log_score} | {crps} | {coverage} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
