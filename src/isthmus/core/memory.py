"""How much memory there is, and a sentence where more is needed: sizes are counted before they are made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jax

from isthmus.errors import InvalidPart, short

GIGABYTE = 10**9
QUOTES = "'\""
SPARED = 0.9  # the share of what is free that may be taken
MEMORY = Path("/proc/meminfo")
LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""What a container may take, and what it has taken, in both versions of control groups."""


def free_memory() -> int | None:
    """Return how many bytes this process may still take, None where the system does not say."""
    known = [
        free for free in (_available(), *(_within(*files) for files in LIMITS), _address_space()) if free is not None
    ]
    return max(min(known), 0) if known else None


def require_memory(needed: float, what: str, advice: str) -> None:
    """Raise `InvalidPart` where so many bytes are more than the memory that is free.

    Examples
    --------
    >>> require_memory(1e18, "a network", "Use fewer units.")
    Traceback (most recent call last):
        ...
    isthmus.errors.InvalidPart: a network needs 1,000,000,000 GB of memory, and there are ... GB. Use fewer units.
    """
    free = free_memory()
    if free is not None and needed > SPARED * free:
        there = f"{free / GIGABYTE:,.1f}"
        raise InvalidPart(f"{what} needs {needed / GIGABYTE:,.0f} GB of memory, and there are {there} GB. {advice}")


@contextlib.contextmanager
def named_shortage(advice: str) -> Iterator[None]:
    """Raise `InvalidPart`, with what to do, where memory runs out: on a device, or for an array.

    Examples
    --------
    >>> with named_shortage("Use fewer units."):
    ...     raise MemoryError("Unable to allocate 9 TiB")
    Traceback (most recent call last):
        ...
    isthmus.errors.InvalidPart: there is not enough memory (Unable to allocate 9 TiB). Use fewer units.
    """
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if not isinstance(error, MemoryError) and not str(error).startswith("RESOURCE_EXHAUSTED"):
            raise
        raise InvalidPart(f"there is not enough memory ({short(str(error)).strip(QUOTES)}). {advice}") from error


def _available() -> int | None:
    """Return what the machine has, the memory of files that can be dropped included."""
    with contextlib.suppress(OSError, ValueError):
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _within(limit: Path, used: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no control group, or "max"
        return int(limit.read_text()) - int(used.read_text())
    return None


def _address_space() -> int | None:
    """Return what `ulimit -v` leaves."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return None if limit == resource.RLIM_INFINITY else limit - pages * resource.getpagesize()
    return None
