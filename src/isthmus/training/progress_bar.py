"""`ProgressBar`: epochs, loss and time left, on a terminal, in a notebook, or as lines of a log."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from isthmus.training.callbacks import Epoch

EVERY = 30.0  # seconds from one line of a log to the next
BEGINS = "reading the table"  # what is done until the first epoch has ended


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, line: str, number: int, most: int) -> None:
        """Show that so many of at most so many epochs have ended, and what a line says."""

    def close(self) -> None:
        """Leave nothing behind that moves."""


class ProgressBar:
    """A callback that shows how far a training is: a bar on a terminal or in a notebook, else a line now and then.

    As a context it shows that something is done before the first epoch, too.

    Parameters
    ----------
    name : what is trained.

    Examples
    --------
    >>> import isthmus, numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> with isthmus.ProgressBar("detector") as bar:
    ...     detector = isthmus.AnomalyDetector(isthmus.Autoencoder(1, max_epochs=3)).fit(X, callbacks=bar)
    """

    def __init__(self, name: str = "fit") -> None:
        self.name = name
        self._screen: Screen | None = None
        self._networks = 1  # those of a fit so far, one after the other

    def __enter__(self) -> Self:
        self._open().show(f"{self.name}: {BEGINS}", 0, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, epoch: Epoch) -> None:
        """Show an epoch that has ended."""
        screen, self._networks = self._open(), self._networks + (epoch.number == 1 and self._has_begun)
        self._has_begun = True
        which = f"{self.name}, network {self._networks}" if self._networks > 1 else self.name
        screen.show(f"{which}: {epoch!r}", epoch.number, epoch.most)

    _has_begun = False

    def close(self) -> None:
        """End what moves."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def say(self, line: str) -> None:
        """Write a line that stays, in place of what moved."""
        self.close()
        _write_line(f"{self.name}: {line}.")

    def _open(self) -> Screen:
        if self._screen is None:
            self._screen = _screen_here()
        return self._screen


def _screen_here() -> Screen:
    if sys.stderr.isatty():
        return _Terminal()
    display = _notebook()
    return _Log() if display is None else _Notebook(display)


class _Terminal:
    """A bar on standard error, which is gone at the end."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    def show(self, line: str, number: int, most: int) -> None:
        self._bar.update(self._task, description=line, completed=number, total=most if number else None)
        if number < 2:  # the first lines are not waited for
            self._bar.refresh()

    def close(self) -> None:
        self._bar.stop()


class _Notebook:
    """A bar below the cell of a notebook, which stays with the last epoch."""

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None
        self._last = -1.0
        self._shown: tuple[str, int, int] | None = None

    def show(self, line: str, number: int, most: int) -> None:
        self._shown = line, number, most
        if time.monotonic() - self._last >= 0.1:  # a page cannot follow more
            self._write()

    def _write(self) -> None:
        if self._shown is None:
            return
        line, number, most = self._shown
        self._last, self._shown = time.monotonic(), None
        value = f" value='{number}' max='{most}'" if number else ""
        page = {"text/html": f"<progress{value}></progress> {html.escape(line)}", "text/plain": line}
        if self._handle is None:
            self._handle = self._display(page, raw=True, display_id=True)
        else:
            self._handle.update(page, raw=True)

    def close(self) -> None:
        self._write()


class _Log:
    """A line on standard error now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, line: str, number: int, most: int) -> None:
        if number and time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            _write_line(line)

    def close(self) -> None:
        """Nothing moves."""


def _write_line(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # standard error is closed
        print(line, file=sys.stderr, flush=True)  # noqa: T201 -- that is what was asked for


def _notebook() -> Callable[..., Any] | None:
    """Return what displays in the notebook that this runs in, or None."""
    if "IPython" not in sys.modules or importlib.util.find_spec("IPython") is None:
        return None
    from IPython import get_ipython  # type: ignore[import-not-found,unused-ignore]
    from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

    shell = get_ipython()
    return display if shell is not None and getattr(shell, "kernel", None) is not None else None
