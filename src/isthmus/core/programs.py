"""Compiled programs: how they are made, and how many a process keeps.

Each shape of a network or a table needs programs of its own, of some 2.5 MB and 30 memory maps each. JAX keeps them
all, and Linux ends a process that holds 65,530 maps: a search over many shapes must drop those of the shapes it left.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax

from isthmus.errors import IsthmusError

MOST_PROGRAMS = 200  # compiled since the last time that they were dropped
EVERY = 5  # times that those of the library are dropped, all of the process are
COMPILED = "/jax/core/compile/backend_compile_duration"

Answer = TypeVar("Answer")

_functions: dict[Any, tuple[Callable[..., Any], dict[str, Any]]] = {}  # what `compiled` has returned, and of what
_variants: dict[tuple[Any, str], Any] = {}  # the same functions, with other options of the compiler
_lock = threading.Lock()
_count = 0  # programs that the process has compiled since the last time that they were dropped
_times = 0  # that they were dropped
_is_used = False  # whether this process has used JAX, as far as is known
_is_forked = False  # whether it was forked from one that had


@contextlib.contextmanager
def own_promotion() -> Iterator[None]:
    """Promote types and ranks by JAX's defaults, whatever the process has set for others."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def compiled(function: Callable[..., Answer], **options: Any) -> Callable[..., Answer]:
    """Return a function that JAX compiles, by the library's own rules of promotion.

    Parameters
    ----------
    function : of arrays; it may then be given those of NumPy, too.
    options : of `jax.jit`.
    """

    @functools.wraps(function)
    def trace(*arguments: Any, **keywords: Any) -> Answer:
        with own_promotion():
            return function(*arguments, **keywords)

    program = jax.jit(trace, **options)
    _functions[program] = trace, options
    return program


def variant(program: Any, options: dict[str, Any]) -> Any:
    """Return a program that `compiled` has returned, to be compiled with options of the compiler; traced once for all.

    It is called from outside of other programs only.
    """
    key = program, repr(sorted(options.items()))
    if key not in _variants:
        trace, own = _functions[program]
        _variants[key] = jax.jit(trace, **own, compiler_options=options)
    return _variants[key]


def check_not_forked() -> None:
    """Raise `IsthmusError` in a process that was forked from one that had used JAX: there it would wait for ever."""
    global _is_used
    if _is_forked:
        raise IsthmusError(
            "this process was forked from one in which JAX had been used, and JAX works in no such process: start it "
            "by 'spawn' or 'forkserver', as multiprocessing.get_context('spawn') does, or fork before any fit or use."
        )
    _is_used = True


def drop_programs() -> None:
    """Drop the programs compiled so far, where many have been since the last time: before a training, or an answer.

    Those in use go on, in whatever thread; what is called again is compiled again. What others have compiled, and what
    JAX remembers of traces, goes seldom: after a thousand programs.

    Raises
    ------
    IsthmusError
        In a process that was forked from one that had used JAX.
    """
    global _count, _times
    check_not_forked()
    if _count < MOST_PROGRAMS:
        return
    with _lock:
        if _count < MOST_PROGRAMS:  # another thread has just done it
            return
        _count, _times = 0, _times + 1
        for function in (*_functions, *_variants.values()):
            function.clear_cache()
        if _times % EVERY == 0:
            jax.clear_caches()
        _return_memory()


def _return_memory() -> None:
    """Give what memory is free back to the system: half of what programs took lies in pieces that malloc keeps."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # not glibc
            ctypes.CDLL(None).malloc_trim(0)


def _mark_fork() -> None:
    global _is_forked
    _is_forked = _is_forked or _is_used or _count > 0 or _times > 0


if os.name == "posix":
    os.register_at_fork(after_in_child=_mark_fork)


def _hear(event: str, duration_secs: float, **_: Any) -> None:  # noqa: ARG001 -- JAX passes it by name
    global _count
    _count += event == COMPILED


jax.monitoring.register_event_duration_secs_listener(_hear)
