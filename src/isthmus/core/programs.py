"""Compiled programs: how they are made, and how many a process keeps.

Each shape of a network or a table needs programs of its own, of some 2.5 MB and 30 memory maps each. JAX keeps them
all, and Linux ends a process that holds 65,530 maps: a search over many shapes must drop those of the shapes it left.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

MOST_PROGRAMS = 250  # compiled since the last time that they were dropped
MOST_MAPS = 16_000  # memory maps that may be left, a quarter of what Linux allows
MAPS = Path("/proc/self/maps")
COMPILED = "/jax/core/compile/backend_compile_duration"

_functions: list[Any] = []  # all that `compiled` has returned
_lock = threading.Lock()
_count = 0  # programs that the process has compiled since the last time that they were dropped


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Return a function that JAX compiles, by its own rules of promotion, whatever the process has set for others.

    Parameters
    ----------
    function : of arrays.
    options : of `jax.jit`.
    """

    @functools.wraps(function)
    def trace(*arguments: Any, **keywords: Any) -> Any:
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return function(*arguments, **keywords)

    program = jax.jit(trace, **options)
    _functions.append(program)
    return program


def drop_programs() -> None:
    """Drop the programs compiled so far, where many have been since the last time: before a training, or an answer.

    Those in use go on, in whatever thread; what is called again is compiled again. The programs of others are dropped
    only where the process would otherwise come near the number of memory maps at which Linux ends it.
    """
    global _count
    if _count < MOST_PROGRAMS:
        return
    with _lock:
        if _count < MOST_PROGRAMS:  # another thread has just done it
            return
        _count = 0
        for function in _functions:
            function.clear_cache()
        if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
            jax.clear_caches()


def _hear(event: str, duration_secs: float, **_: Any) -> None:  # noqa: ARG001 -- JAX passes it by name
    global _count
    _count += event == COMPILED


jax.monitoring.register_event_duration_secs_listener(_hear)
