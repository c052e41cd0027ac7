"""What is measured in one process: seconds of a first and of later fits, memory, error; the machine's own rate."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cases import Case
from trainers import Reconstruct, Trainer

SIZE = 2048  # of the square matrices whose product gives the machine's rate


def measure(trainer: Trainer, case: Case, folder: Path | None, repeats: int) -> dict[str, Any]:
    """Return the figures of one peer on one case; call it in a fresh process."""
    x, held_out = case.rows(folder)
    trainer.prepare()
    with peak_memory() as memory:
        cold, reconstruct = timed(trainer, case, x, seed=0)
    error = held_out_error(reconstruct, held_out)
    warm = [beside_others(trainer, case, x, seed) for seed in range(1, repeats + 1)]
    return {
        "cold": cold,
        "warm": warm,
        "steps": case.steps(len(x)),
        "flop": case.flop(*x.shape),
        "error": error,
        "peak_bytes": memory[0],
        "data_bytes": x.nbytes,
    }


def errors(trainer: Trainer, case: Case, folder: Path | None, seeds: int) -> list[float]:
    """Return the held-out error of a fit for each seed."""
    x, held_out = case.rows(folder)
    trainer.prepare()
    return [held_out_error(trainer.fit(case, x, seed), held_out) for seed in range(seeds)]


def timed(trainer: Trainer, case: Case, x: np.ndarray, seed: int) -> tuple[float, Reconstruct]:
    """Return the seconds of a fit, and what came of it."""
    begin = time.perf_counter()
    reconstruct = trainer.fit(case, x, seed)
    return time.perf_counter() - begin, reconstruct


def beside_others(trainer: Trainer, case: Case, x: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the seconds of a fit, and how many cores other processes kept busy meanwhile."""
    begin = seconds_of_others()
    seconds, _ = timed(trainer, case, x, seed)
    return seconds, (seconds_of_others() - begin) / seconds


def held_out_error(reconstruct: Reconstruct, held_out: np.ndarray) -> float:
    """Return the sum of squares over columns, mean over rows."""
    difference = np.asarray(reconstruct(held_out), np.float64) - held_out
    return float(np.square(difference).sum(axis=1).mean())


def seconds_of_others() -> float:
    """Return the processor seconds that all other processes have had since the machine started; Linux only."""
    user, nice, system, _, _, *more = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK") - time.process_time()


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Give a list whose number is, afterwards, the bytes resident at the peak above those before; Linux only.

    The kernel keeps the peak, and forgets it when asked to. Where it may not be asked, memory is looked at every
    5 ms.
    """
    peak = [0]
    before = memory_line("VmRSS")
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        with watched(peak):
            yield peak
    else:
        yield peak
        peak[0] = memory_line("VmHWM")
    peak[0] -= before


@contextmanager
def watched(peak: list[int]) -> Iterator[None]:
    """Keep the largest resident memory seen in the list."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.005):
            peak[0] = max(peak[0], memory_line("VmRSS"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def memory_line(name: str) -> int:
    """Return a line of the process's status in bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def numpy_product() -> Callable[[], Any]:
    matrix = np.ones((SIZE, SIZE), np.float32)
    return lambda: matrix @ matrix


def jax_product() -> Callable[[], Any]:
    import jax

    matrix = jax.numpy.ones((SIZE, SIZE))
    product = jax.jit(lambda a: a @ a)
    return lambda: product(matrix).block_until_ready()


def torch_product() -> Callable[[], Any]:
    import torch

    matrix = torch.ones((SIZE, SIZE))
    return lambda: matrix @ matrix


PRODUCTS = {"numpy": numpy_product, "jax": jax_product, "torch": torch_product}


def rate(library: str) -> float:
    """Return the most operations a second of a square float32 product, of thirty after a first."""
    multiply = PRODUCTS[library]()
    multiply()
    fastest = np.inf
    for _ in range(30):
        begin = time.perf_counter()
        multiply()
        fastest = min(fastest, time.perf_counter() - begin)
    return 2 * SIZE**3 / fastest


def machine() -> str:
    """Return what stands in every table's first line: the processor, its cores, and how busy it is."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    return f"{found[1] if found else 'unknown processor'}, {os.cpu_count()} cores, load {load:.1f} at the start"
