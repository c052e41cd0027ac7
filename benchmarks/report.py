"""The figures as Markdown: a table for each case, and what was to be reached beside what was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import stats

from cases import Case

Figures = Mapping[str, Any]
OURS = "isthmus"
QUIET = 0.1  # cores that other processes may keep busy
BASELINES = ("pytorch, 1 thread", "pytorch, 2 threads", "scikit-learn")
HEADINGS = (
    "peer",
    "cold s",
    "warm s",
    "µs/step",
    "GFLOP/s",
    "of the rate",
    "held-out error",
    "peak MB",
    "peak / data",
    "cold / isthmus",
    "warm / isthmus",
)


def table(found: Mapping[str, Figures], rate: float) -> Iterator[str]:
    """Yield the lines of a case's table."""
    yield row(HEADINGS)
    yield row(["---"] + ["---:"] * (len(HEADINGS) - 1))
    for name, figures in found.items():
        speed = figures["flop"] / figures["warm"]
        yield row(
            [
                name,
                f"{figures['cold']:.2f}",
                f"{figures['warm']:.3f}",
                f"{1e6 * figures['warm'] / figures['steps']:.0f}",
                f"{speed / 1e9:.1f}",
                f"{speed / rate:.0%}",
                f"{figures['error']:.4g}",
                f"{figures['peak_bytes'] / 1e6:.0f}",
                f"{figures['peak_bytes'] / figures['data_bytes']:.1f}",
                ratio(found, figures, "cold"),
                ratio(found, figures, "warm"),
            ]
        )


def row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def ratio(found: Mapping[str, Figures], figures: Figures, which: str) -> str:
    return f"{figures[which] / found[OURS][which]:.1f}" if OURS in found else ""


def targets(case: Case, found: Mapping[str, Figures], rate: float) -> Iterator[str]:
    """Yield a line for each target of the case that the figures can judge."""
    others = {name: figures for name, figures in found.items() if name != OURS}
    if OURS in found and others:
        yield from targets_beside(case, found[OURS], others)
    if OURS in found:
        yield from own_targets(case, found[OURS], rate)
    disturbed = [f"{name} {figures['others']:.1f}" for name, figures in found.items() if figures["others"] > QUIET]
    if disturbed:
        yield f"- do not trust: other processes kept cores busy beside {', '.join(disturbed)}"


def targets_beside(case: Case, ours: Figures, others: Mapping[str, Figures]) -> Iterator[str]:
    """Yield a line for each target that depends on the peers."""
    fastest = min(others, key=lambda name: others[name]["warm"])
    times, least = others[fastest]["warm"] / ours["warm"], case.targets.warm
    yield judged(times >= least, f"warm {times:.2f} x the fastest peer ({fastest})", f"≥ {least:g} x")
    baselines = [name for name in BASELINES if name in others]
    if baselines:
        slowest = max(baselines, key=lambda name: others[name]["cold"])
        limit = others[slowest]["cold"]
        yield judged(ours["cold"] <= limit, f"cold {ours['cold']:.2f} s", f"≤ {limit:.2f} s, that of {slowest}")


def own_targets(case: Case, ours: Figures, rate: float) -> Iterator[str]:
    """Yield a line for each target of the case that does not depend on the peers."""
    share = ours["flop"] / ours["warm"] / rate
    compiling = ours["cold"] - ours["warm"]
    memory = ours["peak_bytes"] / ours["data_bytes"]
    asked = case.targets
    if np.isfinite(asked.compiling):
        yield judged(compiling < asked.compiling, f"compile (cold - warm) {compiling:.2f} s", f"< {asked.compiling} s")
    if asked.rate:
        yield judged(share >= asked.rate, f"{share:.0%} of the matrix-product rate", f"≥ {asked.rate:.0%}")
    if np.isfinite(asked.memory):
        yield judged(memory < asked.memory, f"peak memory {memory:.2f} x the data", f"< {asked.memory:g} x")


def judged(is_reached: bool, reached: str, target: str) -> str:
    return f"- {'reached' if is_reached else 'MISSED'}: {reached}; target {target}"


def equality(found: Mapping[str, list[float]]) -> Iterator[str]:
    """Yield each peer's held-out error over seeds, and whether the two could be one (Welch's t-test)."""
    for name, values in found.items():
        yield f"- {name}: {np.mean(values):.4g} ± {np.std(values, ddof=1):.2g} over {len(values)} seeds"
    if len(found) == 2:
        chance = stats.ttest_ind(*found.values(), equal_var=False).pvalue
        yield judged(
            chance > 0.05, f"a difference as large would come by chance with p = {chance:.2f}", "p > 0.05: equal"
        )
