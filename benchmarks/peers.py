"""Train the same autoencoder with isthmus and with its peers; print seconds, rates, errors and memory.

python benchmarks/peers.py --data FOLDER --processes 3 --seeds 5

Every figure comes from a fresh process (`--one PEER CASE`), so that a first fit is a first fit. README.md beside
this file says how to read the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import report
from cases import CASES
from measuring import PRODUCTS, errors, machine, measure, rate
from trainers import TRAINERS

ABSENT = 3  # exit status: the peer is not installed
COMPARED = ("isthmus", "pytorch, 1 thread")  # over seeds
PACKAGES = ("isthmus", "jax", "torch", "scikit-learn", "keras", "skorch", "pyod", "pythae", "numpy")


def main() -> int:
    options = parsed()
    if options.one:
        return one(options)
    if options.rate:
        print(json.dumps(rate(options.rate)))
        return 0
    place = machine()
    print(f"{place}\n{', '.join(versions())}\n")
    rates = {name: found for name in PRODUCTS if (found := child(["--rate", name])) is not None}
    fastest = max(rates.values())
    print("matrix products: " + ", ".join(f"{name} {found / 1e9:.0f} GFLOP/s" for name, found in rates.items()))
    found = {case: run(case, fastest, options) for case in options.cases}
    for name in options.peers:
        if TRAINERS[name].note:
            print(f"- {name}: {TRAINERS[name].note}")
    if options.json:
        options.json.write_text(json.dumps({"machine": place, "rates": rates, "cases": found}, indent=1))
    return 0


def run(name: str, fastest: float, options: argparse.Namespace) -> dict[str, Any]:
    """Measure a case with all peers, print its table, and return the figures."""
    common = ["--repeats", str(options.repeats), *(["--data", str(options.data)] if options.data else [])]
    found: dict[str, list[Any]] = {peer: [] for peer in options.peers}
    for _ in range(options.processes):  # peer after peer, so that a busy minute hits all
        for peer in found:
            found[peer].append(child(["--one", peer, name, *common]))
    figures = {peer: best(runs) for peer, runs in found.items() if None not in runs}
    print(f"\n## {name}\n")
    for line in (*report.table(figures, fastest), "", *report.targets(CASES[name], figures, fastest)):
        print(line)
    seeds: dict[str, Any] = {}
    if options.seeds:
        asked = {peer: child(["--one", peer, name, "--seeds", str(options.seeds), *common]) for peer in COMPARED}
        seeds = {peer: values for peer, values in asked.items() if values is not None}
        for line in report.equality(seeds):
            print(line)
    print(flush=True)
    return {"figures": figures, "errors by seed": seeds}


def best(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of several processes as one: the least seconds, for what others do only adds."""
    seconds, others = min(pair for figures in runs for pair in figures["warm"])
    return runs[0] | {
        "cold": min(figures["cold"] for figures in runs),
        "warm": seconds,
        "others": others,
        "peak_bytes": min(figures["peak_bytes"] for figures in runs),
    }


def child(arguments: list[str]) -> Any:
    """Return what this script prints with other arguments in a process of its own; None, and a line, if it fails."""
    clean = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(  # noqa: S603 -- this very script
        [sys.executable, __file__, *arguments], env=clean, capture_output=True, text=True, check=False
    )
    if not done.returncode:
        return json.loads(done.stdout.strip().splitlines()[-1])
    reason = "skipped, not installed" if done.returncode == ABSENT else "failed"
    print(f"{' '.join(arguments[1:3])}: {reason}: {(done.stderr.strip() or 'killed').splitlines()[-1]}", flush=True)
    return None


def one(options: argparse.Namespace) -> int:
    """Measure one peer on one case, and print the figures as a line of JSON."""
    peer, case = options.one
    try:
        TRAINERS[peer].prepare()
    except ImportError as error:
        print(error, file=sys.stderr)
        return ABSENT
    if options.seeds:
        print(json.dumps(errors(TRAINERS[peer], CASES[case], options.data, options.seeds)))
    else:
        print(json.dumps(measure(TRAINERS[peer], CASES[case], options.data, options.repeats)))
    return 0


def versions() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"no {name}"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="real rows; without it rows are made up")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--peers", nargs="+", choices=TRAINERS, default=list(TRAINERS), metavar="PEER")
    parser.add_argument("--processes", type=int, default=1, help="fresh processes for each figure; least counts")
    parser.add_argument("--repeats", type=int, default=3, help="warm fits in each process; the least counts")
    parser.add_argument("--seeds", type=int, default=0, help="compare held-out errors over so many seeds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--one", nargs=2, metavar=("PEER", "CASE"), help="measure one, print one line of JSON")
    parser.add_argument("--rate", choices=PRODUCTS, help="measure a library's matrix products, print one number")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
